"""What the alignment needs of a picture: a small copy, where its product is, and its keypoints."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.foreground import Box, Mask, product_of
from dedup_pipeline.pictures.text_cards import photo_or_card

Points = npt.NDArray[np.float32]
Descriptors = npt.NDArray[np.uint8]

WINDOW = 11  # pixels across, the surroundings of a pixel
TEXTURE = 6.0  # variance of L above which surroundings have structure
NOISE = 1.5  # and below which they are flat
SIDE = 160  # pixels of the long side on which two pictures are compared
_KEYPOINT_SIDE = 256  # and on which keypoints are looked for
_MOST_KEYPOINTS = 400
# of SIFT: lower and higher than usual, for plain garments have few corners; at a contrast of 0.0156 or below OpenCV
# examines every ripple of a flat ground, a quarter of the time for 1 keypoint in 100
_CONTRAST, _EDGE = 0.0157, 12
_LAYERS = 2  # of each octave, one less than usual: a quarter faster, and of 60 hard re-uploads it loses none
_DESCRIPTOR_SCALE = 512.0

# SIFT's descriptor is 4 x 4 cells of 8 directions; mirroring the picture turns rows and directions round
MIRRORED = np.array(
    [
        ((3 - row) * 4 + column) * 8 + (8 - direction) % 8
        for row in range(4)
        for column in range(4)
        for direction in range(8)
    ]
)

_local = threading.local()


@dataclass(frozen=True)
class View:
    """A picture as the alignment sees it.

    Attributes:
        picture: (H, W, 3) uint8 RGB, long side SIDE.
        product: (H, W) bool, see product_of.
        box: of the product.
        texture: (H, W) bool, where the lightness of the surroundings varies.
        points: (K, 2) float32, places of the keypoints, x and y in pixels of ``picture``.
        descriptors: (K, 128) uint8, RootSIFT (Arandjelovic and Zisserman 2012, "Three things everyone should know to
            improve object retrieval"), scaled so that a dot product of 512^2 is 1.
        text_card: whether it is drawn text, such as a size chart.
    """

    picture: Picture
    product: Mask
    box: Box
    texture: Mask
    points: Points
    descriptors: Descriptors
    text_card: bool = False


def view_of(picture: Picture) -> View:
    """Look at the photo of a picture (H, W, 3) uint8 RGB; at all of it where it is a card of text."""
    picture, _, text_card = photo_or_card(picture)
    small = _scaled(picture, SIDE)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
    product, box = product_of(lab)
    large = _scaled(picture, _KEYPOINT_SIDE)
    found, described = _detector().detectAndCompute(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), None)
    shrink = np.array(small.shape[1::-1], np.float32) / np.array(large.shape[1::-1], np.float32)
    centres = np.array([keypoint.pt for keypoint in found], dtype=np.float32).reshape(-1, 2) + 0.5
    points = centres * shrink - 0.5  # pixels are counted from their centres: else mirrored points lie off
    raw = np.asarray(described if len(found) else np.zeros((0, 128)), dtype=np.float32)
    roots: Points = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)) * _DESCRIPTOR_SCALE
    descriptors = np.minimum(roots, 255).round().astype(np.uint8)
    texture = moments_of(lab[..., 0])[1] > TEXTURE
    return View(small, product, box, texture, np.asarray(points, np.float32), descriptors, text_card)


def mean_of(values: Floats) -> Floats:
    """The mean (H, W) of the surroundings of each pixel."""
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW)), dtype=np.float32)


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """The mean and the variance, (H, W) each, of the surroundings of each pixel."""
    mean = mean_of(values)
    return mean, np.asarray(np.maximum(mean_of(values * values) - mean * mean, 0), dtype=np.float32)


def _scaled(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)


def _detector() -> cv2.SIFT:
    """SIFT (Lowe 2004, "Distinctive image features from scale-invariant keypoints"), one for each thread."""
    if not hasattr(_local, "sift"):
        _local.sift = cv2.SIFT_create(  # type: ignore[attr-defined,unused-ignore]
            nfeatures=_MOST_KEYPOINTS,
            nOctaveLayers=_LAYERS,
            contrastThreshold=_CONTRAST,
            edgeThreshold=_EDGE,
            enable_precise_upscale=True,
        )
    found: cv2.SIFT = _local.sift
    return found
