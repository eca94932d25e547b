"""A picture as the network sees it; the one way, in training and in inference."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.pictures.decode import Picture, shrunk
from dedup_pipeline.pictures.photo_region import SIDE, photo_of

Prepared = npt.NDArray[np.uint8]


def prepare(picture: Picture, image_px: int) -> Prepared:
    """Squash the photo of a picture to the square that the network sees; the one way, in training and in inference.

    Args:
        picture: (H, W, 3) uint8 RGB.
        image_px: side S of the square, in pixels.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    square = _squashed(picture, image_px)
    photo = photo_of(picture, shrunk(square, SIDE))  # of the square: a large picture is not shrunk twice
    return square if photo is picture else _squashed(photo, image_px)


def _squashed(picture: Picture, side: int) -> Prepared:
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
