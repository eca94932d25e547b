"""Patches in which two pictures differ: how large the largest is, and what of it lies deep inside the product.

Sellers put badges and logos into the corners of a photo, over the rim of the product, and watermarks all over it;
makers put motifs and labels on the product, away from its rim.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.alignment.light import Floats, Mask
from dedup_pipeline.alignment.registration import Matrix

# name -> +1 when more of it speaks for one product, -1 when against, 0 when neither
DEEP: dict[str, int] = {
    "deep_patch": -1,  # share of the products: the largest patch that differs deep inside of what both have as product
    "deep_patch_corner": -1,  # how far that lies from the nearest corner of either picture; 1 is the middle
    "deep_patch_depth": -1,  # how far from the product's rim; 1 is the innermost
    "deep_likeness": 1,  # correlation of structure deep inside, of the surroundings where it is least
}
_DEEP = 0.25  # of the greatest distance to the product's rim: what reaches over the rim lies on the photo
_SURROUNDINGS = (15, 15)  # pixels: a word of another motif, not the seam that a map misses by a pixel
_STRUCTURED = 6.0  # variance of L in the surroundings from which there is structure to agree in
_NOISE = 1.5  # of which is noise
_OPENING = np.ones((5, 5), np.uint8)


def patch_area(mask: Mask) -> float:
    """Pixels of the largest connected patch of a mask (H, W), specks aside."""
    patch = _largest(mask)
    return float(np.count_nonzero(patch)) if patch is not None else 0.0


def deep_patch(differing: Mask, both: Mask, total: int, back: Matrix, size: tuple[int, int]) -> dict[str, float]:
    """What differs deep inside of the product.

    Args:
        differing: (H, W), where two pictures differ, in the frame of the second.
        both: (H, W), where both have product.
        total: pixels that either has as product.
        back: (3, 3), the map from this frame to the first picture's.
        size: width and height of the first picture.

    Returns:
        Every name of DEEP; where nothing differs there, the area is 0 and the other two are NaN.
    """
    depth = depth_of(both)
    depth /= max(1.0, float(depth.max()))
    patch = _largest(differing & (depth >= _DEEP))
    if patch is None:
        return {"deep_patch": 0.0, "deep_patch_corner": math.nan, "deep_patch_depth": math.nan}
    rows, columns = np.nonzero(patch)
    centre = np.array([[[columns.mean(), rows.mean()]]])
    height, width = differing.shape
    return {
        "deep_patch": len(rows) / total,
        "deep_patch_corner": min(
            _from_corner(centre, (width, height)), _from_corner(cv2.perspectiveTransform(centre, back), size)
        ),
        "deep_patch_depth": float(depth[patch].mean()),
    }


def deep_likeness(shared: Floats, power: Floats, other_power: Floats, both: Mask) -> dict[str, float]:
    """How much the structure of two pictures agrees deep inside of the product, where it agrees least.

    Two words of one colour in one place differ by no patch, yet in every letter.

    Args:
        shared: (H, W), covariance of L around each pixel.
        power: (H, W), its variance in the first picture.
        other_power: (H, W), in the second.
        both: (H, W), where both have product.
    """
    depth = depth_of(both)
    deep = depth >= _DEEP * max(1.0, float(depth.max()))
    together, mine, theirs = (cv2.blur(values, _SURROUNDINGS) for values in (shared, power, other_power))
    structured = deep & (np.maximum(mine, theirs) >= _STRUCTURED)
    if not structured.any():
        return {"deep_likeness": 1.0}
    likeness = together[structured] / np.sqrt((mine[structured] + _NOISE) * (theirs[structured] + _NOISE))
    return {"deep_likeness": float(likeness.min())}


def depth_of(mask: Mask) -> npt.NDArray[np.float32]:
    """Pixels (H, W) from each of a mask to the nearest one outside; what the frame cuts off ends there."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], dtype=np.float32)


def _largest(mask: Mask) -> Mask | None:
    """The largest connected patch (H, W) of a mask, specks aside."""
    if np.count_nonzero(mask) < _OPENING.size:
        return None
    opened = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, _OPENING)
    count, labels = cv2.connectedComponents(opened)
    if count == 1:
        return None
    return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()))


def _from_corner(point: npt.ArrayLike, size: tuple[int, int]) -> float:
    """How far a point (1, 1, 2) is from the nearest corner of a frame: 0 there, 1 in the middle."""
    shares = np.clip(np.asarray(point, dtype=np.float64).reshape(2) / np.asarray(size), 0, 1)
    return float(np.hypot(*np.minimum(shares, 1 - shares)) * math.sqrt(2))
