"""From log odds to probabilities: what the decoys found, and what the texts add."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dedup_pipeline.match.calibrate import Calibration
from dedup_pipeline.match.text_model import TextModel, learn_texts, with_texts
from dedup_pipeline.match.texts import TEXTS
from dedup_pipeline.probability import Curve, Doubles, curve_of, precision_interval

_DIGITS = 6


@dataclass(frozen=True)
class Rating:
    """How likely each of N candidates is a duplicate.

    Attributes:
        probabilities: (N,) rounded.
        directions: (N,) how often each was found.
        pictures: the curve of the log odds of pictures alone.
        texts: what the texts tell; None where they were not asked, or tell too little.
        text_logits: (N,) what they add to the log odds.
        decoys: (M,) probabilities of what the decoys found, rounded.
        scale: pictures of the dump for each of these, on average.
        draws: how many of these stand for one decoy.
    """

    probabilities: Doubles
    directions: Doubles
    pictures: Curve
    texts: TextModel | None
    text_logits: Doubles
    decoys: Doubles
    scale: float
    draws: int

    def interval(self, threshold: float) -> tuple[float, float]:
        """Where the precision from a threshold up lies with 95 % confidence, see ``precision_interval``."""
        caught = math.ceil(int((self.decoys >= threshold).sum()) / self.draws)
        accepted = float(self.directions[self.probabilities >= threshold].sum())
        return precision_interval(accepted, caught, self.scale * self.draws)


def rate(verdicts: pa.Table, calibration: Calibration, matched: int, *, use_texts: bool) -> Rating:
    """Rate the candidates of a dump.

    Args:
        verdicts: VERDICTS of the whole dump, of which log odds, directions and texts are read.
        calibration: of the dump.
        matched: how many nodes of the dump take part in matching.
        use_texts: whether the texts of listings count.
    """
    logits = verdicts["logit"].to_numpy()
    directions = verdicts["directions"].to_numpy().astype(np.float64)
    decoys = np.array(calibration.decoys)
    # a decoy looks into the dump and is not looked for, so the dump's pairs count as often as they were found
    scales = matched * np.array(calibration.decoy_shares)
    curve = pictures = curve_of(logits, directions, decoys, scales)
    texts, text_logits, draws = None, np.zeros(len(logits)), 1
    if use_texts:
        columns = {name: verdicts[name].to_numpy() for name in TEXTS}
        texts = learn_texts(columns, logits, pictures.at(logits))
    if texts:
        text_logits, draws = texts.ratios(columns), len(texts.strangers)
        largest = float(scales.max(initial=1.0))
        logits = with_texts(logits, text_logits)
        decoys, scales = texts.on_decoys(decoys, scales)
        curve = curve_of(logits, directions, decoys, scales, unseen=largest)
    return Rating(
        probabilities=curve.at(logits).round(_DIGITS),
        directions=directions,
        pictures=pictures,
        texts=texts,
        text_logits=text_logits,
        decoys=curve.at(decoys).round(_DIGITS),
        scale=float(scales.mean()) if len(scales) else 0.0,
        draws=draws,
    )
