"""One way from bytes to a picture, whatever the format."""

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dedup_pipeline.pictures.decode import WORKING_SIDE, Limits, PictureError, check, decode
from dedup_pipeline.schemas import FetchStatus

RED, BLUE, WHITE = (200, 30, 30), (30, 30, 200), (255, 255, 255)


def two_halves(width=64, height=48):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def looks_like_two_halves(picture, tolerance=12):
    height, width = picture.shape[:2]
    left, right = picture[height // 2, width // 4], picture[height // 2, 3 * width // 4]
    return np.abs(left.astype(int) - RED).max() <= tolerance and np.abs(right.astype(int) - BLUE).max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("GIF", {})],
)
def test_every_format_gives_the_same_picture(kind, options):
    picture = decode(saved(two_halves(), kind, **options))
    assert (picture.shape, picture.dtype) == ((48, 64, 3), np.uint8)
    assert looks_like_two_halves(picture)


def test_cmyk_comes_out_in_its_colours():
    assert looks_like_two_halves(decode(saved(two_halves().convert("CMYK"), "JPEG", quality=95)))


def test_a_palette_comes_out_in_its_colours():
    assert looks_like_two_halves(decode(saved(two_halves().quantize(8), "PNG")))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_is_applied(orientation):
    as_stored = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Pillow's transpose into each orientation
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(two_halves().transpose(Image.Transpose(as_stored)), "JPEG", quality=95, exif=exif)
    picture = decode(data)
    assert picture.shape == (48, 64, 3)
    assert looks_like_two_halves(picture)


def test_transparency_lies_over_white_and_hides_its_colour():
    image = two_halves().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (decode(saved(image, "PNG")) == 255).all()


def test_a_transparent_palette_lies_over_white():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    assert (decode(saved(image, "PNG", transparency=0)) == 255).all()


def test_the_first_frame_of_an_animation_counts():
    data = saved(two_halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), WHITE)] * 2)
    assert looks_like_two_halves(decode(data))


def test_grey_pictures_are_grey():
    picture = decode(saved(Image.new("L", (8, 8), 77), "PNG"))
    assert (picture == 77).all()


def test_sixteen_bit_grey_is_scaled():
    image = Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
    assert (decode(saved(image, "PNG")) == 128).all()


def test_sixteen_bit_grey_of_a_dark_picture_stays_dark():
    image = Image.fromarray(np.full((8, 8), 200, np.uint16))
    assert decode(saved(image, "PNG")).max() <= 1


def test_a_one_bit_picture_is_black_and_white():
    picture = decode(saved(Image.new("1", (8, 8), 1), "PNG"))
    assert (picture == 255).all()


def test_a_large_picture_is_brought_to_the_working_size():
    picture = decode(saved(two_halves(3000, 1500), "JPEG"))
    assert picture.shape == (WORKING_SIDE // 2, WORKING_SIDE, 3)
    assert looks_like_two_halves(picture)


def by_pillow(data):
    """The picture by Pillow alone; None where it refuses the file."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError):
        return None


def noisy(seed, width, height):
    """Coarse noise: every frequency of a JPEG has something to hold."""
    grains = np.random.default_rng(seed).integers(0, 256, (height // 4 + 2, width // 3 + 2, 3), dtype=np.uint8)
    return cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC)


@st.composite
def jpegs(draw):
    """JPEG files of all kinds: subsampling, progressive, restart markers, grey, turned."""
    picture = noisy(draw(st.integers(0, 99)), draw(st.integers(1, 90)), draw(st.integers(1, 90)))
    quality = draw(st.integers(1, 100))
    if draw(st.booleans()):
        factors = draw(st.sampled_from([0x411111, 0x221111, 0x211111, 0x121111, 0x111111]))
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors])[1].tobytes()
    exif = Image.Exif()
    exif[0x0112] = draw(st.integers(0, 9))
    options = {"exif": exif} if draw(st.booleans()) else {}
    options |= {"progressive": draw(st.booleans()), "optimize": draw(st.booleans())}
    options |= {"subsampling": draw(st.integers(0, 2)), "restart_marker_blocks": draw(st.integers(0, 3))}
    image = Image.fromarray(picture).convert(draw(st.sampled_from(["RGB", "L"])))
    return saved(image, "JPEG", quality=quality, **options)


@given(jpegs())
def test_every_jpeg_has_the_pixels_that_pillow_gives_it(data):
    assert np.array_equal(decode(data), by_pillow(data))


@st.composite
def damaged_jpegs(draw):
    """The same with some bytes changed, and cut short."""
    data = bytearray(draw(jpegs()))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(2, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(3, len(data)))])


@given(damaged_jpegs())
def test_damaged_jpegs_are_refused_or_forgiven_as_by_pillow(damaged):
    expected = by_pillow(damaged)
    if expected is None:
        with pytest.raises(PictureError):
            decode(damaged)
    elif max(expected.shape) <= WORKING_SIDE:
        assert np.array_equal(decode(damaged), expected)


def refusal(work, data):
    """The status of the error that is raised; None without one."""
    try:
        work(data)
    except PictureError as error:
        return error.status
    return None


@given(st.one_of(jpegs(), damaged_jpegs()))
def test_a_check_says_what_decoding_says(data):
    assert refusal(check, data) == refusal(decode, data)


@pytest.mark.parametrize(("width", "height"), [(1500, 1100), (2048, 900), (2100, 2300)])
def test_a_large_jpeg_has_the_pixels_that_pillow_gives_it(width, height):
    data = saved(Image.fromarray(noisy(1, width, height)), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
        pixels = np.asarray(image)
    scale = WORKING_SIDE / max(pixels.shape)
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    assert np.array_equal(decode(data), cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def test_a_jpeg_of_too_many_pixels_is_refused():
    with pytest.raises(PictureError, match="max_pixels") as error:
        decode(saved(two_halves(200, 100), "JPEG"), Limits(pixels=10_000))
    assert error.value.status is FetchStatus.TOO_MANY_PIXELS


def claiming(width, height):
    """A PNG whose header promises more than it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", FetchStatus.EMPTY),
        (b"<!DOCTYPE html><p>sorry", FetchStatus.NOT_AN_IMAGE),
        (b"\x00" * 100, FetchStatus.NOT_AN_IMAGE),
        (saved(two_halves(), "JPEG")[:400], FetchStatus.TRUNCATED),
        (saved(two_halves(640, 480), "PNG")[:200], FetchStatus.TRUNCATED),
        (saved(two_halves(), "PPM"), FetchStatus.UNSUPPORTED),
        (claiming(60_000, 60_000), FetchStatus.TOO_MANY_PIXELS),
    ],
)
def test_what_is_no_picture_has_its_own_status(data, status):
    assert refusal(decode, data) is refusal(check, data) is status


def test_the_pixel_cap_is_checked_before_decoding():
    with pytest.raises(PictureError, match=r"60000 x 60000 pixels are more than fetch\.max_pixels = 1000000"):
        decode(claiming(60_000, 60_000), Limits(pixels=1_000_000))
