"""The pairs of made-up shops that fill up what a small shop lacks."""

from __future__ import annotations

import numpy as np
import pytest

from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.match import reference as module
from dedup_pipeline.stages.match.labelled_pairs import LabelledPairs
from dedup_pipeline.stages.match.reference import OF_MODEL, reference, reference_digest, write_reference
from dedup_pipeline.stages.match.simulated_pairs import PACK, RECOLOUR, REPRINT
from dedup_pipeline.verdict.evidence import EVIDENCE, FIRST_PASS


def test_it_fits_the_evidence_of_this_version_and_is_enough_for_the_smallest_shop():
    whole = reference(400)
    assert whole.photos == 400
    assert set(whole.known.pairs.evidence) == set(EVIDENCE)
    assert whole.known.labels[whole.aligned].any()
    assert not whole.decoys.labels.any()
    aligned = {name: values for name, values in whole.known.pairs.evidence.items() if name not in FIRST_PASS}
    assert all(np.isnan(values[~whole.aligned]).all() for values in aligned.values())
    assert np.isfinite(aligned["structure"][whole.aligned & whole.known.labels]).mean() > 0.9
    assert all(np.isnan(whole.known.pairs.evidence[name]).all() for name in OF_MODEL)
    assert min(whole.pictures[kind] for kind in (RECOLOUR, PACK, REPRINT)) > 50


def test_fewer_photos_are_some_of_more_and_none_are_none():
    some, more = reference(30), reference(200)
    assert set(some.known.pairs.groups) < set(more.known.pairs.groups)
    assert some.known.pairs.groups.max() < 0
    assert some.pictures[PACK] == pytest.approx(more.pictures[PACK] * 30 / 200)
    assert reference(0).photos == len(reference(-5).decoys.labels) == 0


def test_other_motifs_are_apart_and_differ_deep_inside_the_product():
    whole = reference(400)
    assert set(whole.reprints.strengths) == {REPRINT}
    assert REPRINT not in whole.known.strengths
    assert REPRINT in whole.decoys.strengths
    deep = whole.reprints.pairs.evidence["deep_patch"]
    copies = whole.known.pairs.evidence["deep_patch"][whole.known.labels & whole.aligned & ~whole.known.covered]
    assert np.nanmedian(deep) > 0.02
    assert np.nanquantile(copies, 0.8) < 0.005


def test_what_is_written_is_read_and_another_content_has_another_digest(monkeypatch):
    whole, before = reference(10_000), reference_digest()
    known = LabelledPairs.together([whole.known.only(whole.aligned), whole.reprints]), whole.known.only(~whole.aligned)
    decoys = whole.decoys.only(whole.decoys_aligned), whole.decoys.only(~whole.decoys_aligned).of(FIRST_PASS)
    content = write_reference(known, decoys, whole.pictures, whole.shop_nodes)
    monkeypatch.setattr(module, "_content", lambda: content)
    again = reference(10_000)
    assert (again.photos, again.pictures, again.shop_nodes) == (whole.photos, whole.pictures, whole.shop_nodes)
    assert reference_digest() != before
    for name in ("known", "reprints", "decoys"):
        one, other = getattr(again, name), getattr(whole, name)
        assert sorted(one.pairs.evidence["phash_distance"]) == sorted(other.pairs.evidence["phash_distance"])
        assert np.bincount(one.strengths + 4).tolist() == np.bincount(other.strengths + 4).tolist()
        assert one.covered.sum() == other.covered.sum()


def test_pairs_of_other_evidence_are_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(module, "ALIGNMENT_VERSION", -1)
    with pytest.raises(ModelError, match="make reference"):
        reference(10)
