"""What candidate generation finds and loses, before any verdict: a pair that is no candidate can never be found."""

from dataclasses import dataclass

import pandas as pd

from dedup_pipeline.evaluate.classify import edit_names
from dedup_pipeline.evaluate.figures import Found, by_key

_ONE_COPY = ("", "1")  # hops: between two copies nobody can say which edit made the pair hard
UNUSABLE = "a picture takes no part in matching"
UNSEEN = "the two pictures were never compared"


@dataclass(frozen=True)
class CandidateRecall:
    """Recall of candidate generation, by pair of photos.

    Attributes:
        recall: of all true pairs.
        by_level: per level.
        by_edit: per kind of edit, of pairs of an original and its copy.
        by_kind: how many true pairs each kind found: exact, perceptual, learned.
        lost: how many true pairs are no candidates, by reason.
    """

    recall: Found
    by_level: dict[str, Found]
    by_edit: dict[str, Found]
    by_kind: dict[str, int]
    lost: dict[str, int]


def candidate_recall(judged: pd.DataFrame) -> CandidateRecall:
    """Measure how many of the true pairs are among the candidates.

    Args:
        judged: as of ``judged_photo_pairs``.
    """
    true = judged[judged["label"].eq("right")]
    found = true[true["found"].notna()]
    lost = true[true["found"].isna()]
    usable = lost["usable_a"].astype(bool) & lost["usable_b"].astype(bool)
    reasons = {UNUSABLE: int((~usable).sum()), UNSEEN: int(usable.sum())}
    share = len(found) / len(true) if len(true) else 0.0
    return CandidateRecall(
        recall=Found(share, len(found), len(true)),
        by_level=by_key(true["level"], found["level"]),
        by_edit=by_key(_edits(true), _edits(found)),
        by_kind={str(kind): int(number) for kind, number in found["found"].value_counts().sort_index().items()},
        lost={reason: number for reason, number in reasons.items() if number},
    )


def _edits(pairs: pd.DataFrame) -> list[str]:
    return [name for text in pairs.loc[pairs["hops"].isin(_ONE_COPY), "edits"] for name in edit_names(text)]
