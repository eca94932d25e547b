"""What boosted trees say of evidence that is missing, where it never was when they were grown.

LightGBM learns which way missing values go, but only for features of which it saw some. Of the others it reads NaN as 0
without a word (missing type None in ``Tree::NumericalDecision``), and 0 is the best there is where less is better: a
difference in colour that could not be told would pass for none. So such a pair is given the least that its trees say
whatever the missing value might be. Nothing is known of what it means, so nothing may be believed for it; and a pair
that does not depend on it is judged as ever.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Doubles, Floats

_MISSING_TYPE, _NONE = 0b1100, 0  # of a split's decision type: the bits that say what stands for missing, and "nothing"


def raw_scores(trees: lightgbm.Booster, matrix: Floats) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """The raw scores (N,) of the evidence (N, F) on pairs, and which of them (N,) are the least that they may be.

    These lack a feature that the trees split by and never saw missing.
    """
    scores = np.asarray(trees.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
    missing = np.isnan(matrix)
    if not missing.any():
        return scores, np.zeros(len(matrix), dtype=bool)
    at_worst = np.asarray(missing[:, _never_missing(trees, matrix.shape[1])].any(axis=1))
    if at_worst.any():
        roots = [tree["tree_structure"] for tree in trees.dump_model()["tree_info"]]
        some = matrix[at_worst].astype(np.float64)
        scores[at_worst] = sum(_least(root, some) for root in roots)
    return scores, at_worst


def _never_missing(trees: lightgbm.Booster, features: int) -> npt.NDArray[np.bool_]:
    """(F,) bool: which features the trees split by and never saw missing."""
    found = np.zeros(features, dtype=bool)
    split_by: list[int] = []
    for line in trees.model_to_string().splitlines():
        name, _, values = line.partition("=")
        if name == "split_feature":
            split_by = [int(value) for value in values.split()]
        elif name == "decision_type":
            for feature, kind in zip(split_by, values.split(), strict=True):
                found[feature] |= int(kind) & _MISSING_TYPE == _NONE
    return found


def _least(node: dict[str, Any], matrix: Doubles) -> Doubles:
    """The least (N,) that a tree may say below a node: both ways of a split count where it cannot tell which to go."""
    if "leaf_value" in node:
        return np.full(len(matrix), node["leaf_value"])
    values = matrix[:, node["split_feature"]]
    missing, goes_left = np.isnan(values), values <= node["threshold"]
    left, right = (_least(node[side], matrix) for side in ("left_child", "right_child"))
    if node["missing_type"] == "None":
        return np.where(missing, np.minimum(left, right), np.where(goes_left, left, right))
    return np.where(np.where(missing, node["default_left"], goes_left), left, right)
