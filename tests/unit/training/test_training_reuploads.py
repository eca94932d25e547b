import cv2
import numpy as np
import pytest

from dedup_pipeline.augmentation.reuploads import (
    Strength,
    generator_of,
    pack,
    recolour,
    reprint,
    reupload,
    reupload_with_names,
)
from dedup_pipeline.pictures.decode import Picture
from tiny_shop import draw_product


@pytest.fixture(scope="module")
def picture() -> Picture:
    return draw_product(1)


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_a_re_upload_is_a_function_of_its_generator(picture: Picture, strength: Strength) -> None:
    before = picture.copy()
    one, two = (reupload(picture, strength, generator_of(7, 1, 5)) for _ in range(2))
    other = reupload(picture, strength, generator_of(7, 2, 5))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()
    assert np.array_equal(picture, before)


def test_strengths_add_edits(picture: Picture) -> None:
    for place in range(40):
        counts = [len(reupload_with_names(picture, strength, generator_of(place))[1]) for strength in (1, 2, 3)]
        assert counts == [1, 2, 4]


def test_every_edit_comes_up_and_makes_a_picture(picture: Picture) -> None:
    seen: set[str] = set()
    for place in range(150):
        made, names = reupload_with_names(picture, 3, generator_of(place))
        assert made.dtype == np.uint8
        assert made.ndim == 3
        seen |= {name.split("-")[0] for name in names}
    assert {"crop", "pad", "tone", "focus", "logo", "badge", "deep", "mirror", "rotate", "background"} <= seen
    assert {"frame", "watermark", "aspect", "gamma", "inset", "jpeg", "webp", "gif"} <= seen
    assert {"cover", "page", "sticker", "shake", "raster", "keystone", "filter", "grey"} <= seen


def test_a_recolour_changes_the_product_and_leaves_the_ground(picture: Picture) -> None:
    for place in range(10):
        painted = recolour(picture, generator_of(place))
        assert painted is not None
        change = np.abs(painted.astype(int) - picture).max(axis=2)
        assert change[2:8, 2:8].max() <= 3
        assert (change > 20).mean() > 0.005


def test_nothing_to_recolour_on_an_empty_ground() -> None:
    assert recolour(np.full((60, 60, 3), 255, dtype=np.uint8), generator_of(1)) is None


@pytest.mark.parametrize("number", [3, 5, 6, 7])
def test_a_reprint_changes_a_piece_of_the_product_and_nothing_else(number: int) -> None:
    picture = draw_product(number)
    product = (np.abs(picture.astype(int) - 255) > 10).any(axis=2)
    made = [reprint(picture, draw_product(2), generator_of(place)) for place in range(30)]
    changed = [(printed != picture).any(axis=2) for printed in made if printed is not None]
    assert len(changed) > 15
    for some in changed:
        assert (some & product).sum() >= 0.9 * some.sum()
        assert 0.003 <= some.sum() / product.sum() <= 0.5


def test_a_reprint_is_a_function_of_its_generator() -> None:
    below, other = draw_product(6), draw_product(2)
    first, again = ([reprint(below, other, generator_of(7, place)) for place in range(6)] for _ in range(2))
    shown = [printed.tobytes() for printed in first if printed is not None]
    assert shown == [printed.tobytes() for printed in again if printed is not None]
    assert len(set(shown)) == len(shown) > 1


def test_nothing_to_print_on_where_no_product_is_told_from_its_ground() -> None:
    white = np.full((60, 60, 3), 255, dtype=np.uint8)
    assert reprint(white, white, generator_of(1)) is None


@pytest.mark.parametrize("size", [(8, 8), (9, 300), (300, 9)])
def test_a_reprint_takes_pictures_of_any_size(size: tuple[int, int]) -> None:
    odd = np.random.default_rng(3).integers(0, 255, (*size, 3), dtype=np.uint8)
    for place in range(10):
        for below, other in ((odd, draw_product(2)), (draw_product(1), odd)):
            made = reprint(below, other, generator_of(place))
            assert made is None or made.shape == below.shape


def test_a_pack_shows_both_products_side_by_side(picture: Picture) -> None:
    other = draw_product(2, side=150)
    for place in range(10):
        both = pack(picture, other, generator_of(place))
        height, width = picture.shape[:2]
        assert both.dtype == np.uint8
        assert len(both) == height  # of the lower of the two
        assert 1.6 * width < both.shape[1] <= 2 * width  # the other is as high or a little lower
        either = both[:, :width], both[:, -width:]
        assert any(np.array_equal(side, picture) for side in either)


def test_a_pack_is_a_function_of_its_generator(picture: Picture) -> None:
    other = draw_product(2)
    before = picture.copy(), other.copy()
    one, two = (pack(picture, other, generator_of(7, 1)) for _ in range(2))
    assert np.array_equal(one, two)
    assert len({pack(picture, other, generator_of(7, place)).tobytes() for place in range(6)}) > 1
    assert np.array_equal(picture, before[0])
    assert np.array_equal(other, before[1])


def test_two_photos_of_which_one_is_taken_for_a_page_around_the_other_are_no_pack(picture: Picture) -> None:
    words = np.full_like(picture, 30)
    height, width = words.shape[:2]
    for row in range(3, 8):
        cv2.putText(words, "HONEY", (width // 5, row * height // 10), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (140,) * 3)
    bright = np.full_like(picture, 220)
    assert all(pack(words, bright, generator_of(place)) is None for place in range(4))
    assert pack(picture, bright, generator_of(0)) is not None


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 9), (3, 300), (300, 3)])
def test_pictures_of_any_size_can_be_packed(picture: Picture, size: tuple[int, int]) -> None:
    small = np.full((*size, 3), 90, dtype=np.uint8)
    for place in range(6):
        for first, second in ((small, small), (small, picture), (picture, small)):
            made = pack(first, second, generator_of(place))
            assert made.dtype == np.uint8
            assert made.shape[0] >= 8
            assert made.shape[1] >= 16
