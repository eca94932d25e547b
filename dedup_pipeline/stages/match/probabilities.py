"""From log odds to probabilities: what the decoys found, and what the texts add."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Doubles, Floats, Rows
from dedup_pipeline.schemas import VERDICTS
from dedup_pipeline.stages.match.calibration import Calibration
from dedup_pipeline.stages.match.exchanged import share_of_reuploads
from dedup_pipeline.stages.match.text_evidence import TEXTS
from dedup_pipeline.stages.match.text_model import TextModel, learn_texts, with_texts
from dedup_pipeline.store import Store
from dedup_pipeline.verdict.decoys import Curve, Tally, largest_scale, precision_interval, threshold_for

_DIGITS = 6
_UNLIKE = 4.0  # times more wrong pairs than the reference has may be in another shop: a guess, of no figure's making

Verdicts = Callable[[list[str]], Iterable[pa.Table]]
"""Some columns of VERDICTS of a whole dump, some rows at a time: the same rows in the same order however often."""


@dataclass(frozen=True)
class PairScorer:
    """How likely candidates are duplicates.

    Attributes:
        curve: of the log odds of pictures and texts.
        pictures: the curve of the log odds of pictures alone.
        texts: what the texts tell; None where they were not asked, or tell too little.
        decoys: (M,) probabilities of what the decoys found, rounded.
        scale: pictures of the dump for each of these, on average.
        draws: how many of these stand for one decoy.
        borrowed: share of the photos that the calibration took from the reference.
        exchanged: how many duplicates would be among the candidates that look exchanged, if all were re-uploads.
        reuploads: the share of them that are.
    """

    curve: Curve
    pictures: Curve
    texts: TextModel | None
    decoys: Doubles
    scale: float
    draws: int
    borrowed: float
    exchanged: float
    reuploads: float

    def of(self, verdicts: pa.Table) -> tuple[Doubles, Doubles]:
        """Of N candidates: probabilities (N,), rounded, and what the texts add to the log odds (N,)."""
        logits = _logits(verdicts)
        both = with_texts(logits, self.texts.ratios(_texts(verdicts))) if self.texts else logits
        probabilities = _told_apart(verdicts, self.curve.at(both), self.reuploads)
        return probabilities.round(_DIGITS), (both - logits).round(_DIGITS)


class ScoreHistogram:
    """How many candidates have each probability, and how often they were found; memory does not grow with them."""

    def __init__(self) -> None:
        self._candidates, self._found = (np.zeros(10**_DIGITS + 1, dtype=np.int64) for _ in range(2))
        self._values = np.round(np.arange(10**_DIGITS + 1) / 10**_DIGITS, _DIGITS)

    def add(self, probabilities: Doubles, directions: Rows) -> None:
        """Count candidates (N,) with these rounded probabilities, each found once or twice (N,)."""
        places = np.rint(probabilities * 10**_DIGITS).astype(np.int64)
        np.add.at(self._candidates, places, 1)
        np.add.at(self._found, places, directions)

    def threshold(self, target_precision: float, least: float) -> tuple[float, float]:
        """See ``threshold_for``."""
        there = np.flatnonzero(self._candidates)
        return threshold_for(self._values[there], target_precision, least, self._candidates[there])

    def accepted(self, threshold: float) -> int:
        """How many candidates reach a threshold."""
        return int(self._candidates[self._values >= threshold].sum())

    def expected(self, least: float = 0.5) -> float:
        """The sum of the probabilities from ``least`` up."""
        likely = self._values >= least
        return float((self._values * self._candidates)[likely].sum())

    def interval(self, scorer: PairScorer, threshold: float) -> tuple[float, float]:
        """Where the precision from a threshold up lies with 95 % confidence, see ``precision_interval``."""
        caught = math.ceil(int((scorer.decoys >= threshold).sum()) / scorer.draws)
        found, accepted = float(self._found[self._values >= threshold].sum()), self.accepted(threshold)
        # a decoy is counted for each end from which a wrong pair would be found
        scale = scorer.scale * scorer.draws * accepted / max(1.0, found)
        return precision_interval(accepted, caught, scale * (1 + _UNLIKE * scorer.borrowed))


def fit_pair_scorer(verdicts: Verdicts, calibration: Calibration, matched: int, *, use_texts: bool) -> PairScorer:
    """Find how likely the candidates of a dump are duplicates; they are read up to four times and not held.

    Args:
        verdicts: of the whole dump, of which log odds, directions and texts are read.
        calibration: of the dump.
        matched: how many nodes of the dump take part in matching.
        use_texts: whether the texts of listings count.
    """
    decoys = np.array(calibration.decoys)
    # a decoy looks into the dump and is not looked for, so the dump's pairs count as often as they were found
    scales = matched * np.array(calibration.decoy_shares)
    tally = Tally(decoys, scales)
    for some in verdicts(["logit", "directions"]):
        tally.add(_logits(some), some["directions"].to_numpy())
    curve = pictures = tally.curve()
    exchanged, reuploads = _exchanged(verdicts, calibration, pictures)

    def told() -> Iterator[tuple[dict[str, Floats], Doubles, Doubles]]:
        for some in verdicts(["logit", "exchanged", *TEXTS]):
            yield _texts(some), _logits(some), _told_apart(some, pictures.at(_logits(some)), reuploads)

    texts, draws = learn_texts(told()) if use_texts else None, 1
    if texts:
        draws, largest = len(texts.strangers), largest_scale(scales)
        decoys, scales = texts.on_decoys(decoys, scales)
        tally = Tally(decoys, scales, unseen=largest)
        for some in verdicts(["logit", "directions", *TEXTS]):
            tally.add(with_texts(_logits(some), texts.ratios(_texts(some))), some["directions"].to_numpy())
        curve = tally.curve()
    return PairScorer(
        curve=curve,
        pictures=pictures,
        texts=texts,
        decoys=curve.at(decoys).round(_DIGITS),
        scale=float(scales.mean()) if len(scales) else 0.0,
        draws=draws,
        borrowed=_borrowed(calibration.figures),
        exchanged=exchanged,
        reuploads=reuploads,
    )


def _exchanged(verdicts: Verdicts, calibration: Calibration, curve: Curve) -> tuple[float, float]:
    """How many candidates would be duplicates but for an exchanged detail, and the share of them that are."""
    others = seen = 0.0
    for some in verdicts(["logit", "exchanged"]):
        plain = some["exchanged"].is_null().to_numpy()
        others += _likely(curve.at(_logits(some)[plain]))
        seen += _likely(curve.at(some["exchanged"].to_numpy()[~plain]))
    share = calibration.figures["exchanged"]
    return seen, share_of_reuploads(others * share / (1 - share), seen)


def _likely(probabilities: Doubles) -> float:
    return float(probabilities[probabilities >= 0.5].sum())


def _told_apart(verdicts: pa.Table, probabilities: Doubles, reuploads: float) -> Doubles:
    """The probabilities (N,), less where a pair looks exchanged and may be another product."""
    return np.where(verdicts["exchanged"].is_null().to_numpy(), probabilities, probabilities * reuploads)


def _borrowed(figures: Mapping[str, float]) -> float:
    borrowed = figures.get("reference_photos", 0)
    return borrowed / max(1.0, figures.get("photos", 0) + borrowed)


def write_scored(store: Store, path: str, verdicts: Iterable[pa.Table], scorer: PairScorer) -> ScoreHistogram:
    """Write the verdicts (VERDICTS) of a dump with what they came to; returns them counted."""
    scores = ScoreHistogram()
    with store.writing_table(path, VERDICTS) as writer:
        for some in verdicts:
            probabilities, text_logits = scorer.of(some)
            scores.add(probabilities, some["directions"].to_numpy())
            columns = {name: some[name] for name in VERDICTS.names}
            columns |= {"probability": pa.array(probabilities), "text_logit": pa.array(text_logits)}
            writer.write_table(pa.table(columns, schema=VERDICTS))
    return scores


def _logits(verdicts: pa.Table) -> Doubles:
    return np.asarray(verdicts["logit"].to_numpy(), dtype=np.float64)


def _texts(verdicts: pa.Table) -> dict[str, Floats]:
    return {name: verdicts[name].to_numpy() for name in TEXTS}
