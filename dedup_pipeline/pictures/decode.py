"""The one way from bytes to a picture: every stage, the training and the queries see the same pixels.

A *picture* is a (height, width, 3) uint8 RGB array, upright, opaque, at most WORKING_SIDE pixels on its long side.

What is decoded in this process is bounded beforehand, by its header; all else is decoded by a child process that can be
ended (``decoding.apart``). Both share one budget of memory.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags

from dedup_pipeline.compute.malloc import give_back_freed_memory, keep_freed_memory
from dedup_pipeline.config.decode_limits import USUAL, Limits
from dedup_pipeline.errors import InputError, ResourceError
from dedup_pipeline.pictures.decoding.apart import read_apart
from dedup_pipeline.pictures.decoding.budget import BUDGET
from dedup_pipeline.pictures.decoding.cost import JPEG, Cost, cost_of
from dedup_pipeline.pictures.decoding.formats import (
    DAMAGED,
    WORKING_SIDE,
    Header,
    Picture,
    UnreadableError,
    can_have,
    header_of,
    open_image,
    read_image,
    require_content,
    require_pixels,
    within,
)
from dedup_pipeline.schemas import FetchStatus

__all__ = [
    "WORKING_SIDE",
    "Header",
    "Limits",
    "Picture",
    "PictureError",
    "check",
    "decode",
    "decode_own",
    "greatest",
    "halved",
    "shrunk",
    "spread_of",
]

_LARGE = 1 << 25  # bytes: beside decoding so much, giving back what it took costs nothing
_MOST_SECONDS = 10.0  # of a slow processor, in this process; what may take longer can be ended


class PictureError(InputError):
    """Bytes that do not make a picture.

    Args:
        status: which kind of failure.
        message: what is wrong with them.
    """

    def __init__(self, status: FetchStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode(data: bytes, limits: Limits = USUAL) -> Picture:
    """Decode an image of any supported format to a picture.

    The first frame of an animation, turned by its EXIF orientation, CMYK and palettes as RGB, transparency over
    white, 16-bit grey scaled to 8.

    Args:
        data: the file.
        limits: what it may take.

    Raises:
        PictureError: the bytes do not make a picture, or take more work than they may.
        ResourceError: this machine cannot decode it now.
    """
    with _refusals():
        cost = _cost_here(data, limits)
        if cost is None:
            return read_apart(data, limits, wanted=True)
        with _held(cost, limits):
            pixels = _plain_jpeg(data, cost, limits.pixels)
            if pixels is None:
                pixels, _ = read_image(data, max_pixels=limits.pixels)
            return within(pixels, WORKING_SIDE)


def check(data: bytes, limits: Limits = USUAL) -> Header:
    """Find out whether ``decode`` would make a picture, for less than half of what it takes.

    Of a plain JPEG only an eighth of the rows and columns is made; its coded data, where damage shows, are read whole.

    Returns:
        What the image says of itself.

    Raises:
        PictureError: as ``decode``.
        ResourceError: as ``decode``.
    """
    with _refusals():
        cost = _cost_here(data, limits)
        if cost is None:
            return read_apart(data, limits, wanted=False)
        with _held(cost, limits):
            header = header_of(open_image(data, max_pixels=limits.pixels))
            if _plain_jpeg(data, cost, limits.pixels, side=1) is None:
                read_image(data, max_pixels=limits.pixels)
            return header


def decode_own(data: bytes) -> Picture:
    """Decode what this process has encoded itself: the same pixels, without limits.

    Raises:
        PictureError: the bytes do not make a picture.
    """
    with _refusals():
        return within(read_image(data, max_pixels=USUAL.pixels)[0], WORKING_SIDE)


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


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        raise PictureError(FetchStatus(error.status), str(error)) from error


def _cost_here(data: bytes, limits: Limits) -> Cost | None:
    """What decoding takes; None where that is to be done apart.

    Raises:
        UnreadableError: there is no picture, or one of too many pixels.
    """
    require_content(data)
    cost = cost_of(data)
    if cost is None:
        return None
    require_pixels(cost.width, cost.height, limits.pixels)
    return cost if cost.bytes <= limits.bytes and cost.seconds <= min(limits.seconds, _MOST_SECONDS) else None


@contextlib.contextmanager
def _held(cost: Cost, limits: Limits) -> Iterator[None]:
    """Hold the memory that decoding takes; to lack it is no verdict on a picture.

    Raises:
        ResourceError: this process cannot have it.
    """
    keep_freed_memory()
    with BUDGET.hold(cost.bytes, limits.bytes):
        lacking: BaseException
        try:
            yield
            return
        except MemoryError as error:
            lacking = error
        except cv2.error as error:
            if error.code != cv2.Error.StsNoMem:
                raise
            lacking = error
        except UnreadableError as error:
            if error.status != DAMAGED or can_have(cost.bytes):
                raise
            lacking = error  # some decoders call it damage when they lack memory
        finally:
            if cost.bytes >= _LARGE:
                give_back_freed_memory()
        raise ResourceError(
            f"this process cannot have the {cost.bytes:,} bytes that decoding a picture takes: free memory, or lower "
            "fetch.decode_bytes"
        ) from lacking


def _plain_jpeg(data: bytes, cost: Cost, max_pixels: int, *, side: int = 0) -> Picture | None:
    """Decode an upright JPEG without a fault by libjpeg-turbo alone; None for all else.

    Pillow would make the same pixels of it with the same library, by a slower way round.

    Args:
        data: the file.
        cost: what it takes.
        max_pixels: the most that are decoded.
        side: pixels of both sides that are enough; 0 wants them all.
    """
    if not data.startswith(JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        large = not side and min(height, width) >= 2 * WORKING_SIDE  # Pillow decodes those at half the size or less
        if large or colours not in ("YCbCr", "Gray") or (cost.tagged and _is_turned(data, max_pixels)):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, min_height=side, min_width=side), dtype=np.uint8)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - of hostile bytes a library can raise anything
        return None  # Pillow says what is wrong with it, or forgives it


def _is_turned(data: bytes, max_pixels: int) -> bool:
    """Whether a JPEG has to be turned, as Pillow understands its tags."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exif = open_image(data, max_pixels=max_pixels).getexif()
    return bool(exif.get(ExifTags.Base.Orientation, 1) != 1)
