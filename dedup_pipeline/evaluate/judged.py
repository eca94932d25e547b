"""One table of every pair of photos that is true, was a candidate, or was exported: what is so, and what was said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dedup_pipeline.evaluate.classify import PHOTO_PAIR, best_photo_pairs, classified, true_photo_pairs
from dedup_pipeline.evaluate.crowds import classified_rows
from dedup_pipeline.evaluate.outcome import RunOutcome
from dedup_pipeline.evaluate.splits import ALL, split_of_listings
from dedup_pipeline.evaluate.truth import Truth, unordered
from dedup_pipeline.schemas import VERDICTS

EXACT = "exact"  # the two photos are one node: no verdict was needed
# what every verdict has; the other columns are its evidence
_PLAIN = ("node_a", "node_b", "kind", "directions", "logit", "probability", "exchanged")
EVIDENCE = tuple(name for name in VERDICTS.names if name not in _PLAIN)


def judged_photo_pairs(truth: Truth, outcome: RunOutcome) -> pd.DataFrame:
    """Lay truth and outcome side by side, by pair of photos.

    Returns:
        Indexed by PHOTO_PAIR:

        * label: right, wrong, ignored or family, as of ``classify``; a pair of photos is right when one of its pairs of
          listings is, else wrong when a wrong one was accepted, else what its listings are.
        * mistake: what a wrong pair shows; level, edits, hops: of right pairs, null of others.
        * split: ``tune`` or ``test`` when both photos are of it, else ``all``.
        * found: EXACT, the kind of the verdict, or null when the pair was no candidate.
        * node_a, node_b, probability and every column of EVIDENCE: of the verdict; probability 1 for EXACT.
        * accepted: whether duplicates.json says so; score: the exported score, null when it was not exported.
        * usable_a, usable_b: whether the photo takes part in matching; id_a, id_b: a listing that shows it.
    """
    known = true_photo_pairs(truth)
    candidates = _candidates(truth, outcome)
    exported = _exported(truth, outcome, known)
    index = known.index.union(candidates.index, sort=False).union(exported.index, sort=False)
    table = pd.DataFrame(index=index).join(known[["level", "edits", "hops"]]).join(candidates).join(exported)
    table["accepted"] = table["accepted"].eq(True)
    return _split(_usable(_labelled(table, truth, known), truth, outcome), truth)


def _showing(truth: Truth, outcome: RunOutcome) -> pd.DataFrame:
    """photo_id and node of every photo that takes part in matching; a photo of several sizes may have several nodes."""
    shown = outcome.listings.dropna(subset=["node"])
    shown = shown.assign(photo_id=shown["listing_id"].map(truth.listings["photo_id"]))
    return shown.dropna(subset=["photo_id"])[["photo_id", "node"]].drop_duplicates()


def _candidates(truth: Truth, outcome: RunOutcome) -> pd.DataFrame:
    """The likeliest verdict of each pair of photos; photos of one node need none."""
    showing = _showing(truth, outcome)
    verdicts = outcome.verdicts.rename(columns={"kind": "found"})
    judged = verdicts.merge(showing.rename(columns={"node": "node_a", "photo_id": "photo_a"}), on="node_a")
    judged = judged.merge(showing.rename(columns={"node": "node_b", "photo_id": "photo_b"}), on="node_b")
    equal = showing.merge(showing, on="node", suffixes=("_a", "_b"))
    equal = equal.rename(columns={f"photo_id_{side}": f"photo_{side}" for side in "ab"})
    equal = equal.assign(node_a=equal["node"], node_b=equal.pop("node"), found=EXACT, probability=1.0)
    columns = [*PHOTO_PAIR, "node_a", "node_b", "found", "probability", *(n for n in EVIDENCE if n in judged)]
    pairs = pd.concat([equal[equal["photo_a"] <= equal["photo_b"]], judged[judged["photo_a"] != judged["photo_b"]]])
    # a photo is a pair with itself where two families use the very same address; `known` tells which do
    same = pairs["photo_a"] == pairs["photo_b"]
    true_selves = true_photo_pairs(truth).index
    selves = pd.MultiIndex.from_frame(pairs[PHOTO_PAIR]).isin(true_selves)
    pairs = unordered(pairs.loc[~same | selves, columns], *PHOTO_PAIR)
    best = pairs.sort_values([*PHOTO_PAIR, "probability"], ascending=[True, True, False], kind="stable")
    return best.drop_duplicates(PHOTO_PAIR).set_index(PHOTO_PAIR)


def _exported(truth: Truth, outcome: RunOutcome, known: pd.DataFrame) -> pd.DataFrame:
    """Per pair of photos: score, accepted, and whether a wrong pair of listings was accepted."""
    rows = classified_rows(outcome.exported, outcome.crowds, truth)
    kept = rows[rows["class"].isin(["right", "wrong"])]
    accepted = outcome.accepted
    taken = np.array([pair in accepted for pair in zip(kept["id_a"], kept["id_b"], strict=True)], dtype=bool)
    taken |= kept["crowd"].to_numpy(bool)
    best = best_photo_pairs(kept, known)
    shipped = best_photo_pairs(kept[taken], known)
    table = best[["score"]].assign(accepted=best.index.isin(shipped.index))
    return table.assign(said_wrong=best.index.isin(shipped.index[~shipped["right"]]))


def _labelled(table: pd.DataFrame, truth: Truth, known: pd.DataFrame) -> pd.DataFrame:
    """Add label and mistake: those of one listing of each photo, unless the pair of photos is known to be another."""
    listing_of = truth.listings.reset_index().drop_duplicates("photo_id").set_index("photo_id")["productId"]
    photos = table.index.to_frame(index=False)
    ids = {f"id_{side}": photos[f"photo_{side}"].map(listing_of) for side in "ab"}
    ids = {name: values.fillna(photos[f"photo_{name[-1]}"].str.removeprefix("?")) for name, values in ids.items()}
    table = table.assign(**{name: values.to_numpy() for name, values in ids.items()})
    rows = unordered(pd.DataFrame(ids)).assign(place=range(len(table)))
    rows = classified(rows, truth).set_index("place").sort_index()
    said_wrong = table["said_wrong"].eq(True).to_numpy()
    ignored = table.index.isin(_ignored(truth))
    cases = [(table.index.isin(known.index), "right"), (said_wrong, "wrong"), (ignored, "ignored")]
    label = np.select([case for case, _ in cases], [name for _, name in cases], default=rows["class"].to_numpy(str))
    return table.assign(label=label, mistake=rows["mistake"].to_numpy()).drop(columns="said_wrong")


def _ignored(truth: Truth) -> pd.MultiIndex:
    photo_of = truth.listings["photo_id"]
    sides = {f"photo_{side}": truth.ignored[f"id_{side}"].map(photo_of) for side in "ab"}
    return pd.MultiIndex.from_frame(unordered(pd.DataFrame(sides).dropna(), *PHOTO_PAIR))


def _usable(table: pd.DataFrame, truth: Truth, outcome: RunOutcome) -> pd.DataFrame:
    photos = set(_showing(truth, outcome)["photo_id"])
    sides = {f"usable_{side}": table.index.get_level_values(f"photo_{side}").isin(photos) for side in "ab"}
    return table.assign(**sides)


def _split(table: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    of = split_of_listings(truth)
    first, second = table["id_a"].map(of), table["id_b"].map(of)
    return table.assign(split=first.where(first.eq(second), ALL))
