"""How many of the wrong pairs that decoys stand for a dump really has.

Decoys suppose that every photo has one recolour and one pack in the catalog. Where the scores speak against pairs, but
not loudly, nearly all candidates are wrong: there the dump shows how many wrong pairs it has for each that the decoys
foretell, true duplicates among them only making it look like more. In proteomics this is the share of incorrect
targets, by which the number of decoys is multiplied (Storey 2002, "A direct approach to false discovery rates"; Kall et
al. 2008, "Posterior error probabilities and false discovery rates: two sides of the same coin").

Easy strangers are as frequent in the dump as among what decoys find; recolours and packs are not, and the more alike
two pictures are, the more they make up of the wrong ones. So what is seen below the doubt bounds what lies above it.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from dedup_pipeline.evidence import Rows
from dedup_pipeline.probability import LOGIT_CAP, Doubles, curve_of

_DOUBT = 0.5  # probability below which, were all decoys real, a candidate would be likelier wrong than right
_WINDOW = 100  # decoys that are counted together
_WINDOWS = 3  # of these right below the doubt: farther down lie wrong pairs of other kinds
_CONFIDENCE = 0.95
_LEAST = 0.5  # two sets that share a garment passed at a quarter, in a shop that nothing was chosen on


def decoy_prevalence(candidates: Doubles, weights: Rows | Doubles, decoys: Doubles, scales: Doubles) -> float:
    """The share of the foretold wrong pairs that a dump has at most.

    Args:
        candidates: (N,) log odds of the dump's candidate pairs.
        weights: (N,) how often each was found, once from either end.
        decoys: (M,) log odds of the candidate pairs of the decoys.
        scales: (M,) pictures of the dump for each decoy.

    Returns:
        0.5 to 1: the least upper 95 % bound among the windows below the doubt; 1 where there are too few decoys.
    """
    likely = curve_of(candidates, weights, decoys, scales).at(decoys)
    order = np.argsort(-decoys, kind="stable")
    order = order[(likely[order] < _DOUBT) & (decoys[order] > -LOGIT_CAP)]
    bounds = [1.0]
    for start in range(0, min(len(order), _WINDOW * _WINDOWS) - _WINDOW + 1, _WINDOW):
        high, low = decoys[order[start]], decoys[order[start + _WINDOW - 1]]
        seen, foretold = (candidates >= low) & (candidates <= high), (decoys >= low) & (decoys <= high)
        pairs = int(seen.sum())
        most = float(chi2.ppf(_CONFIDENCE, 2 * (pairs + 1))) / 2  # of a Poisson count
        each = float(weights[seen].mean()) if pairs else float(weights.max(initial=1))
        bounds.append(most * each / float(scales[foretold].sum()))
    return max(_LEAST, min(bounds))
