"""What texts tell is learnt from the dump, is bounded, and is nothing where the dump does not tell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dedup_pipeline.stages.match.text_evidence import TEXTS
from dedup_pipeline.stages.match.text_model import LEAST_PAIRS, MOST, TextModel, learn_texts, with_texts
from dedup_pipeline.verdict.classifier import LOGIT_CAP

PAIRS = 2000


def dump(agreeing: float, apart: float, *, sure: float = 0.2, seed: int = 0):
    """Texts, log odds, probabilities and answers of a dump's candidates.

    Colours agree in a share ``agreeing`` of the duplicates and a share ``apart`` of the look-alikes; titles of
    duplicates are a little more alike; all else is missing.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(PAIRS) < sure * PAIRS
    texts = {name: np.full(PAIRS, np.nan, np.float32) for name in TEXTS}
    share = np.where(labels, agreeing, apart)
    texts["same_colour"] = (generator.random(PAIRS) < share).astype(np.float32)
    texts["title_likeness"] = np.clip(generator.normal(np.where(labels, 0.6, 0.5), 0.2), 0, 1).astype(np.float32)
    return texts, np.where(labels, 6.0, -3.0), np.where(labels, 0.99, 0.01), labels


def test_what_agrees_among_sure_duplicates_speaks_for_a_pair():
    texts, logits, probabilities, labels = dump(0.95, 0.2)
    model = learn_texts([(texts, logits, probabilities)])
    ratios = model.ratios(texts)
    assert ratios[labels].mean() > 0.5
    assert ratios[~labels].mean() < -0.5
    assert np.abs(ratios).max() <= MOST
    assert (model.sure, model.apart) == (400, 500)
    assert set(model.weights) == {"same_colour", "title_likeness"}
    assert model.strangers == tuple(sorted(model.strangers))
    assert np.mean(model.strangers) == pytest.approx(ratios[~labels].mean(), abs=0.1)


def test_what_agrees_as_often_among_look_alikes_speaks_for_nothing():
    texts, logits, probabilities, _ = dump(0.6, 0.6)
    colours = texts | {"title_likeness": np.full(PAIRS, np.nan, np.float32)}
    assert np.abs(learn_texts([(colours, logits, probabilities)]).ratios(colours)).max() < 0.3


def test_a_pair_without_text_is_left_to_the_pictures():
    texts, logits, probabilities, _ = dump(0.95, 0.2)
    for name in texts:
        texts[name][7] = np.nan
    assert learn_texts([(texts, logits, probabilities)]).ratios(texts)[7] == 0


@pytest.mark.parametrize("few", ["sure", "apart"])
def test_too_few_pairs_of_a_kind_teach_nothing(few):
    texts, logits, probabilities, labels = dump(0.95, 0.2)
    kind = np.flatnonzero(labels == (few == "sure"))
    probabilities[kind[LEAST_PAIRS - 1 :]], logits[kind[LEAST_PAIRS - 1 :]] = 0.5, 0.0
    assert learn_texts([(texts, logits, probabilities)]) is None
    last = kind[LEAST_PAIRS - 1]
    probabilities[last], logits[last] = (0.99, 6.0) if few == "sure" else (0.01, -3.0)
    assert learn_texts([(texts, logits, probabilities)]) is not None


def test_a_dump_without_texts_teaches_nothing():
    _, logits, probabilities, _ = dump(0.95, 0.2)
    assert learn_texts([({name: np.full(PAIRS, np.nan) for name in TEXTS}, logits, probabilities)]) is None


def test_the_nearest_look_alikes_teach_and_not_the_distant():
    texts, logits, probabilities, labels = dump(0.9, 0.0)
    strangers = np.flatnonzero(~labels)
    near = strangers[:500]
    texts["same_colour"][near] = texts["same_colour"][:400].mean() > np.linspace(0, 1, 500)  # as often as duplicates
    logits[strangers[500:]] = -8.0
    texts["title_likeness"][:] = np.nan
    assert np.abs(learn_texts([(texts, logits, probabilities)]).ratios(texts)).max() < 0.3


def test_what_the_glance_ruled_out_stays_ruled_out():
    logits = np.array([-LOGIT_CAP, -1.0, 3.0])
    assert with_texts(logits, np.array([2.0, -2.0, -2.0])).tolist() == [-LOGIT_CAP, -3.0, 1.0]


def test_texts_settle_what_pictures_leave_open_and_outvote_nothing():
    logits = np.array([-3.0, -0.1, 0.0, 0.5, 2.0, 5.0])
    assert with_texts(logits, np.full(6, 2.0)).tolist() == [-3.0, -0.1, 0.0, 1.0, 4.0, 7.0]
    assert with_texts(logits, np.full(6, -2.0)).tolist() == (logits - 2).tolist()


def test_decoys_have_the_texts_of_look_alikes_and_weigh_as_much_as_before():
    texts, logits, probabilities, _ = dump(0.95, 0.2)
    model = learn_texts([(texts, logits, probabilities)])
    decoys, scales = model.on_decoys(np.array([5.0, -LOGIT_CAP]), np.array([2.0, 3.0]))
    assert scales.sum() == pytest.approx(5.0)
    heard = decoys[: len(model.strangers)] - 5.0
    assert heard.tolist() == pytest.approx(list(model.strangers))
    assert (decoys[len(model.strangers) :] == -LOGIT_CAP).all()


def test_a_model_survives_json():
    texts, logits, probabilities, _ = dump(0.95, 0.2)
    model = learn_texts([(texts, logits, probabilities)])
    value = json.loads(json.dumps(model.to_dict()))
    assert TextModel(**(value | {"strangers": tuple(value["strangers"])})) == model


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_candidates_some_at_a_time_teach_the_same(rows):
    texts, logits, probabilities, _ = dump(0.9, 0.3)
    generator = np.random.default_rng(3)
    logits = np.where(generator.random(PAIRS) < 0.5, logits, -LOGIT_CAP)
    logits -= (logits < 0) & (generator.random(PAIRS) < 0.4)  # with ties among the nearest look-alikes
    for name in texts:
        texts[name][generator.random(PAIRS) < 0.3] = np.nan
    blocks = [slice(start, start + rows) for start in range(0, PAIRS, rows)]
    pieces = (({name: texts[name][b] for name in texts}, logits[b], probabilities[b]) for b in blocks)
    model = learn_texts([(texts, logits, probabilities)])
    assert learn_texts(pieces) == model
    ratios = [model.ratios({name: texts[name][b] for name in texts}) for b in blocks]
    assert np.concatenate(ratios).tolist() == model.ratios(texts).tolist()
