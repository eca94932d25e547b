"""Patches in which two pictures differ: how large the largest is, and what of it lies deep inside the product.

Sellers put badges and logos into the corners of a photo, over the rim of the product, and watermarks all over it;
makers put motifs and labels on the product, away from its rim.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.verdict.alignment.light import Mask
from dedup_pipeline.verdict.alignment.registration import Matrix
from dedup_pipeline.verdict.alignment.view import NOISE, TEXTURE, WINDOW

Labels = npt.NDArray[np.int32]
Areas = npt.NDArray[np.int64]

# name -> +1 when more of it speaks for one product, -1 when against, 0 when neither
DEEP: dict[str, int] = {
    "deep_patch": -1,  # share of the products: the largest patch that differs deep inside of what both have as product
    "deep_patch_corner": -1,  # how far that lies from the nearest corner of either picture; 1 is the middle
    "deep_patch_depth": -1,  # how far from the product's rim; 1 is the innermost
    "deep_likeness": 1,  # correlation of structure deep inside, of the surroundings where it is least
    "exchange_likeness": 1,  # the same of strong contrasts that both have: less where one word stands for another
}
_DEEP = 0.25  # of the greatest distance to the product's rim: what reaches over the rim lies on the photo
_SURROUNDINGS = (15, 15)  # pixels: a word of another motif, not the seam that a map misses by a pixel
_LETTER = 9  # pixels: one letter of a label; in less a word is told from its blurred copy no longer
_CHART_LETTER = 5  # pixels: one letter of a size chart, whose letters are many and small
_THIN = 0.6  # of the greatest distance to the rim: so deep lies what is inside of a thing that is nowhere thick
_CONTRAST = 2.5 * TEXTURE  # what noise and compression hardly change: 0.9 of it agrees in re-uploads
_OPENING = np.ones((5, 5), np.uint8)


def patch_area(mask: Mask) -> float:
    """Pixels of the largest connected patch of a mask (H, W), specks aside."""
    patches = _patches(mask)
    return float(patches[1].max()) if patches else 0.0


def deep_patch(differing: Mask, depth: Floats, total: int, back: Matrix, size: tuple[int, int]) -> dict[str, float]:
    """What differs deep inside of the product.

    Args:
        differing: (H, W), where two pictures differ, in the frame of the second.
        depth: (H, W), see ``depth_of``, of what both have as product.
        total: pixels that either has as product.
        back: (3, 3), the map from this frame to the first picture's.
        size: width and height of the first picture.

    Returns:
        The names of DEEP that begin with ``deep_patch``; where nothing differs there, the area is 0 and the other two
        are NaN.
    """
    patches = _patches(differing & (depth >= _DEEP))
    if not patches:
        return {"deep_patch": 0.0, "deep_patch_corner": math.nan, "deep_patch_depth": math.nan}
    labels, areas = patches
    patch = labels == 1 + int(areas.argmax())
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


def deep_likeness(shared: Floats, power: Floats, other_power: Floats, depth: Floats) -> float:
    """How much the structure of two pictures agrees deep inside of the product, where it agrees least.

    It is 1 where all is flat. Two words of one colour in one place differ by no patch, yet in every letter.

    Args:
        shared: (H, W), covariance of L around each pixel.
        power: (H, W), its variance in the first picture.
        other_power: (H, W), in the second.
        depth: (H, W), see ``depth_of``, of what both have as product.
    """
    together, mine, theirs = (cv2.blur(values, _SURROUNDINGS) for values in (shared, power, other_power))
    return _least_likeness(together, mine, theirs, (depth >= _DEEP) & (np.maximum(mine, theirs) >= TEXTURE))


def exchange_likeness(
    shared: Floats, power: Floats, other_power: Floats, enclosed: Mask, *, text_cards: bool = False
) -> float:
    """How much strong contrasts that both pictures have deep inside of the product agree, where they agree least.

    It is 1 where there are none. Where a label has another word, both have contrast in one place, and it differs.

    Args:
        shared: (H, W), covariance of L around each pixel.
        power: (H, W), its variance in the first picture.
        other_power: (H, W), in the second.
        enclosed: (H, W), see ``with_enclosed``, of what both have as product.
        text_cards: whether both are cards of text: then all that both frames cover is looked at, and smaller letters.
    """
    letter = _CHART_LETTER if text_cards else _LETTER
    together, mine, theirs = (cv2.blur(values, (letter, letter)) for values in (shared, power, other_power))
    distance = rim_distance(enclosed)
    greatest = float(distance.max())
    inside = WINDOW // 2 + letter // 2 + 1  # pixels to the rim from which no pixel outside counts
    deep = distance >= (inside if text_cards else max(min(inside, _THIN * greatest), _DEEP * greatest))
    return _least_likeness(together, mine, theirs, deep & (np.minimum(mine, theirs) >= _CONTRAST))


def _least_likeness(together: MatLike, mine: MatLike, theirs: MatLike, where: Mask) -> float:
    """The least correlation over a mask, of covariance and variances (H, W); 1 where the mask is empty."""
    if not where.any():
        return 1.0
    return float((together[where] / np.sqrt((mine[where] + NOISE) * (theirs[where] + NOISE))).min())


def with_enclosed(mask: Mask) -> Mask:
    """A mask (H, W) and all that has some of it both above and below: a white label on a white ground."""
    above, below = np.logical_or.accumulate(mask, axis=0), np.logical_or.accumulate(mask[::-1], axis=0)[::-1]
    return np.asarray(above & below)


def depth_of(mask: Mask) -> Floats:
    """How deep inside of a mask each pixel (H, W) lies: 0 outside, 1 where it is deepest."""
    depth = rim_distance(mask)
    return np.asarray(depth / max(1.0, float(depth.max())), dtype=np.float32)


def rim_distance(mask: Mask) -> Floats:
    """Pixels (H, W) from each of a mask to the nearest one outside; what the frame cuts off ends there."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], dtype=np.float32)


def _patches(mask: Mask) -> tuple[Labels, Areas] | None:
    """The connected patches of a mask, specks aside: their numbers from 1 on (H, W), and areas (P,)."""
    if np.count_nonzero(mask) < _OPENING.size:
        return None
    opened = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, _OPENING)
    count, labels = cv2.connectedComponents(opened)
    return (np.asarray(labels), np.bincount(labels.ravel())[1:]) if count > 1 else None


def _from_corner(point: npt.ArrayLike, size: tuple[int, int]) -> float:
    """How far a point (1, 1, 2) is from the nearest corner of a frame: 0 there, 1 in the middle."""
    shares = np.clip(np.asarray(point, dtype=np.float64).reshape(2) / np.asarray(size), 0, 1)
    return float(np.hypot(*np.minimum(shares, 1 - shares)) * math.sqrt(2))
