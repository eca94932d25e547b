"""Precision and recall of predicted duplicates, per pair of photos (the headline) and per pair of listings.

Only right and wrong pairs (see ``classify``) enter precision and recall.  At photo level all listing pairs of two
photos count once, found when any of them is predicted.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dedup_pipeline.evaluate.classify import best_photo_pairs, classified, edit_names, pair_table, true_photo_pairs
from dedup_pipeline.evaluate.figures import Counts, Found, Ranking, Score, View, by_key
from dedup_pipeline.evaluate.ranking import ranking
from dedup_pipeline.evaluate.truth import Truth, read_truth


def score(truth_folder: Path, pairs: Mapping[tuple[str, str], float], scored: bool = False) -> Score:
    """Measure predicted pairs against a truth folder.

    Args:
        truth_folder: holds truth.csv, photos.csv and, optionally, ignore.csv.
        pairs: pair of productIds to score, higher = more certain; order within a pair and repetition do not matter.
        scored: whether the scores mean anything; if so, the views have a ranking.

    Raises:
        InputError: the truth folder is not one.
    """
    return score_against(read_truth(Path(truth_folder)), pairs, scored)


def score_against(truth: Truth, pairs: Mapping[tuple[str, str], float], scored: bool = False) -> Score:
    """Measure predicted pairs against a truth; arguments as of ``score``."""
    predicted = classified(pair_table(pairs), truth)
    kinds = Counter(predicted["class"])
    ids = pd.unique(pd.concat([predicted["id_a"], predicted["id_b"]]))
    counts = Counts(
        predicted_pairs=len(predicted),
        ignored_pairs=kinds["ignored"],
        family_violations=kinds["family"],
        unknown_ids=int((~pd.Index(ids).isin(truth.listings.index)).sum()),
    )
    kept = predicted[predicted["class"].isin(["right", "wrong"])]
    return Score(counts, _photo_view(kept, truth, scored), _listing_view(kept, truth, scored))


def _listing_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> View:
    right = kept["class"].eq("right")
    levels = truth.pairs["level"]
    return _view(
        levels=levels,
        found_levels=kept.loc[right, "level"],
        mistakes=kept.loc[~right, "mistake"],
        ranking=ranking(kept.assign(right=right), levels) if scored else None,
    )


def _photo_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> View:
    known = true_photo_pairs(truth)
    # Between two copies nobody can say which edit made the pair hard, so edits count for original - copy only.
    edits = known["edits"].where(known["hops"].isin(["", "1"]), "")
    best = best_photo_pairs(kept, known)
    found = known.index[known.index.isin(best.index[best["right"]])]
    return _view(
        levels=known["level"],
        found_levels=known.loc[found, "level"],
        mistakes=best.loc[~best["right"], "mistake"],
        ranking=ranking(best, known["level"]) if scored else None,
        by_edit=by_key(
            (name for text in edits for name in edit_names(text)),
            (name for text in edits.loc[found] for name in edit_names(text)),
        ),
    )


def _view(
    levels: "pd.Series[str]",
    found_levels: "pd.Series[str]",
    mistakes: "pd.Series[str]",
    ranking: Ranking | None,
    by_edit: dict[str, Found] | None = None,
) -> View:
    right, wrong, truth = len(found_levels), len(mistakes), len(levels)
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / truth if truth else 0.0
    return View(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        right=right,
        wrong=wrong,
        missed=truth - right,
        truth=truth,
        by_level=by_key(levels, found_levels),
        wrong_by_kind=dict(Counter(mistakes)),
        by_edit=by_edit,
        ranking=ranking,
    )
