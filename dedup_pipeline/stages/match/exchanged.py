"""Pairs that agree all over but for one detail deep inside of the product: re-uploads, or another product.

A watermark over a label, a sticker on a print and another word on the label look alike, and no pair tells which it is.
The dump does: of simulated re-uploads it is known how many look so, and where a dump has more such pairs than its
re-uploads explain, it sells products that differ by a word.
"""

from __future__ import annotations

import numpy as np

_NEVER = 0.5  # share of the shops that sell nothing of the kind: a guess
_USUAL = -0.35  # logarithm of what sellers stick on photos by what is simulated; on luma it is -0.9
_SPREAD = 0.5  # of it, from one shop to the next
_STEPS = 61
_LEAST_WRONG = 0.3  # pairs: fewer is as good as none


def share_of_reuploads(expected: float, seen: float) -> float:
    """Of the pairs of a dump that look exchanged, the share that are re-uploads.

    Both re-uploads and other products are Poisson counts. The rate of the first is known but for a factor (lognormal),
    that of the second is nothing in some shops, and of any size in the others (uniform in its logarithm); what is
    returned is the posterior mean.

    Args:
        expected: how many re-uploads would look so if they were like the simulated ones.
        seen: how many pairs do.

    Returns:
        0 to 1; where none is seen, what would be said of one.
    """
    seen = max(seen, 1.0)
    spread = np.linspace(-3, 3, _STEPS)
    right = max(expected, 1e-9) * np.exp(_USUAL + _SPREAD * spread)[:, None]
    some = np.geomspace(_LEAST_WRONG, 3 * (seen + 1), _STEPS)
    wrong = np.concatenate([[0.0], some])
    prior = np.exp(-(spread**2) / 2)[:, None] * np.concatenate([[_NEVER], np.full(_STEPS, (1 - _NEVER) / _STEPS)])
    rate = right + wrong
    likelihood = seen * np.log(rate) - rate
    weight = prior * np.exp(likelihood - likelihood.max())
    return float((weight * right / rate).sum() / weight.sum())
