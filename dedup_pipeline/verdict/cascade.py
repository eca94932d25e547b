"""Models one after the other: a first pass that rules out, one of all the evidence, and one that looks for motifs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dedup_pipeline.compute.dtypes import Doubles, Flags, Floats
from dedup_pipeline.errors import ModelError
from dedup_pipeline.verdict.classifier import LOGIT_CAP, VerdictModel
from dedup_pipeline.verdict.evidence import without_alignment

logger = logging.getLogger(__name__)
_EXCHANGED = 0.8  # correlation: of another word -0.3 to 0.797 was seen, of re-uploads that nothing covers 0.81 to 0.91
_ANOTHER_MOTIF = -1.0  # log odds: two words of one colour in one place come to -1.5, and to 4.4 a word and its copy


def vetoed(logits: Doubles, motif: Doubles) -> Doubles:
    """Log odds (N,) of pairs, no higher than those of a re-upload against another motif (N,) where these speak of one.

    All other pairs are left as they are: what tells motifs apart tells nothing else, and one model for both would trade
    the one against the other.
    """
    return np.where(motif < _ANOTHER_MOTIF, np.minimum(logits, motif), logits)


def is_exchanged(evidence: Mapping[str, Floats]) -> Flags:
    """Which pairs (N,) have a detail deep inside of the product that is another one in the other picture.

    Args:
        evidence: ``exchange_likeness`` as (N,), NaN where it cannot be told.
    """
    return np.asarray(evidence["exchange_likeness"] < _EXCHANGED)


@dataclass(frozen=True)
class CascadeResult:
    """What a classifier finds of N pairs.

    Attributes:
        evidence: every name of EVIDENCE as (N,) float32, NaN where a pair was ruled out in the first pass, and
            ``mirrored``.
        logits: (N,) log odds, the least possible for what was ruled out.
        exchanged: (N,) log odds but for the look for motifs, where ``is_exchanged``; else NaN.
        at_worst: (N,) which were judged at their worst, for they lack evidence that was never missing when the
            classifier was calibrated.
    """

    evidence: dict[str, Floats]
    logits: Doubles
    exchanged: Doubles
    at_worst: Flags


@dataclass(frozen=True)
class CascadeClassifier:
    """Evidence in, log odds out; only what may be a duplicate is aligned.

    Attributes:
        first_pass: the model of the evidence of the first pass.
        least: its log odds below which no pair is looked at closer.
        model: the model of all the evidence.
        motif: tells a re-upload from the same product with another motif, by all the evidence; None where no product of
            the dump takes a motif.
    """

    first_pass: VerdictModel
    least: float
    model: VerdictModel
    motif: VerdictModel | None = None

    def classify(
        self, first_pass_features: Mapping[str, Floats], align: Callable[[Flags], Mapping[str, Floats]]
    ) -> CascadeResult:
        """The evidence on N pairs, and their log odds.

        Args:
            first_pass_features: every name of GLANCE as (N,) float32.
            align: asked with (N,) bool for the aligned evidence of those pairs, S of them, as (S,) float32.
        """
        first_logits, at_worst = self.first_pass.logits_and_worst(first_pass_features)
        passing = first_logits >= self.least
        evidence = dict(first_pass_features) | without_alignment(len(passing))
        logits, exchanged = np.full(len(passing), -LOGIT_CAP), np.full(len(passing), np.nan)
        if passing.any():
            for name, values in align(passing).items():
                evidence[name] = evidence[name].copy()
                evidence[name][passing] = values
            closer = {name: values[passing] for name, values in evidence.items()}
            found, more = self.model.logits_and_worst(closer)
            exchanged[passing] = np.where(is_exchanged(closer), found, np.nan)
            if self.motif:
                motif, lacking = self.motif.logits_and_worst(closer)
                found, more = vetoed(found, motif), more | lacking
            logits[passing] = found
            at_worst[passing] |= more
        if at_worst.any():
            logger.warning(
                "%d of %d pairs lack evidence that was never missing in the calibration; each is judged by its worst",
                int(at_worst.sum()),
                len(at_worst),
            )
        return CascadeResult(evidence, logits, exchanged, at_worst)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        motif = self.motif and self.motif.to_dict()
        return {"glance": self.first_pass.to_dict(), "least": self.least, "model": self.model.to_dict(), "motif": motif}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> CascadeClassifier:
        """The classifier that ``to_dict`` wrote.

        Raises:
            ModelError: it is not one.
        """
        try:
            first_pass, model = (VerdictModel.from_dict(value[name]) for name in ("glance", "model"))
            motif = value.get("motif")  # a classifier of an older version has none
            return cls(first_pass, value["least"], model, motif and VerdictModel.from_dict(motif))
        except KeyError as error:
            raise ModelError(f"this is no judge of pairs: {error} is missing; calibrate again") from error
