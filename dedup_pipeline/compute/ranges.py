"""Many runs of neighbouring places at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


def concatenated_ranges(first: Places, count: Places) -> Places:
    """The places first, first + 1, … of every run (R,) of so many places, one run after the other."""
    ends = np.cumsum(count)
    places: Places = np.repeat(first - (ends - count), count)
    return places + np.arange(len(places))
