"""Telling a filter from another colour: does the ground follow what happened to the product?

Light, filters and faded prints change the whole picture alike; a recolour changes the product and leaves the ground.
So the change is fitted on the product alone, and what it predicts of the ground is compared with what is there.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from dedup_pipeline.alignment.light import Doubles, Floats, Mask, blocks_of, ridge_fit

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
    seen, target = (blocks_of(picture)[::_STEP, ::_STEP] for picture in (first, second))
    on, off = product[::_STEP, ::_STEP], ground[::_STEP, ::_STEP]
    if on.sum() < _LEAST:
        return dict.fromkeys(CAST, math.nan)
    inputs, outputs = _with_constant(seen[on]), target[on].astype(np.float64)
    unchanged = np.vstack([np.eye(3), np.zeros(3)])
    change = ridge_fit(inputs, outputs, unchanged, _RIDGE)
    made = inputs @ change
    evidence = {
        "cast_change": float(_distance(seen[on], made).mean()),
        "cast_residual": float(np.quantile(_distance(made, target[on]), 0.75)),
        "ground_follows": 0.0,
    }
    if off.sum() >= _LEAST:
        before = _distance(seen[off], target[off])
        after = _distance(_with_constant(seen[off]) @ change, target[off])
        evidence["ground_follows"] = float(np.clip(np.median(before - after), -_MOST_FOLLOWED, _MOST_FOLLOWED))
    return evidence


def _with_constant(colours: Floats) -> Doubles:
    return np.hstack([colours, np.ones((len(colours), 1), np.float32)]).astype(np.float64)


def _distance(one: Floats | Doubles, other: Floats | Doubles) -> Floats:
    """CIE Lab distances (N,) of colours (N, 3); what leaves 0 to 1 is clipped, as a file would."""
    labs = [cv2.cvtColor(np.clip(side, 0, 1).astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0] for side in (one, other)]
    return np.asarray(np.linalg.norm(labs[0] - labs[1], axis=1), dtype=np.float32)
