"""The classifier: what a first pass rules out is settled, and only the rest is aligned."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from dedup_pipeline.compute.dtypes import Doubles, Flags, Floats
from dedup_pipeline.errors import ModelError
from dedup_pipeline.verdict.alignment import ALIGNED
from dedup_pipeline.verdict.cascade import CascadeClassifier
from dedup_pipeline.verdict.classifier import LOGIT_CAP, Pairs, fit
from dedup_pipeline.verdict.evidence import EVIDENCE, FIRST_PASS


def drawn(names: Mapping[str, int], count: int, seed: int) -> tuple[dict[str, Floats], Flags]:
    """Evidence of duplicates and others that overlap, with the answers, which are those of the seed."""
    generator = np.random.default_rng(seed)
    labels = generator.random(count) < 0.3
    evidence = {
        name: (generator.standard_normal(count) + direction * labels).astype(np.float32)
        for name, direction in names.items()
    }
    return evidence, labels


class Aligner:
    """Hands out aligned evidence, and keeps for which pairs it was asked."""

    def __init__(self, aligned: Mapping[str, Floats]) -> None:
        self.aligned = aligned
        self.asked: list[Flags] = []

    def __call__(self, passing: Flags) -> dict[str, Floats]:
        self.asked.append(passing)
        mirrored = np.ones(int(passing.sum()), np.float32)
        return {name: self.aligned[name][passing] for name in ALIGNED} | {"mirrored": mirrored}


@pytest.fixture(scope="module")
def classifier() -> CascadeClassifier:
    evidence, labels = drawn(EVIDENCE, 1500, 0)
    groups = np.arange(len(labels)) // 3
    first_pass_features = {name: evidence[name] for name in FIRST_PASS}
    first_pass, logits, _ = fit(Pairs(first_pass_features, groups), labels, seed=1)
    model, _, _ = fit(Pairs(evidence, groups), labels, seed=1)
    return CascadeClassifier(first_pass, float(np.quantile(logits[labels], 0.05)), model)


def judged(classifier: CascadeClassifier, seed: int = 1) -> tuple[dict[str, Floats], Doubles, Aligner, Flags]:
    """What a classifier says of 400 pairs, with the aligner that it asked and the answers."""
    evidence, labels = drawn(EVIDENCE, 400, seed)
    first_pass_features = {name: evidence[name] for name in FIRST_PASS} | {"mirrored": np.zeros(400, np.float32)}
    aligner = Aligner(evidence)
    found = classifier.classify(first_pass_features, aligner)
    return found.evidence, found.logits, aligner, labels


def test_only_what_passes_the_glance_is_laid_over_each_other(classifier: CascadeClassifier) -> None:
    found, logits, aligner, labels = judged(classifier)
    assert len(aligner.asked) == 1
    passing = aligner.asked[0]
    assert 0 < passing.sum() < len(passing)
    assert passing[labels].mean() > 0.85
    assert (logits[~passing] == -LOGIT_CAP).all()
    for name in ALIGNED:
        assert np.isnan(found[name][~passing]).all(), name
        np.testing.assert_array_equal(found[name][passing], aligner.aligned[name][passing])
    assert set(found) == {*EVIDENCE, "mirrored"}
    assert all(len(values) == len(logits) for values in found.values())


def test_what_passes_is_judged_by_all_its_evidence(classifier: CascadeClassifier) -> None:
    found, logits, aligner, labels = judged(classifier)
    passing = aligner.asked[0]
    expected = classifier.model.logits({name: values[passing] for name, values in found.items()})
    np.testing.assert_array_equal(logits[passing], expected)
    alone = classifier.first_pass.logits(found)
    by_all, by_glance = (some[passing & labels].mean() - some[passing & ~labels].mean() for some in (logits, alone))
    assert by_all > by_glance


def test_whether_it_is_mirrored_is_told_by_the_alignment_where_there_is_one(classifier: CascadeClassifier) -> None:
    found, _, aligner, _ = judged(classifier)
    np.testing.assert_array_equal(found["mirrored"] > 0, aligner.asked[0])


def test_a_pair_with_an_exchanged_detail_keeps_what_it_would_come_to_without_the_look_for_motifs(
    classifier: CascadeClassifier,
) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    evidence["exchange_likeness"] = np.where(np.arange(40) % 2, 0.3, 0.9).astype(np.float32)
    first_pass_features = {name: evidence[name] for name in FIRST_PASS} | {"mirrored": np.zeros(40, np.float32)}
    plain = CascadeClassifier(classifier.first_pass, -LOGIT_CAP, classifier.model)
    strict = CascadeClassifier(classifier.first_pass, -LOGIT_CAP, classifier.model, motif=classifier.model)
    found = strict.classify(first_pass_features, Aligner(evidence))
    np.testing.assert_array_equal(~np.isnan(found.exchanged), np.arange(40) % 2 == 1)
    np.testing.assert_array_equal(
        found.exchanged[1::2], plain.classify(first_pass_features, Aligner(evidence)).logits[1::2]
    )


def test_the_evidence_handed_in_is_left_as_it_was(classifier: CascadeClassifier) -> None:
    evidence, _ = drawn(EVIDENCE, 50, 3)
    first_pass_features = {name: evidence[name] for name in FIRST_PASS} | {"mirrored": np.zeros(50, np.float32)}
    before = {name: values.copy() for name, values in first_pass_features.items()}
    classifier.classify(first_pass_features, Aligner(evidence))
    for name, values in before.items():
        np.testing.assert_array_equal(first_pass_features[name], values)


@pytest.mark.parametrize("count", [0, 40])
def test_nothing_is_asked_for_where_nothing_passes(classifier: CascadeClassifier, count: int) -> None:
    strict = CascadeClassifier(classifier.first_pass, LOGIT_CAP + 1, classifier.model)
    evidence, _ = drawn(EVIDENCE, 40, 2)
    first_pass_features = {name: evidence[name][:count] for name in FIRST_PASS}
    aligner = Aligner(evidence)
    found = strict.classify(first_pass_features, aligner)
    assert aligner.asked == []
    np.testing.assert_array_equal(found.logits, np.full(count, -LOGIT_CAP))
    assert all(np.isnan(found.evidence[name]).all() for name in ALIGNED)
    assert np.isnan(found.exchanged).all()


def test_a_pair_that_cannot_be_laid_still_gets_its_log_odds(classifier: CascadeClassifier) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    lost = {name: np.full(40, np.nan, np.float32) for name in ALIGNED}
    lenient = CascadeClassifier(classifier.first_pass, -LOGIT_CAP, classifier.model)
    first_pass_features = {name: evidence[name] for name in FIRST_PASS} | {"mirrored": np.zeros(40, np.float32)}
    assert np.isfinite(lenient.classify(first_pass_features, Aligner(lost)).logits).all()


def test_evidence_that_was_never_missing_is_taken_at_its_worst_and_counted(
    classifier: CascadeClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    first_pass_features = {name: evidence[name] for name in FIRST_PASS} | {"mirrored": np.zeros(40, np.float32)}
    first = classifier.classify(first_pass_features, Aligner(evidence))
    before = first.logits
    assert not first.at_worst.any()
    assert not caplog.records
    asked_of = before > -LOGIT_CAP
    lost = np.flatnonzero(asked_of)[::2]
    evidence["chroma_90"][lost] = np.nan  # less of it speaks for a pair, and LightGBM would read 0
    again = classifier.classify(first_pass_features, Aligner(evidence))
    after = again.logits
    assert np.flatnonzero(again.at_worst).tolist() == lost.tolist()
    assert (after[lost] <= before[lost]).all()
    np.testing.assert_array_equal(np.delete(after, lost), np.delete(before, lost))
    assert f"{len(lost)} of 40 pairs lack evidence that was never missing" in caplog.text


def test_a_judge_survives_json(classifier: CascadeClassifier) -> None:
    again = CascadeClassifier.from_dict(json.loads(json.dumps(classifier.to_dict())))
    assert again == classifier
    np.testing.assert_array_equal(judged(again)[1], judged(classifier)[1])


@pytest.mark.parametrize("missing", ["glance", "least", "model"])
def test_what_is_no_judge_is_refused_in_one_sentence(classifier: CascadeClassifier, missing: str) -> None:
    value = classifier.to_dict()
    del value[missing]
    with pytest.raises(ModelError, match=rf"^this is no judge of pairs: '{missing}' is missing; calibrate again$"):
        CascadeClassifier.from_dict(value)


def test_a_broken_model_inside_is_refused_in_one_sentence(classifier: CascadeClassifier) -> None:
    value = classifier.to_dict()
    del value["model"]["slope"]
    with pytest.raises(ModelError, match=r"^this is no verdict model: .*slope.*; calibrate again$"):
        CascadeClassifier.from_dict(value)


def test_missing_evidence_is_named(classifier: CascadeClassifier) -> None:
    evidence, _ = drawn(FIRST_PASS, 5, 5)
    del evidence["phash_distance"]
    with pytest.raises(ModelError, match="phash_distance"):
        classifier.classify(evidence, Aligner({}))
