"""How far a measured share may lie from the true one."""

from scipy.stats import binomtest


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 when nothing was tried.

    Pairs of photos that share a photo are not independent, so the true interval is somewhat wider.
    """
    if not trials:
        return 0.0, 1.0
    interval = binomtest(hits, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
