"""Telling a filter from another colour: does the ground follow what happened to the product?

Light, filters and faded prints change the whole picture alike; a recolour changes the product and leaves the ground.
So the change is fitted on the product alone, and what it predicts of the ground is compared with what is there.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from dedup_pipeline.compute.dtypes import Doubles, Floats
from dedup_pipeline.pictures.statistics import quantiles
from dedup_pipeline.verdict.alignment.light import Mask, blocks_of, ridge_fit

# name -> +1 when more of it speaks for one product, -1 when against, 0 when neither
CAST: dict[str, int] = {
    "cast_change": -1,  # CIE Lab units, mean over the product, that the fit forgives
    "cast_residual": -1,  # CIE Lab units that it leaves, 75 % quantile over the product
    "ground_follows": 1,  # CIE Lab units by which the fit betters the match of the grounds; below 0 it worsens it
}
_STEP = 3  # one in so many rows and columns serves
_LEAST = 30  # of these
_RIDGE = 2e-3  # pull towards no change, for each pixel
_MOST_FOLLOWED = 20.0  # CIE Lab units: more says nothing more


def cast_evidence(first: Floats, second: Floats, product: Mask, ground: Mask) -> dict[str, float]:
    """Fit the affine change of colours that makes the second product of the first, and ask the ground about it.

    Args:
        first: (H, W, 3) float32 RGB, 0 to 1.
        second: the same.
        product: (H, W), where the products are compared.
        ground: (H, W), where both show ground.

    Returns:
        Every name of CAST; NaN where too little is compared, ``ground_follows`` 0 where no ground is shared.
    """
    if np.count_nonzero(product[::_STEP, ::_STEP]) < _LEAST:
        return dict.fromkeys(CAST, math.nan)
    pictures = [blocks_of(picture)[::_STEP, ::_STEP].reshape(-1, 3) for picture in (first, second)]
    on, off = (np.flatnonzero(mask[::_STEP, ::_STEP]) for mask in (product, ground))
    seen, target = (picture[on] for picture in pictures)
    unchanged = np.hstack([np.eye(3), np.zeros((3, 1))])
    change = ridge_fit(_with_constant(seen), target.T.astype(np.float64), unchanged, _RIDGE)
    off_seen, off_target = (picture[off] for picture in pictures)
    made, off_made = ((change @ _with_constant(colours)).T for colours in (seen, off_seen))
    labs = _labs(seen, made, target, off_seen, off_made, off_target)
    evidence = {
        "cast_change": float(_distance(labs[0], labs[1]).mean()),
        "cast_residual": quantiles(_distance(labs[1], labs[2]), 0.75)[0],
        "ground_follows": 0.0,
    }
    if len(off) >= _LEAST:
        better = quantiles(_distance(labs[3], labs[5]) - _distance(labs[4], labs[5]), 0.5)[0]
        evidence["ground_follows"] = min(max(better, -_MOST_FOLLOWED), _MOST_FOLLOWED)
    return evidence


def _with_constant(colours: Floats) -> Doubles:
    """Colours (N, 3) and a one for each, (4, N)."""
    found = np.ones((4, len(colours)))
    found[:3] = colours.T
    return found


def _labs(*colours: Floats | Doubles) -> list[Floats]:
    """CIE Lab (N, 3) of several RGB (N, 3); what leaves 0 to 1 is clipped, as a file would."""
    together = np.clip(np.concatenate(colours), 0, 1).astype(np.float32)
    labs = np.asarray(cv2.cvtColor(together[None], cv2.COLOR_RGB2LAB)[0], dtype=np.float32)
    return np.split(labs, np.cumsum([len(some) for some in colours])[:-1])


def _distance(one: Floats, other: Floats) -> Floats:
    """Distances (N,) of rows (N, 3)."""
    return np.asarray(np.linalg.norm(one - other, axis=1), dtype=np.float32)
