"""The one way from bytes to a picture: every stage, the training and the queries see the same pixels.

A *picture* is a (height, width, 3) uint8 RGB array, upright, opaque, at most WORKING_SIDE pixels on its long side.
"""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from dedup_pipeline.errors import InputError
from dedup_pipeline.schemas import FetchStatus

Picture = npt.NDArray[np.uint8]

WORKING_SIDE = 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
_JPEG = b"\xff\xd8\xff"
_DAMAGE = (OSError, ValueError, SyntaxError, IndexError, EOFError, MemoryError)  # what decoders raise
_MARKER, _APP1, _SCAN = 0xFF, 0xE1, 0xDA  # of a JPEG's segments, ITU-T T.81 table B.1

# the cap is checked before decoding by `open_image`; Pillow's own warning would only repeat it
Image.MAX_IMAGE_PIXELS = None


class PictureError(InputError):
    """Bytes that do not make a picture.

    Args:
        status: which kind of failure.
        message: what is wrong with them.
    """

    def __init__(self, status: FetchStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def open_image(data: bytes, *, max_pixels: int) -> Image.Image:
    """Read the header of an image; no pixel is decoded.

    Raises:
        PictureError: EMPTY, NOT_AN_IMAGE, UNSUPPORTED, TRUNCATED or TOO_MANY_PIXELS.
    """
    if not data:
        raise PictureError(FetchStatus.EMPTY, "there are no bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not ours to judge
            image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        head = data[:256].lstrip().lower()
        what = "an HTML page" if head.startswith((b"<!doctype", b"<html")) else "no image"
        raise PictureError(FetchStatus.NOT_AN_IMAGE, f"the content is {what}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(FetchStatus.TRUNCATED, f"the header is damaged: {error}") from error
    if image.format not in FORMATS:
        raise PictureError(
            FetchStatus.UNSUPPORTED, f"format {image.format} is not read; use one of {', '.join(FORMATS)}"
        )
    if image.width * image.height > max_pixels:
        raise PictureError(
            FetchStatus.TOO_MANY_PIXELS,
            f"{image.width} x {image.height} pixels are more than fetch.max_pixels = {max_pixels}",
        )
    return image


def decode(data: bytes, *, max_pixels: int = 50_000_000) -> Picture:
    """Decode an image of any supported format to a picture.

    The first frame of an animation, turned by its EXIF orientation, CMYK and palettes as RGB, transparency over
    white, 16-bit grey scaled to 8.

    Raises:
        PictureError: the bytes do not make a picture.
    """
    pixels = _plain_jpeg(data, max_pixels)
    return _within(_any_image(data, max_pixels) if pixels is None else pixels, WORKING_SIDE)


def check(data: bytes, *, max_pixels: int = 50_000_000) -> None:
    """Find out whether ``decode`` would make a picture, for less than half of what it takes.

    Of a plain JPEG only an eighth of the rows and columns is made; its coded data, where damage shows, are read whole.

    Raises:
        PictureError: as ``decode``.
    """
    if _plain_jpeg(data, max_pixels, side=1) is None:
        _any_image(data, max_pixels)


def halved(picture: Picture) -> Picture:
    """Means of 2 x 2 pixels: far faster than any other way to shrink well. An odd last row or column is left out."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    even = picture[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrunk(picture: Picture, side: int) -> Picture:
    """Squash a picture (H, W, 3) to (side, side, 3), by halves as long as it is twice as large."""
    while min(picture.shape[:2]) >= 2 * side:
        picture = halved(picture)
    # two neighbours are enough where a pixel of the result covers no more than two of them
    how = cv2.INTER_LINEAR if max(picture.shape) <= 2 * side else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how), dtype=np.uint8)


def spread_of(picture: Picture) -> npt.NDArray[np.uint8]:
    """By how much the channels vary at most within the 3 x 3 pixels around each, (H, W) of (H, W, 3)."""
    return greatest(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))


def greatest(picture: cv2.typing.MatLike) -> npt.NDArray[np.uint8]:
    """The greatest channel (H, W) of (H, W, 3) uint8."""
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


def _plain_jpeg(data: bytes, max_pixels: int, *, side: int = 0) -> Picture | None:
    """Decode an upright JPEG without a fault by libjpeg-turbo alone; None for all else.

    Pillow would make the same pixels of it with the same library, by a slower way round.

    Args:
        data: the file.
        max_pixels: the most that are decoded.
        side: pixels of both sides that are enough; 0 wants them all.
    """
    if not data.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        large = min(height, width) >= 2 * WORKING_SIDE  # Pillow decodes those at half the size or less
        if large or height * width > max_pixels or colours not in ("YCbCr", "Gray") or _is_turned(data, max_pixels):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, min_height=side, min_width=side), dtype=np.uint8)
    except _DAMAGE:
        return None  # Pillow says what is wrong with it, or forgives it


def _is_turned(data: bytes, max_pixels: int) -> bool:
    """Whether a JPEG has to be turned, as Pillow understands its metadata; True where its segments are odd."""
    at, end = 2, len(data) - 4
    while at < end and data[at] == _MARKER:
        if data[at + 1] == _SCAN:
            return False
        if data[at + 1] == _APP1:  # Exif or XMP
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exif = open_image(data, max_pixels=max_pixels).getexif()
            return bool(exif.get(ExifTags.Base.Orientation, 1) != 1)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True


def _any_image(data: bytes, max_pixels: int) -> Picture:
    """Decode an image of any supported format by Pillow."""
    image = open_image(data, max_pixels=max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
            image.load()
            return np.asarray(_opaque(ImageOps.exif_transpose(image)), dtype=np.uint8)
    except _DAMAGE as error:
        raise PictureError(FetchStatus.TRUNCATED, f"the picture is damaged: {error}") from error


def _opaque(image: Image.Image) -> Image.Image:
    """RGB without transparency, from any mode."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        # 32-bit modes do not say what white is: what fits 8 bits is taken as 8 bits
        scale = 257.0 if image.mode.startswith("I;16") or values.max(initial=0) > 255 else 1.0
        return Image.fromarray((values / scale).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        ground = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, colours).convert("RGB")
    return image.convert("RGB")


def _within(pixels: Picture, side: int) -> Picture:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
