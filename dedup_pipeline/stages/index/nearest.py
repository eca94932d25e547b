"""The nearest of what several files have found."""

from __future__ import annotations

import numpy as np

from dedup_pipeline.compute.dtypes import Floats, Rows


def nearest(rows: Rows, cosines: Floats, count: int) -> tuple[Rows, Floats]:
    """The nearest of each query's findings: nearest first, the lower row first of those equally near.

    Args:
        rows: (Q, F) int64, -1 where nothing was found.
        cosines: (Q, F) float32, -inf where nothing was found.
        count: how many at most.

    Returns:
        Rows (Q, count) and cosines (Q, count), filled up with -1 and -inf.
    """
    order = np.lexsort((rows, -cosines), axis=1)[:, :count]
    rows, cosines = np.take_along_axis(rows, order, axis=1), np.take_along_axis(cosines, order, axis=1)
    missing = count - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        cosines = np.pad(cosines, ((0, 0), (0, missing)), constant_values=-np.inf)
    return rows, cosines


def without_own(rows: Rows, cosines: Floats, own: Rows) -> tuple[Rows, Floats]:
    """Leave out each query's own row (Q,), or the last finding where it was not found: (Q, F) become (Q, F - 1)."""
    kept = rows != own[:, None]
    kept[kept.all(axis=1), -1] = False
    shape = (len(rows), rows.shape[1] - 1)
    return rows[kept].reshape(shape), cosines[kept].reshape(shape)
