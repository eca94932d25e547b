"""What each predicted pair is: right, wrong, ignored, or a family violation; and which pair of photos it stands for.

Every predicted pair is one of: ignored (in ignore.csv, or a listing that is not scored), right (in truth.csv), a family
violation (both listings are one family), or wrong.
"""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dedup_pipeline.evaluate.truth import Truth, unordered

PHOTO_PAIR = ["photo_a", "photo_b"]


def edit_names(edits: str) -> set[str]:
    """Return the kinds of edit in a description: `crop:0.1x0.1+tone:+0.08 | jpeg:50` gives crop, tone and jpeg."""
    steps = (step for part in edits.split(" | ") for step in re.split(r"\+(?=[a-z])", part))
    return {step.partition(":")[0] for step in steps if step}


def pair_table(pairs: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """Return rows `(id_a, id_b, score)`, `id_a < id_b`, each pair once with its highest score."""
    rows = [(first, second, value) for (first, second), value in pairs.items() if first != second]
    table = unordered(pd.DataFrame(rows, columns=["id_a", "id_b", "score"]).astype({"id_a": str, "id_b": str}))
    return table.groupby(["id_a", "id_b"], sort=False)["score"].max().reset_index()


def classified(pairs: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Add class, level, mistake and the photo pair (photo_a <= photo_b) to rows with `id_a <= id_b`.

    `class` is ignored, right, family or wrong; `mistake` says what a wrong pair shows; `level` is null unless right.
    """
    table = pairs.merge(truth.pairs[["id_a", "id_b", "level"]], how="left", on=["id_a", "id_b"])
    table = table.merge(truth.ignored.assign(ignore=True), how="left", on=["id_a", "id_b"])
    first, second = (truth.listings.reindex(table[name]).reset_index(drop=True) for name in ("id_a", "id_b"))
    table["class"], table["mistake"] = class_and_mistake(
        first, second, ignored=table["ignore"].notna(), right=table["level"].notna()
    )
    return with_photos(table, truth)


def class_and_mistake(
    first: pd.DataFrame, second: pd.DataFrame, *, ignored: "pd.Series[bool]", right: "pd.Series[bool]"
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Return the class of each pair, and what it shows if it is wrong.

    Args:
        first: a row of ``Truth.listings`` per pair, null where the truth does not know the listing.
        second: the same of the other listing.
        ignored: whether ignore.csv has the pair.
        right: whether truth.csv has it.
    """
    unscored = first["scored"].eq("0") | second["scored"].eq("0")
    known = first["kind"].notna() & second["kind"].notna()
    classes = [
        (ignored | unscored, "ignored"),
        (right, "right"),
        (known & first["family"].eq(second["family"]), "family"),
    ]
    mistakes = [
        (~known, "unknown productId"),
        (first["kind"].eq("placeholder") | second["kind"].eq("placeholder"), "placeholder"),
        (first["kind"].ne("photo") | second["kind"].ne("photo"), "unusable picture"),
        (_share_a_part(first, second), "shares a part"),
        (first["style"].ne("") & first["style"].eq(second["style"]), "same style, other colour or view"),
    ]
    return _first_true(classes, "wrong"), _first_true(mistakes, "other product")


def _share_a_part(first: pd.DataFrame, second: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows show one garment in both pictures; photos.csv may name what packs and sets consist of."""
    if "parts" not in first:
        return pd.Series(False, index=first.index)
    sides = zip(first["parts"].fillna(""), second["parts"].fillna(""), strict=True)
    return pd.Series([not set(one.split()).isdisjoint(other.split()) for one, other in sides], index=first.index)


def best_photo_pairs(kept: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return right and wrong rows of ``classified`` per photo pair: the highest score, right when any row is.

    Args:
        kept: the right and the wrong rows, as of ``crowds.classified_rows``.
        known: the true photo pairs, as of ``true_photo_pairs``.

    Returns:
        Indexed by PHOTO_PAIR: score, right, mistake, count (of pairs of photos that a row stands for), level (of the
        photo pair; null unless right).
    """
    grouped = kept.assign(right=kept["class"].eq("right")).groupby(PHOTO_PAIR, sort=False)
    best = grouped.agg(
        score=("score", "max"), right=("right", "max"), mistake=("mistake", "first"), count=("photo_pairs", "max")
    )
    return best.join(known["level"])


def true_photo_pairs(truth: Truth) -> pd.DataFrame:
    """Return the true pairs by photo, indexed by PHOTO_PAIR: level, edits, hops, and id_a, id_b of one listing pair."""
    return with_photos(truth.pairs, truth).drop_duplicates(PHOTO_PAIR, keep="last").set_index(PHOTO_PAIR)


def with_photos(table: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Add photo_a <= photo_b; an id that is not in photos.csv is a photo of its own."""
    photos = {
        f"photo_{side}": table[f"id_{side}"].map(truth.listings["photo_id"]).fillna("?" + table[f"id_{side}"])
        for side in ("a", "b")
    }
    return unordered(table.assign(**photos), "photo_a", "photo_b")


def _first_true(cases: list[tuple["pd.Series[bool]", str]], otherwise: str) -> npt.NDArray[np.object_]:
    conditions = [condition.fillna(False).to_numpy(dtype=bool) for condition, _ in cases]
    return np.select(conditions, [name for _, name in cases], default=otherwise).astype(object)
