"""Do two pictures show the same product?"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dedup_pipeline.config import Settings
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.query.reference import open_reference, read_picture
from dedup_pipeline.schemas import VerdictKind
from dedup_pipeline.stages.match import Calibration, align
from dedup_pipeline.verdict.alignment import view_of
from dedup_pipeline.verdict.decoys import Curve
from dedup_pipeline.verdict.evidence import EVIDENCE, compare


@dataclass(frozen=True)
class Verdict:
    """An answer with its reasons.

    Attributes:
        same: whether they show one product.
        probability: calibrated, 0 to 1.
        threshold: the least probability that counts as the same.
        kind: same-bytes, same-pixels, or learned for all that needed judging.
        evidence: see evidence.EVIDENCE; None where the first pass ruled the pair out, or nothing fits.
        reference: the dump whose calibration answered.
    """

    same: bool
    probability: float
    threshold: float
    kind: str
    evidence: dict[str, float | None]
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def verify(settings: Settings, first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Verdict:
    """Judge two image files or URLs as if they were candidates of the store's latest dump.

    Raises:
        InputError: one is not there, or is no picture.
        NotReadyError: the store has no finished run to judge by.
    """
    (data_a, picture_a), (data_b, picture_b) = (read_picture(source, settings) for source in (first, second))
    reference = open_reference(settings)
    features = reference.features([picture_a, picture_b])
    classifier = Calibration.from_dict(reference.store.read_json(reference.matched.outputs["calibration"])).classifier
    first_pass_features = compare(features.take(slice(0, 1)), features.take(slice(1, 2)))
    views = {place: view_of(picture) for place, picture in enumerate((picture_a, picture_b))}
    judged = classifier.classify(first_pass_features, lambda _: align(views, np.array([0]), np.array([1]), settings))
    evidence = {name: _rounded(judged.evidence[name][0]) for name in (*EVIDENCE, "mirrored")}
    counts = reference.matched.counts
    threshold = float(str(counts["threshold"]))
    kind = _equal(data_a, data_b, perceptual.pixel_id(picture_a) == perceptual.pixel_id(picture_b))
    if kind is None:
        curve = Curve.from_dict(reference.store.read_json(reference.matched.outputs["curve"]))
        reuploads = 1.0 if np.isnan(judged.exchanged[0]) else float(str(counts.get("exchanged_reuploads", 1)))
        probability = round(float(curve.at(judged.logits)[0]) * reuploads, 6)
    else:
        probability = 1.0
    shown = kind or VerdictKind.LEARNED
    return Verdict(probability >= threshold, probability, threshold, shown.value, evidence, reference.dump_id)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def _equal(data_a: bytes, data_b: bytes, same_pixels: bool) -> VerdictKind | None:
    if data_a == data_b:
        return VerdictKind.SAME_BYTES
    return VerdictKind.SAME_PIXELS if same_pixels else None
