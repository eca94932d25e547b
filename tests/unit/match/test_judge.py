"""The judge: what a glance rules out is settled, and only the rest is laid over each other."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from dedup_pipeline.compute.dtypes import Doubles, Flags, Floats
from dedup_pipeline.errors import ModelError
from dedup_pipeline.verdict.alignment import ALIGNED
from dedup_pipeline.verdict.cascade import Judge
from dedup_pipeline.verdict.classifier import LOGIT_CAP, Pairs, fit
from dedup_pipeline.verdict.evidence import EVIDENCE, GLANCE


def drawn(names: Mapping[str, int], count: int, seed: int) -> tuple[dict[str, Floats], Flags]:
    """Evidence of duplicates and others that overlap, with the answers, which are those of the seed."""
    generator = np.random.default_rng(seed)
    labels = generator.random(count) < 0.3
    evidence = {
        name: (generator.standard_normal(count) + direction * labels).astype(np.float32)
        for name, direction in names.items()
    }
    return evidence, labels


class Laying:
    """Hands out aligned evidence, and keeps for which pairs it was asked."""

    def __init__(self, aligned: Mapping[str, Floats]) -> None:
        self.aligned = aligned
        self.asked: list[Flags] = []

    def __call__(self, passing: Flags) -> dict[str, Floats]:
        self.asked.append(passing)
        mirrored = np.ones(int(passing.sum()), np.float32)
        return {name: self.aligned[name][passing] for name in ALIGNED} | {"mirrored": mirrored}


@pytest.fixture(scope="module")
def judge() -> Judge:
    evidence, labels = drawn(EVIDENCE, 1500, 0)
    groups = np.arange(len(labels)) // 3
    glances = {name: evidence[name] for name in GLANCE}
    glance, logits, _ = fit(Pairs(glances, groups), labels, seed=1)
    model, _, _ = fit(Pairs(evidence, groups), labels, seed=1)
    return Judge(glance, float(np.quantile(logits[labels], 0.05)), model)


def judged(judge: Judge, seed: int = 1) -> tuple[dict[str, Floats], Doubles, Laying, Flags]:
    """What a judge says of 400 pairs, with the laying that it asked and the answers."""
    evidence, labels = drawn(EVIDENCE, 400, seed)
    glances = {name: evidence[name] for name in GLANCE} | {"mirrored": np.zeros(400, np.float32)}
    laying = Laying(evidence)
    found = judge.judge(glances, laying)
    return found.evidence, found.logits, laying, labels


def test_only_what_passes_the_glance_is_laid_over_each_other(judge: Judge) -> None:
    found, logits, laying, labels = judged(judge)
    assert len(laying.asked) == 1
    passing = laying.asked[0]
    assert 0 < passing.sum() < len(passing)
    assert passing[labels].mean() > 0.85
    assert (logits[~passing] == -LOGIT_CAP).all()
    for name in ALIGNED:
        assert np.isnan(found[name][~passing]).all(), name
        np.testing.assert_array_equal(found[name][passing], laying.aligned[name][passing])
    assert set(found) == {*EVIDENCE, "mirrored"}
    assert all(len(values) == len(logits) for values in found.values())


def test_what_passes_is_judged_by_all_its_evidence(judge: Judge) -> None:
    found, logits, laying, labels = judged(judge)
    passing = laying.asked[0]
    expected = judge.model.logits({name: values[passing] for name, values in found.items()})
    np.testing.assert_array_equal(logits[passing], expected)
    alone = judge.glance.logits(found)
    by_all, by_glance = (some[passing & labels].mean() - some[passing & ~labels].mean() for some in (logits, alone))
    assert by_all > by_glance


def test_whether_it_is_mirrored_is_told_by_the_alignment_where_there_is_one(judge: Judge) -> None:
    found, _, laying, _ = judged(judge)
    np.testing.assert_array_equal(found["mirrored"] > 0, laying.asked[0])


def test_a_pair_with_an_exchanged_detail_keeps_what_it_would_come_to_without_the_look_for_motifs(judge: Judge) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    evidence["exchange_likeness"] = np.where(np.arange(40) % 2, 0.3, 0.9).astype(np.float32)
    glances = {name: evidence[name] for name in GLANCE} | {"mirrored": np.zeros(40, np.float32)}
    plain = Judge(judge.glance, -LOGIT_CAP, judge.model)
    strict = Judge(judge.glance, -LOGIT_CAP, judge.model, motif=judge.model)
    found = strict.judge(glances, Laying(evidence))
    np.testing.assert_array_equal(~np.isnan(found.exchanged), np.arange(40) % 2 == 1)
    np.testing.assert_array_equal(found.exchanged[1::2], plain.judge(glances, Laying(evidence)).logits[1::2])


def test_the_evidence_handed_in_is_left_as_it_was(judge: Judge) -> None:
    evidence, _ = drawn(EVIDENCE, 50, 3)
    glances = {name: evidence[name] for name in GLANCE} | {"mirrored": np.zeros(50, np.float32)}
    before = {name: values.copy() for name, values in glances.items()}
    judge.judge(glances, Laying(evidence))
    for name, values in before.items():
        np.testing.assert_array_equal(glances[name], values)


@pytest.mark.parametrize("count", [0, 40])
def test_nothing_is_asked_for_where_nothing_passes(judge: Judge, count: int) -> None:
    strict = Judge(judge.glance, LOGIT_CAP + 1, judge.model)
    evidence, _ = drawn(EVIDENCE, 40, 2)
    glances = {name: evidence[name][:count] for name in GLANCE}
    laying = Laying(evidence)
    found = strict.judge(glances, laying)
    assert laying.asked == []
    np.testing.assert_array_equal(found.logits, np.full(count, -LOGIT_CAP))
    assert all(np.isnan(found.evidence[name]).all() for name in ALIGNED)
    assert np.isnan(found.exchanged).all()


def test_a_pair_that_cannot_be_laid_still_gets_its_log_odds(judge: Judge) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    lost = {name: np.full(40, np.nan, np.float32) for name in ALIGNED}
    lenient = Judge(judge.glance, -LOGIT_CAP, judge.model)
    glances = {name: evidence[name] for name in GLANCE} | {"mirrored": np.zeros(40, np.float32)}
    assert np.isfinite(lenient.judge(glances, Laying(lost)).logits).all()


def test_evidence_that_was_never_missing_is_taken_at_its_worst_and_counted(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    evidence, _ = drawn(EVIDENCE, 40, 4)
    glances = {name: evidence[name] for name in GLANCE} | {"mirrored": np.zeros(40, np.float32)}
    first = judge.judge(glances, Laying(evidence))
    before = first.logits
    assert not first.at_worst.any()
    assert not caplog.records
    laid = before > -LOGIT_CAP
    lost = np.flatnonzero(laid)[::2]
    evidence["chroma_90"][lost] = np.nan  # less of it speaks for a pair, and LightGBM would read 0
    again = judge.judge(glances, Laying(evidence))
    after = again.logits
    assert np.flatnonzero(again.at_worst).tolist() == lost.tolist()
    assert (after[lost] <= before[lost]).all()
    np.testing.assert_array_equal(np.delete(after, lost), np.delete(before, lost))
    assert f"{len(lost)} of 40 pairs lack evidence that was never missing" in caplog.text


def test_a_judge_survives_json(judge: Judge) -> None:
    again = Judge.from_dict(json.loads(json.dumps(judge.to_dict())))
    assert again == judge
    np.testing.assert_array_equal(judged(again)[1], judged(judge)[1])


@pytest.mark.parametrize("missing", ["glance", "least", "model"])
def test_what_is_no_judge_is_refused_in_one_sentence(judge: Judge, missing: str) -> None:
    value = judge.to_dict()
    del value[missing]
    with pytest.raises(ModelError, match=rf"^this is no judge of pairs: '{missing}' is missing; calibrate again$"):
        Judge.from_dict(value)


def test_a_broken_model_inside_is_refused_in_one_sentence(judge: Judge) -> None:
    value = judge.to_dict()
    del value["model"]["slope"]
    with pytest.raises(ModelError, match=r"^this is no verdict model: .*slope.*; calibrate again$"):
        Judge.from_dict(value)


def test_missing_evidence_is_named(judge: Judge) -> None:
    evidence, _ = drawn(GLANCE, 5, 5)
    del evidence["phash_distance"]
    with pytest.raises(ModelError, match="phash_distance"):
        judge.judge(evidence, Laying({}))
