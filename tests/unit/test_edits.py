import inspect
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Picture

BLUE = (30, 60, 180)


@pytest.fixture
def photo() -> Picture:
    """A dark blue block with a red stripe, left of the middle, on a light grey gradient: 120 x 160 px."""
    picture = np.repeat(np.linspace(236, 246, 160).astype(np.uint8)[:, None], 120, axis=1)[..., None].repeat(3, axis=2)
    picture[30:140, 15:80] = BLUE
    picture[60:70, 15:80] = (200, 20, 20)
    return np.ascontiguousarray(picture)


def test_resize_sets_the_long_side_and_keeps_the_ratio(photo: Picture) -> None:
    assert edits.resize(photo, 80).shape == (80, 60, 3)
    assert edits.resize(photo, 320).shape == (320, 240, 3)


def test_crop_cuts_fractions_of_the_sides(photo: Picture) -> None:
    cut = edits.crop(photo, left=0.25, top=0.1, right=0.0, bottom=0.2)
    np.testing.assert_array_equal(cut, photo[16:128, 30:])
    assert not np.shares_memory(cut, photo)


def test_mirror_twice_is_the_picture(photo: Picture) -> None:
    np.testing.assert_array_equal(edits.mirror(photo), photo[:, ::-1])
    np.testing.assert_array_equal(edits.mirror(edits.mirror(photo)), photo)


def test_rotate_keeps_the_size_fills_the_corners_and_turns_counter_clockwise(photo: Picture) -> None:
    turned = edits.rotate(photo, 20, fill=(255, 0, 255))
    assert turned.shape == photo.shape
    assert tuple(turned[0, 0]) == (255, 0, 255)
    marked = np.zeros((101, 101, 3), dtype=np.uint8)
    marked[48:53, 95:100] = 255  # at three o'clock
    quarter = edits.rotate(marked, 90)
    assert quarter[3, 50, 0] == 255  # at twelve


def test_pad_square_frame_and_inset_centre_the_picture(photo: Picture) -> None:
    square = edits.pad_square(photo, (1, 2, 3))
    assert square.shape == (160, 160, 3)
    np.testing.assert_array_equal(square[:, 20:140], photo)
    assert tuple(square[0, 0]) == (1, 2, 3)
    framed = edits.frame(photo, (9, 9, 9), 0.05)
    assert framed.shape == (176, 136, 3)
    np.testing.assert_array_equal(framed[8:-8, 8:-8], photo)
    small = edits.inset(photo, 0.5, (7, 7, 7))
    assert small.shape == photo.shape
    assert (small[:39] == 7).all()
    assert (small[40:120, 30:90] == edits.resize(photo, 80)).all()


def test_aspect_changes_the_width_only(photo: Picture) -> None:
    assert edits.aspect(photo, 0.9).shape == (160, 108, 3)


def test_tone_follows_its_formula() -> None:
    picture = np.full((4, 4, 3), (100, 150, 200), dtype=np.uint8)
    assert tuple(edits.tone(picture, brightness=1.1)[0, 0]) == (110, 165, 220)
    assert tuple(edits.tone(picture, contrast=1.5)[0, 0]) == (86, 161, 236)
    grey = edits.tone(picture, saturation=0.0)[0, 0]
    assert len(set(grey.tolist())) == 1
    np.testing.assert_array_equal(edits.tone(picture), picture)


def test_gamma_keeps_black_and_white_and_moves_the_middle(photo: Picture) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    bright = edits.gamma(ramp, 0.7)[0, :, 0]
    assert (bright[0], bright[255]) == (0, 255)
    assert bright[128] > 128 > edits.gamma(ramp, 1.4)[0, 128, 0]


def test_blur_and_sharpen_change_local_contrast(photo: Picture) -> None:
    def roughness(picture: Picture) -> float:
        return float(np.abs(np.diff(picture.astype(float), axis=0)).max())

    assert roughness(edits.blur(photo, 2.0)) < roughness(photo) < roughness(edits.sharpen(photo, 1.5))
    np.testing.assert_array_equal(edits.blur(photo, 0.0), photo)


