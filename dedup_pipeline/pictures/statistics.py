"""Medians and quantiles of pictures, several times faster than numpy's own."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dedup_pipeline.compute.dtypes import Flags, Floats


def planes(lab: Floats) -> list[Floats]:
    """L, a and b, (H, W) each: numpy is several times faster on these than on a last axis of 3."""
    return [np.asarray(plane, dtype=np.float32) for plane in cv2.split(lab)]


def medians(picture: Floats, where: Flags) -> Floats:
    """The median (3,) float32 of each channel of (H, W, 3) over a mask with a pixel at least; numpy's takes longer."""
    rows = np.flatnonzero(where)
    return np.array([quantiles(plane.ravel()[rows], 0.5)[0] for plane in planes(picture)], dtype=np.float32)


def quantiles(values: Floats, *shares: float) -> list[float]:
    """Quantiles of (N,) values, N at least 1, linear between two of them; numpy's own take several times as long."""
    ordered, found = np.sort(values), []
    for share in shares:
        place = share * (len(values) - 1)
        low, high = float(ordered[int(place)]), float(ordered[math.ceil(place)])
        found.append(low + (high - low) * (place % 1))
    return found
