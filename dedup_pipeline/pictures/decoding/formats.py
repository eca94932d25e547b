"""The formats that are read, by Pillow: what this process and its decoding children share.

It imports little, so that a child is there soon and holds little.
"""

from __future__ import annotations

import io
import mmap
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

Picture = npt.NDArray[np.uint8]

WORKING_SIDE = 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
TILE = 1 << 18  # pixels that are brought to RGB at a time
# values of schemas.FetchStatus, which takes pyarrow to import
STATUSES = EMPTY, NO_IMAGE, DAMAGED, UNSUPPORTED, TOO_LARGE, COSTLY = (
    "empty",
    "not-an-image",
    "truncated",
    "unsupported",
    "too-many-pixels",
    "too-costly",
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OUT_OF_MEMORY = "out of memory error when reading image file"  # how Pillow puts what its decoders say

# the cap is checked before decoding by `open_image`; Pillow's own warning would only repeat it
Image.MAX_IMAGE_PIXELS = None


class UnreadableError(Exception):
    """Bytes that do not make a picture.

    Args:
        status: the value of a FetchStatus.
        message: what is wrong with them.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Header(NamedTuple):
    """What an image says of itself: its pixels as stored, and its format."""

    width: int
    height: int
    format: str


def open_image(data: bytes, *, max_pixels: int) -> Image.Image:
    """Read the header of an image; no pixel is decoded.

    Raises:
        UnreadableError: the bytes are no image, of a format that is not read, damaged, or have too many pixels.
        MemoryError: there is not enough.
    """
    require_content(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not ours to judge
            image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        raise UnreadableError(NO_IMAGE, "the content is no image") from None
    except MemoryError:
        raise
    except Exception as error:  # of hostile bytes a plugin can raise anything
        raise UnreadableError(DAMAGED, f"the header is damaged: {said(error)}") from error
    if image.format not in FORMATS:
        raise UnreadableError(UNSUPPORTED, f"format {image.format} is not read; use one of {', '.join(FORMATS)}")
    require_pixels(image.width, image.height, max_pixels)
    return image


def header_of(image: Image.Image) -> Header:
    """What an opened image says of itself."""
    return Header(image.width, image.height, str(image.format))


def require_content(data: bytes) -> None:
    """Refuse what is no image at a glance.

    Raises:
        UnreadableError: there are no bytes, or markup.
    """
    if not data:
        raise UnreadableError(EMPTY, "there are no bytes")
    head = data[:256].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html")):
        raise UnreadableError(NO_IMAGE, "the content is an HTML page")


def require_pixels(width: int, height: int, most: int) -> None:
    """Refuse a picture that is too large.

    Raises:
        UnreadableError: it has more pixels than it may.
    """
    if width * height > most:
        raise UnreadableError(TOO_LARGE, f"{width} x {height} pixels are more than fetch.max_pixels = {most}")


def read_image(data: bytes, *, max_pixels: int) -> tuple[Picture, Header]:
    """Decode an image of any supported format by Pillow.

    Returns:
        Its pixels (H, W, 3) uint8 RGB, upright, opaque and as many as are stored, but of a large JPEG a half, fourth or
        eighth of the rows and columns, as long as both sides keep the working size; and what it says of itself.

    Raises:
        UnreadableError: as ``open_image``, or the pixels are damaged.
        MemoryError: there is not enough.
    """
    image = open_image(data, max_pixels=max_pixels)
    header = header_of(image)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
            image.load()
            turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
            if turn is not None:
                image = image.transpose(turn)
            return _pixels(image), header
    except MemoryError:
        raise
    except Exception as error:  # of hostile bytes a decoder can raise anything
        if str(error) == _OUT_OF_MEMORY:
            raise MemoryError(str(error)) from error
        raise UnreadableError(DAMAGED, f"the picture is damaged: {said(error)}") from error


def within(pixels: Picture, side: int) -> Picture:
    """Shrink a picture (H, W, 3) so that no side is longer than ``side``; a smaller one is left as it is."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def can_have(size: int) -> bool:
    """Whether this process could have so many more bytes now; none of them is taken."""
    try:
        mmap.mmap(-1, size).close()
    except (OSError, MemoryError):
        return False
    return True


def said(error: BaseException) -> str:
    """What an error of others says, on one line."""
    return " ".join(str(error).split()) or f"its decoder raised {type(error).__name__}"


def _pixels(image: Image.Image) -> Picture:
    """RGB without transparency, from any mode; tile by tile, as its steps would take several times its room."""
    white = _white(image)
    if image.width * image.height <= TILE:
        return np.asarray(_opaque(image, white), dtype=np.uint8)
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for box in _tiles(image.width, image.height):
        left, top, right, bottom = box
        pixels[top:bottom, left:right] = np.asarray(_opaque(image.crop(box), white), dtype=np.uint8)
    return pixels


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    columns = min(width, TILE)
    rows = max(1, TILE // columns)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _white(image: Image.Image) -> float | None:
    """By what the values of a deep grey image are divided to fit 8 bits; None for all other modes."""
    if image.mode.startswith("I;16"):
        return 257.0
    if image.mode not in ("I", "F"):
        return None
    # 32-bit modes do not say what white is: what fits 8 bits is taken as 8 bits
    greatest = [np.asarray(image.crop(box)).max(initial=0) for box in _tiles(image.width, image.height)]
    return 257.0 if np.max(greatest, initial=0) > 255 else 1.0


def _opaque(image: Image.Image, white: float | None) -> Image.Image:
    if white is not None:
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray((values / white).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        ground = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, colours).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