def test_noise_comes_from_the_generator_alone(photo: Picture) -> None:
    once, twice = (edits.noise(photo, 8.0, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    assert 6 < np.std(once[35:55, 20:75].astype(float) - photo[35:55, 20:75]) < 10


def test_logo_and_badge_stay_in_their_corner(photo: Picture) -> None:
    for painted in (
        edits.corner_logo(photo, "Aaroh", corner="bottom-right", size=0.1),
        edits.badge(photo, "SALE", corner="bottom-right", size=0.3),
    ):
        rows, columns = np.nonzero((painted != photo).any(axis=2))
        assert len(rows) > 20
        assert rows.min() > 100
        assert columns.min() > 50


def test_watermark_covers_the_whole_picture(photo: Picture) -> None:
    changed = (edits.watermark(photo, "shop", opacity=0.5, size=0.1) != photo).any(axis=2)
    quarters = [changed[:80, :60], changed[:80, 60:], changed[80:, :60], changed[80:, 60:]]
    assert all(0.01 < quarter.mean() < 0.6 for quarter in quarters)


def test_background_mask_is_the_light_gradient(photo: Picture) -> None:
    expected = np.full(photo.shape[:2], 255, dtype=np.uint8)
    expected[30:140, 15:80] = 0
    np.testing.assert_array_equal(edits.background_mask(photo), expected)


def test_a_hole_in_the_product_is_not_background(photo: Picture) -> None:
    photo[90:100, 40:50] = photo[90:100, 100:110]
    assert not edits.background_mask(photo)[30:140, 15:80].any()


def test_a_dark_or_busy_border_has_no_background() -> None:
    dark = np.full((60, 60, 3), 40, dtype=np.uint8)
    busy = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    for picture in (dark, busy):
        assert not edits.background_mask(picture).any()
        np.testing.assert_array_equal(edits.background(picture, (200, 220, 240)), picture)


def test_background_repaints_around_the_product_only(photo: Picture) -> None:
    repainted = edits.background(photo, (200, 220, 240))
    np.testing.assert_array_equal(repainted[34:136, 19:76], photo[34:136, 19:76])
    assert np.abs(repainted[80, 110].astype(int) - (200, 220, 240)).max() <= 6


def test_recolour_changes_the_product_only(photo: Picture) -> None:
    recoloured = edits.recolour(photo, hue=120)
    np.testing.assert_array_equal(recoloured[:, 90:], photo[:, 90:])
    before, after = photo[100, 50].astype(int), recoloured[100, 50].astype(int)
    assert np.abs(after - before).max() > 60


def test_recolour_tints_and_lightens_what_has_no_hue(photo: Picture) -> None:
    photo[30:140, 15:80] = 40
    red, green, _ = edits.recolour(photo, tint=(50, 20), lightness=0.2)[100, 50].astype(int)
    assert red > green + 50
    assert edits.recolour(photo, lightness=0.4)[100, 50].mean() > 80


@pytest.mark.parametrize(
    ("image_format", "expected"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG"), ("gif", "GIF")]
)
def test_encode_writes_the_format(photo: Picture, image_format: edits.Format, expected: str) -> None:
    data = edits.encode(photo, image_format, 90)
    assert data == edits.encode(photo, image_format, 90)
    with Image.open(BytesIO(data)) as image:
        assert image.format == expected
        decoded = np.asarray(image.convert("RGB"), dtype=int)
    assert np.abs(decoded - photo).mean() < 6


def test_quality_sets_the_size(photo: Picture) -> None:
    assert len(edits.encode(photo, "jpeg", 30)) < len(edits.encode(photo, "jpeg", 95))


@pytest.mark.parametrize(
    "call",
    [
        lambda p: edits.resize(p, 0),
        lambda p: edits.crop(p, left=0.6, right=0.6),
        lambda p: edits.rotate(p, 400),
        lambda p: edits.frame(p, BLUE, 0.5),
        lambda p: edits.inset(p, 0.0),
        lambda p: edits.aspect(p, 9),
        lambda p: edits.tone(p, contrast=-1),
        lambda p: edits.gamma(p, 0),
        lambda p: edits.vignette(p, 1.5),
        lambda p: edits.cast(p, (1.0, 1.0, 1.0), (0.0, 0.0, 500.0)),
        lambda p: edits.page(p, (0.1, -0.1, 0.0, 0.0), p),
        lambda p: edits.blur(p, -1),
        lambda p: edits.sharpen(p, float("nan")),
        lambda p: edits.smear(p, -1, 0),
        lambda p: edits.raster(p, [(0.5, 0.0, (0.1, 0.1, 0.1))]),
        lambda p: edits.sticker(p, ((0, 0), (1, 1)), centre=(0.5, 0.5), size=0.3, colours=(BLUE, BLUE)),
        lambda p: edits.corner_logo(p, ""),
        lambda p: edits.badge(p, "far too long for it"),
        lambda p: edits.watermark(p, "x", opacity=2),
        lambda p: edits.background(p, BLUE, tolerance=0),
        lambda p: edits.recolour(p, hue=999),
        lambda p: edits.encode(p, "jpeg", 0),
        lambda p: edits.encode(p, cast(edits.Format, "tiff")),
        lambda p: edits.resize(p[..., 0], 10),
        lambda p: edits.mirror(p.astype(float)),
    ],
)
def test_what_is_out_of_range_is_refused(photo: Picture, call: Callable[[npt.NDArray[Any]], object]) -> None:
    with pytest.raises(ValueError, match=r"must lie between|use jpeg|a picture is"):
        call(photo)


def test_no_edit_changes_its_input(photo: Picture) -> None:
    before = photo.copy()
    arguments: dict[str, tuple[Any, ...]] = {
        "resize": (50,), "frame": (BLUE, 0.1), "inset": (0.7,), "aspect": (1.1,), "gamma": (0.8,), "blur": (1.0,),
        "rotate": (5,), "sharpen": (1.0,), "noise": (5.0, np.random.default_rng(0)), "corner_logo": ("abc",),
        "watermark": ("abc",), "background": (BLUE,), "encode": ("jpeg",), "cast": ((1.1, 1.0, 0.9),),
        "keystone": (0.1,), "vignette": (0.3,), "page": ((0.5, 0.1, 0.1, 0.0), photo),
        "mottled": ((BLUE, BLUE), (3, 4), np.random.default_rng(0)), "smear": (2.0, 30.0),
        "raster": ([(4.0, 30.0, (0.1, 0.2, 0.3))],), "sticker": (((0.0, -1.0), (1.0, 1.0), (-1.0, 1.0)),),
        "transplant": (np.zeros(photo.shape[:2], dtype=np.uint8), np.zeros_like(photo)),
    }  # fmt: skip
    named: dict[str, dict[str, Any]] = {
        "keystone": {"upright": True},
        "sticker": {"centre": (0.5, 0.5), "size": 0.4, "colours": (BLUE, BLUE), "rim": 0.1, "text": "NEW"},
        "cover": {"left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2, "colour": BLUE},
    }
    functions = {name: getattr(edits, name) for name in edits.__all__ if inspect.isfunction(getattr(edits, name))}
    for name, function in functions.items():
        function(photo, *arguments.get(name, ()), **named.get(name, {}))
        np.testing.assert_array_equal(photo, before, err_msg=name)


def test_a_cast_scales_the_channels() -> None:
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    assert edits.cast(grey, (1.2, 1.0, 0.8))[0, 0].tolist() == [120, 100, 80]
    assert edits.cast(np.full((4, 4, 3), 250, dtype=np.uint8), (1.2, 1.0, 0.8)).max() == 255  # clipped, not wrapped


def test_a_cast_lifts_the_channels() -> None:
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    assert edits.cast(black, (1.0, 1.0, 1.0), (10.0, 20.0, -5.0))[0, 0].tolist() == [10, 20, 0]


def test_a_vignette_darkens_the_corners_and_leaves_the_middle() -> None:
    dark = edits.vignette(np.full((101, 101, 3), 200, dtype=np.uint8), 0.5)
    assert dark[50, 50].tolist() == [200, 200, 200]
    assert dark[0, 0].tolist() == [100, 100, 100]


def test_a_page_shows_the_photo_and_more(photo: Picture) -> None:
    height, width = photo.shape[:2]
    page = edits.page(photo, (0.5, 0.25, 0.1, 0.2), np.full((9, 9, 3), 77, dtype=np.uint8))
    assert page.shape == (height + height // 2 + height // 4, width + 12 + 24, 3)
    np.testing.assert_array_equal(page[height // 2 : height // 2 + height, 12 : 12 + width], photo)
    assert (page[: height // 2] == 77).all()


def test_a_transplanted_product_stands_on_the_new_ground(photo: Picture) -> None:
    product = np.where(np.all(photo == BLUE, axis=2), np.uint8(255), np.uint8(0))
    moved = edits.transplant(photo, product, np.full_like(photo, 9))
    assert (moved[:20] == 9).all()
    np.testing.assert_array_equal(moved[80:130, 25:70], photo[80:130, 25:70])


@pytest.mark.parametrize("cells", [(2, 2), (40, 3)])
def test_a_mottled_ground_runs_between_two_colours(cells: tuple[int, int]) -> None:
    first, second, canvas = (10, 200, 50), (110, 100, 50), np.zeros((60, 90, 3), dtype=np.uint8)
    ground = edits.mottled(canvas, (first, second), cells, np.random.default_rng(1))
    assert ground.shape == (60, 90, 3)
    assert ground.min(axis=(0, 1)).tolist() >= [10, 100, 50]
    assert ground.max(axis=(0, 1)).tolist() <= [110, 200, 50]
    assert ground[..., 0].std() > 5


def test_a_round_cover_leaves_its_corners(photo: Picture) -> None:
    covered = edits.cover(photo, left=0.2, top=0.2, width=0.5, height=0.5, colour=(1, 2, 3), rounded=True)
    height, width = photo.shape[:2]
    assert covered[round(0.45 * height), round(0.45 * width)].tolist() == [1, 2, 3]
    assert (
        covered[round(0.2 * height), round(0.2 * width)].tolist()
        == photo[round(0.2 * height), round(0.2 * width)].tolist()
    )


def test_a_cover_hides_its_part_and_no_other(photo: Picture) -> None:
    height, width = photo.shape[:2]
    covered = edits.cover(photo, left=0.0, top=0.9, width=1.0, height=0.1, colour=BLUE)
    edge = round(0.9 * height)
    assert (covered[edge:] == BLUE).all()
    np.testing.assert_array_equal(covered[:edge], photo[:edge])
    assert edits.cover(photo, left=0.9, top=0.9, width=1.0, height=1.0, colour=BLUE).shape == (height, width, 3)


@pytest.mark.parametrize(("share", "upright"), [(0.2, True), (-0.2, True), (0.2, False), (-0.2, False)])
def test_a_keystone_shortens_one_side(share: float, upright: bool) -> None:
    lines = np.full((100, 100, 3), 255, dtype=np.uint8)
    lines[:, 20:80] = 0
    lines = lines if upright else np.ascontiguousarray(lines.transpose(1, 0, 2))
    tilted = edits.keystone(lines, share, upright=upright)
    tilted = tilted if upright else tilted.transpose(1, 0, 2)
    first, last = (int((tilted[row, :, 0] < 128).sum()) for row in (2, 97))
    assert (first < last) == (share > 0)
    assert min(first, last) == pytest.approx(0.8 * max(first, last), abs=2)


def test_a_sticker_hides_its_shape_and_no_more(photo: Picture) -> None:
    diamond = ((0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))
    stuck = edits.sticker(photo, diamond, centre=(0.5, 0.5), size=0.5, colours=((9, 9, 9), (250, 0, 0)))
    assert tuple(stuck[80, 60]) == (9, 9, 9)
    changed = (stuck != photo).any(axis=2)
    assert changed[80, 35:86].all()  # half of 120 px across
    assert not changed[52:57, 32:37].any()  # a corner of the square around it
    assert changed.sum() == pytest.approx(60 * 60 / 2, rel=0.12)  # the line around it counts


def test_a_sticker_has_a_rim_and_a_word_and_is_cut_at_the_edge(photo: Picture) -> None:
    square = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
    stuck = edits.sticker(
        photo, square, centre=(0.5, 0.5), size=0.5, colours=((9, 9, 9), (250, 0, 0)), rim=0.05, text="SALE"
    )
    red = (stuck == (250, 0, 0)).all(axis=2)
    assert red[50].sum() > 40
    assert red[70:90, 40:80].any()
    outside = edits.sticker(photo, square, centre=(0.0, 1.0), size=1.0, colours=((9, 9, 9), (250, 0, 0)), text="SALE")
    assert outside.shape == photo.shape
    assert tuple(outside[159, 59]) == (9, 9, 9)
    assert (outside[:90] == photo[:90]).all()


def test_a_smear_blurs_along_its_line_only() -> None:
    picture = np.zeros((61, 61, 3), dtype=np.uint8)
    picture[:, 30] = 255
    assert edits.smear(picture, 4.0, 90)[30, 30, 0] > 200  # the line itself
    across = edits.smear(picture, 4.0, 0)[30, :, 0].astype(float)
    assert across[30] < 40
    assert np.sqrt(np.average((np.arange(61) - 30.0) ** 2, weights=across)) == pytest.approx(4.0, abs=0.3)


def test_a_raster_has_its_period_and_its_colours() -> None:
    picture = np.full((40, 120, 3), 120, dtype=np.uint8)
    waved = edits.raster(picture, [(12.0, 0.0, (0.5, 0.0, -0.25))])
    np.testing.assert_array_equal(waved[..., 1], picture[..., 1])
    np.testing.assert_array_equal(waved[:, :108, 0], waved[:, 12:, 0])
    assert waved[0, [0, 6], 0].tolist() == [180, 60]
    assert waved[0, [0, 6], 2].tolist() == [90, 150]
