"""The worst mistakes of a run, for a person to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from dedup_pipeline.evaluate.judged import EVIDENCE
from dedup_pipeline.evaluate.outcome import RunOutcome
from dedup_pipeline.evaluate.truth import Truth

SHOWN = 12


@dataclass(frozen=True)
class Side:
    """One of the two photos: a listing that shows it, and its edits when it is a copy."""

    listing_id: str
    title: str
    photo_id: str
    image_id: str | None
    edits: str


@dataclass(frozen=True)
class Mistake:
    """A pair that was judged wrongly, or nearly so.

    Attributes:
        accepted: whether duplicates.json says that it is one product.
        reason: what a wrong pair shows; the level of a true one.
        split: of the pair.
        found: how it became a candidate; None when it did not.
        probability: of the verdict; None without one.
        score: as exported; None when it was not.
        evidence: name to value, of the verdict.
        sides: the two photos.
    """

    accepted: bool
    reason: str
    split: str
    found: str | None
    probability: float | None
    score: float | None
    evidence: dict[str, float | bool | str]
    sides: tuple[Side, Side]


def worst_wrong(judged: pd.DataFrame, truth: Truth, outcome: RunOutcome, most: int = SHOWN) -> list[Mistake]:
    """Return wrong pairs: those that were accepted, most probable first, then those that came nearest to it."""
    wrong = judged[judged["label"].eq("wrong") & (judged["accepted"] | judged["probability"].notna())]
    order = wrong.assign(certainty=wrong["score"].where(wrong["accepted"], wrong["probability"])).reset_index()
    order = order.sort_values(
        ["accepted", "certainty", "photo_a", "photo_b"], ascending=[False, False, True, True], kind="stable"
    )
    return _mistakes(order.head(most), truth, outcome)


def worst_missed(judged: pd.DataFrame, truth: Truth, outcome: RunOutcome, most: int = SHOWN) -> list[Mistake]:
    """Return true pairs that were not accepted: those that were no candidates first, then the least probable.

    A photo appears once as long as others are left, so that one bad copy with many kin does not fill the page.
    """
    missed = judged[judged["label"].eq("right") & ~judged["accepted"]].reset_index()
    order = missed.sort_values(["probability", "photo_a", "photo_b"], na_position="first", kind="stable")
    seen: set[str] = set()
    fresh = []
    for first, second in zip(order["photo_a"], order["photo_b"], strict=True):
        fresh.append(not {first, second} & seen)
        seen |= {first, second} if fresh[-1] else set()
    order = order.assign(again=[not each for each in fresh]).sort_values("again", kind="stable").head(most)
    return _mistakes(order, truth, outcome)


def _mistakes(rows: pd.DataFrame, truth: Truth, outcome: RunOutcome) -> list[Mistake]:
    shown = outcome.listings.drop_duplicates("listing_id").set_index("listing_id")
    edits = truth.listings["edits"] if "edits" in truth.listings else pd.Series(dtype=str)

    def side(row: dict[Any, Any], letter: str) -> Side:
        listing = row[f"id_{letter}"]
        title, image = (_plain(shown[name].get(listing)) for name in ("title", "image_id"))
        return Side(listing, title or "", row[f"photo_{letter}"], image, str(edits.get(listing, "")))

    return [
        Mistake(
            accepted=bool(row["accepted"]),
            reason=f"level {row['level']}" if row["label"] == "right" else row["mistake"],
            split=row["split"],
            found=_plain(row["found"]),
            probability=_plain(row["probability"]),
            score=_plain(row["score"]),
            evidence={name: row[name] for name in EVIDENCE if name in row and _plain(row[name]) is not None},
            sides=(side(row, "a"), side(row, "b")),
        )
        for row in rows.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    """None for what a table calls missing."""
    return None if pd.isna(value) else value
