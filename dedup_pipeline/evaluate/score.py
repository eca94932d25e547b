"""Precision and recall of predicted duplicates, per pair of photos (the headline) and per pair of listings.

Every predicted pair is one of: ignored (in ignore.csv, or a listing that is not scored), right (in truth.csv), a family
violation (both listings are one family), or wrong.  Only right and wrong pairs enter precision and recall.  At photo
level all listing pairs of two photos count once, found when any of them is predicted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from dedup_pipeline.evaluate.figures import Counts, Found, Ranking, Score, View
from dedup_pipeline.evaluate.truth import Truth, read_truth, unordered


def score(truth_folder: Path, pairs: Mapping[tuple[str, str], float], scored: bool = False) -> Score:
    """Measure predicted pairs against a truth folder.

    Args:
        truth_folder: holds truth.csv, photos.csv and, optionally, ignore.csv.
        pairs: pair of productIds to score, higher = more certain; order within a pair and repetition do not matter.
        scored: whether the scores mean anything; if so, the views have a ranking.

    Raises:
        InputError: the truth folder is not one.
    """
    truth = read_truth(Path(truth_folder))
    predicted = _classified(_table(pairs), truth)
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


def edit_names(edits: str) -> set[str]:
    """Return the kinds of edit in a description: `crop:0.1x0.1+tone:+0.08 | jpeg:50` gives crop, tone and jpeg."""
    steps = (step for part in edits.split(" | ") for step in re.split(r"\+(?=[a-z])", part))
    return {step.partition(":")[0] for step in steps if step}


def _table(pairs: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    rows = [(first, second, value) for (first, second), value in pairs.items() if first != second]
    table = unordered(pd.DataFrame(rows, columns=["id_a", "id_b", "score"]).astype({"id_a": str, "id_b": str}))
    return table.groupby(["id_a", "id_b"], sort=False)["score"].max().reset_index()


def _classified(pairs: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Add class, level, mistake and the photo pair (photo_a <= photo_b) to `(id_a, id_b, score)` rows."""
    table = pairs.merge(truth.pairs[["id_a", "id_b", "level"]], how="left", on=["id_a", "id_b"])
    table = table.merge(truth.ignored.assign(ignore=True), how="left", on=["id_a", "id_b"])
    side = {name: truth.listings.reindex(table[name]).reset_index(drop=True) for name in ("id_a", "id_b")}
    first, second = side["id_a"], side["id_b"]
    unscored = first["scored"].eq("0") | second["scored"].eq("0")
    known = first["kind"].notna() & second["kind"].notna()
    classes = [
        (table["ignore"].notna() | unscored, "ignored"),
        (table["level"].notna(), "right"),
        (known & first["family"].eq(second["family"]), "family"),
    ]
    mistakes = [
        (~known, "unknown productId"),
        (first["kind"].eq("placeholder") | second["kind"].eq("placeholder"), "placeholder"),
        (first["kind"].ne("photo") | second["kind"].ne("photo"), "unusable picture"),
        (first["style"].ne("") & first["style"].eq(second["style"]), "same style, other colour or view"),
    ]
    table["class"] = _first_true(classes, "wrong")
    table["mistake"] = _first_true(mistakes, "other product")
    return _with_photos(table, truth)


def _first_true(cases: list[tuple["pd.Series[bool]", str]], otherwise: str) -> npt.NDArray[np.object_]:
    conditions = [condition.fillna(False).to_numpy(dtype=bool) for condition, _ in cases]
    return np.select(conditions, [name for _, name in cases], default=otherwise).astype(object)


def _with_photos(table: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Add photo_a <= photo_b; an id that is not in photos.csv is a photo of its own."""
    photos = {
        f"photo_{side}": table[f"id_{side}"].map(truth.listings["photo_id"]).fillna("?" + table[f"id_{side}"])
        for side in ("a", "b")
    }
    return unordered(table.assign(**photos), "photo_a", "photo_b")


def _listing_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> View:
    right = kept["class"].eq("right")
    return _view(
        levels=truth.pairs["level"],
        found_levels=kept.loc[right, "level"],
        mistakes=kept.loc[~right, "mistake"],
        ranking=_ranking(kept["score"], right, len(truth.pairs)) if scored else None,
    )


def _photo_view(kept: pd.DataFrame, truth: Truth, scored: bool) -> View:
    photo_pair = ["photo_a", "photo_b"]
    known = _with_photos(truth.pairs, truth).drop_duplicates(photo_pair, keep="last").set_index(photo_pair)
    # Between two copies nobody can say which edit made the pair hard, so edits count for original - copy only.
    edits = known["edits"].where(known["hops"].isin(["", "1"]), "")
    grouped = kept.assign(right=kept["class"].eq("right")).groupby(photo_pair, sort=False)
    best = grouped.agg(score=("score", "max"), right=("right", "max"), mistake=("mistake", "first"))
    found = known.index[known.index.isin(best.index[best["right"]])]
    return _view(
        levels=known["level"],
        found_levels=known.loc[found, "level"],
        mistakes=best.loc[~best["right"], "mistake"],
        ranking=_ranking(best["score"], best["right"], len(known)) if scored else None,
        by_edit=_by_key(
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
        by_level=_by_key(levels, found_levels),
        wrong_by_kind=dict(Counter(mistakes)),
        by_edit=by_edit,
        ranking=ranking,
    )


def _by_key(keys: Iterable[str], found_keys: Iterable[str]) -> dict[str, Found]:
    total, found = Counter(keys), Counter(found_keys)
    return {key: Found(found[key] / number, found[key], number) for key, number in sorted(total.items())}


def _ranking(scores: "pd.Series[float]", right: "pd.Series[bool]", truth: int) -> Ranking:
    """Walk down the distinct scores; pairs of equal score are one step, as no threshold can part them."""
    if not len(scores) or not truth:
        return Ranking(0.0, 0.0, 0.0, None, None)
    ranked = pd.DataFrame({"score": scores.astype(float), "right": right.astype(int)})
    steps = ranked.groupby("score")["right"].agg(["sum", "size"]).sort_index(ascending=False).cumsum()
    precision = (steps["sum"] / steps["size"]).to_numpy()
    recall = (steps["sum"] / truth).to_numpy()

    def reached(wanted: float) -> tuple[float, float | None]:
        enough = np.flatnonzero(precision >= wanted)
        return (float(recall[enough[-1]]), float(steps.index[enough[-1]])) if len(enough) else (0.0, None)

    (recall_99, threshold_99), (recall_95, threshold_95) = reached(0.99), reached(0.95)
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    return Ranking(average, recall_99, recall_95, threshold_99, threshold_95)
