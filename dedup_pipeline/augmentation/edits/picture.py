"""The types that all edits share and the checks on their arguments."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""`(H, W, 3) uint8` RGB, both sides at least 1 px."""

Mask = npt.NDArray[np.uint8]
"""`(H, W) uint8`, 0 = no, 255 = yes."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def as_picture(array: npt.NDArray[Any]) -> Picture:
    """Return `array` as contiguous uint8, values clipped to 0..255 and rounded when they are floating point."""
    if np.issubdtype(array.dtype, np.floating):
        array = cv2.convertScaleAbs(np.maximum(array, 0))  # rounds and saturates in one pass
    return np.ascontiguousarray(array, dtype=np.uint8)


def require_picture(picture: Picture) -> None:
    """Check that `picture` is `(H, W, 3) uint8`.

    Raises:
        ValueError: another shape, dtype or an empty side.
    """
    is_rgb = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
    if not is_rgb or 0 in picture.shape:
        raise ValueError(f"a picture is (H, W, 3) uint8 RGB, this one is {picture.shape} {picture.dtype}: convert it")


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Check that `low <= value <= high`.

    Raises:
        ValueError: `value` lies outside, or is not a number.
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, but must lie between {low} and {high}")


def blend(below: Picture, above: Picture, opacity: Mask) -> Picture:
    """Mix two pictures of one shape; `opacity` is `(H, W) uint8`, 0 shows `below` and 255 `above`."""
    weight = opacity.astype(np.float32) * np.float32(1.0 / 255.0)
    return as_picture(cv2.blendLinear(below, above, np.float32(1.0) - weight, weight))
