"""Precision and recall of predicted duplicates, per pair of photos (the headline) and per pair of listings.

Only right and wrong pairs (see ``classify``) enter precision and recall.  At photo level all listing pairs of two
photos count once, found when any of them is predicted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from dedup_pipeline.evaluate.classify import best_photo_pairs, edit_names, true_photo_pairs
from dedup_pipeline.evaluate.crowds import Crowd, classified_rows
from dedup_pipeline.evaluate.figures import Counts, Found, PairMetrics, Ranking, Score, by_key
from dedup_pipeline.evaluate.ranking import ranking
from dedup_pipeline.evaluate.truth import Truth, read_truth


def score(
    truth_folder: Path, pairs: Mapping[tuple[str, str], float], scored: bool = False, crowds: Sequence[Crowd] = ()
) -> Score:
    """Measure predicted pairs against a truth folder.

    Args:
        truth_folder: holds truth.csv, photos.csv and, optionally, ignore.csv.
        pairs: pair of productIds to score, higher = more certain; order within a pair and repetition do not matter.
        scored: whether the scores mean anything; if so, the views have a ranking.
        crowds: groups of which the pairs name a star, and mean all.

    Raises:
        InputError: the truth folder is not one.
    """
    return score_against(read_truth(Path(truth_folder)), pairs, scored, crowds)


def score_against(
    truth: Truth, pairs: Mapping[tuple[str, str], float], scored: bool = False, crowds: Sequence[Crowd] = ()
) -> Score:
    """Measure predicted pairs against a truth; arguments as of ``score``."""
    predicted = classified_rows(pairs, crowds, truth)
    kinds = _counted(predicted["class"], predicted["pairs"])
    ids = {*predicted["id_a"], *predicted["id_b"]}.union(*(crowd.families for crowd in crowds))
    counts = Counts(
        predicted_pairs=int(predicted["pairs"].sum()),
        ignored_pairs=kinds["ignored"],
        family_violations=kinds["family"],
        unknown_ids=int((~pd.Index(sorted(ids)).isin(truth.listings.index)).sum()),
    )
    kept = predicted[predicted["class"].isin(["right", "wrong"])]
    return Score(counts, _photo_view(kept, truth, scored), _listing_view(kept, truth, scored))


def _listing_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> PairMetrics:
    right = kept["class"].eq("right")
    levels = truth.pairs["level"]
    return _view(
        levels=levels,
        found_levels=kept.loc[right, "level"],
        mistakes=_counted(kept.loc[~right, "mistake"], kept["pairs"]),
        ranking=ranking(kept.assign(right=right, count=kept["pairs"]), levels) if scored else None,
    )


def _photo_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> PairMetrics:
    known = true_photo_pairs(truth)
    # Between two copies nobody can say which edit made the pair hard, so edits count for original - copy only.
    edits = known["edits"].where(known["hops"].isin(["", "1"]), "")
    best = best_photo_pairs(kept, known)
    found = known.index[known.index.isin(best.index[best["right"]])]
    return _view(
        levels=known["level"],
        found_levels=known.loc[found, "level"],
        mistakes=_counted(best.loc[~best["right"], "mistake"], best["count"]),
        ranking=ranking(best, known["level"]) if scored else None,
        by_edit=by_key(
            (name for text in edits for name in edit_names(text)),
            (name for text in edits.loc[found] for name in edit_names(text)),
        ),
    )


def _counted(names: "pd.Series[str]", counts: "pd.Series[int]") -> Counter[str]:
    """How often there is each name, in the order of the first of each, by the counts of their rows."""
    sums = counts.loc[names.index].groupby(names, sort=False).sum()
    return Counter({str(name): int(count) for name, count in sums.items()})


def _view(
    levels: "pd.Series[str]",
    found_levels: "pd.Series[str]",
    mistakes: Counter[str],
    ranking: Ranking | None,
    by_edit: dict[str, Found] | None = None,
) -> PairMetrics:
    right, wrong, truth = len(found_levels), mistakes.total(), len(levels)
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / truth if truth else 0.0
    return PairMetrics(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        right=right,
        wrong=wrong,
        missed=truth - right,
        truth=truth,
        by_level=by_key(levels, found_levels),
        wrong_by_kind=dict(mistakes),
        by_edit=by_edit,
        ranking=ranking,
    )
