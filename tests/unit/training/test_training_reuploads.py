import numpy as np
import pytest

from dedup_pipeline.imaging import Picture
from dedup_pipeline.reuploads import Strength, generator_of, recolour, reupload, reupload_with_names
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


def test_a_recolour_changes_the_product_and_leaves_the_ground(picture: Picture) -> None:
    for place in range(10):
        painted = recolour(picture, generator_of(place))
        assert painted is not None
        change = np.abs(painted.astype(int) - picture).max(axis=2)
        assert change[2:8, 2:8].max() <= 3
        assert (change > 20).mean() > 0.005


def test_nothing_to_recolour_on_an_empty_ground() -> None:
    assert recolour(np.full((60, 60, 3), 255, dtype=np.uint8), generator_of(1)) is None
