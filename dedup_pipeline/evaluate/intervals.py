"""How far a measured share may lie from the true one."""

import math

_Z = 1.959964  # of the normal distribution, for 95 %


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 when nothing was tried.

    Pairs of photos that share a photo are not independent, so the true interval is somewhat wider.
    """
    if not trials:
        return 0.0, 1.0
    share, spread = hits / trials, _Z * _Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / trials / 4)
    return max(0.0, centre - half), min(1.0, centre + half)
