"""The one way from bytes to a picture: every stage, the training and the queries see the same pixels.

A *picture* is a (height, width, 3) uint8 RGB array, upright, opaque, at most WORKING_SIDE pixels on its long side.
"""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from dedup_pipeline.errors import InputError
from dedup_pipeline.schemas import FetchStatus

Picture = npt.NDArray[np.uint8]

WORKING_SIDE = 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")

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
    image = open_image(data, max_pixels=max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
            image.load()
            pixels = np.asarray(_opaque(ImageOps.exif_transpose(image)), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, MemoryError) as error:
        raise PictureError(FetchStatus.TRUNCATED, f"the picture is damaged: {error}") from error
    return _within(pixels, WORKING_SIDE)


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
