"""The index: the same bytes each time, the same neighbours from any number of files, and no silent nonsense."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.index import NeighbourIndex, Vectors, annoy_files, faiss_files, local_similarity
from dedup_pipeline.stages.index.ivf_cells import cell_count, compared, probe_count
from dedup_pipeline.stages.index.quality import local_similarities, measure_recall
from dedup_pipeline.stages.index.rows import digests_of, distinct_rows
from dedup_pipeline.stages.index.sidecar import METRIC, Sidecar

LIBRARIES = ["annoy", "faiss"]


def unit(generator, rows, dimension=16):
    vectors = generator.standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(0), 300)


def build(folder: Path, vectors, library, *, ends=(), trees=20, cells=6, changes=None, **asked):
    """An index over vectors that are divided at some rows."""
    centres = faiss_files.learn_cells(vectors, cells, seed=1)
    files, sidecars, arrays = [], [], []
    for number, some in enumerate(np.split(vectors, ends)):
        file, array = folder / f"{library}-{number}", folder / f"{number}.npy"
        if library == "annoy":
            annoy_files.build_file(some, file, trees=trees, seed=1)
        else:
            faiss_files.build_file(some, centres, file)
        np.save(array, some)
        described = {"library": library, "first": sum(map(len, arrays)), "items": len(some), "model_id": "m"}
        described |= {"dimension": some.shape[1], "metric": METRIC, "size": file.stat().st_size, "ids_digest": "d"}
        files.append(file)
        arrays.append(some)
        sidecars.append(Sidecar(**(described | {"seed": 1} | (changes or {}))))
    stored = Vectors([folder / f"{number}.npy" for number in range(len(arrays))])
    return NeighbourIndex(files, sidecars, stored, **asked)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("ends", [(), (100, 107)])
def test_it_finds_the_exact_neighbours_of_a_small_set(tmp_path, vectors, library, ends):
    index = build(tmp_path, vectors, library, ends=ends)
    for row in (7, 104, 299):
        cosines = vectors @ vectors[row]
        rows, found = index.neighbours_of_row(row, 5)
        expected = [other for other in np.argsort(-cosines) if other != row][:5]
        assert rows.tolist() == expected
        assert np.allclose(found, cosines[expected], atol=1e-5)
        assert np.array_equal(index.vector(row), vectors[row])
        assert index.neighbours(vectors[row], 1)[0].tolist() == [row]


@pytest.mark.parametrize("library", LIBRARIES)
def test_asking_many_rows_at_once_is_asking_each(tmp_path, vectors, library):
    index = build(tmp_path, vectors, library, nprobe=2)
    rows = np.array([3, 299, 0, 41])
    others, cosines = index.neighbours_of_rows(rows, 8)
    for place, row in enumerate(rows):
        alone = index.neighbours_of_row(row, 8)
        there = others[place] >= 0
        assert np.array_equal(others[place][there], alone[0])
        assert np.array_equal(cosines[place][there], alone[1])


@hypothesis_settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), ends=st.lists(st.integers(1, 199), unique=True, max_size=5), nprobe=st.integers(1, 9))
def test_faiss_finds_the_same_in_any_number_of_files(tmp_path, seed, ends, nprobe):
    vectors = unit(np.random.default_rng(seed), 200)
    whole = build(tmp_path, vectors, "faiss", cells=9, nprobe=nprobe).neighbours_of_rows(np.arange(200), 10)
    parts = build(tmp_path, vectors, "faiss", cells=9, nprobe=nprobe, ends=sorted(ends))
    found = parts.neighbours_of_rows(np.arange(200), 10)
    assert np.array_equal(whole[0], found[0])
    assert np.array_equal(whole[1], found[1])


def test_annoy_finds_no_less_in_several_files(tmp_path):
    vectors = unit(np.random.default_rng(4), 3000, 64)
    settings = load_settings(["index.neighbours=10", "index.recall_sample=300"])
    whole = build(tmp_path, vectors, "annoy", trees=5)
    one, _ = measure_recall(whole, whole.vectors, settings)
    parts = build(tmp_path, vectors, "annoy", trees=5, ends=(1000, 2000))
    several, _ = measure_recall(parts, parts.vectors, settings)
    assert one < 0.9
    assert several >= one


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_vectors_give_the_same_bytes(tmp_path, vectors, library):
    for name in "ab":
        (tmp_path / name).mkdir()
        build(tmp_path / name, vectors, library)
    assert (tmp_path / "a" / f"{library}-0").read_bytes() == (tmp_path / "b" / f"{library}-0").read_bytes()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("changes", [{"size": 1}, {"metric": "dot"}, {"items": 299}, {"first": 7}])
def test_a_file_that_is_not_what_its_sidecar_says_is_refused(tmp_path, vectors, library, changes):
    with pytest.raises(ModelError):
        build(tmp_path, vectors, library, changes=changes)


def test_a_query_of_another_dimension_is_refused(tmp_path, vectors):
    with pytest.raises(ModelError, match="vectors of 16"):
        build(tmp_path, vectors, "annoy").neighbours(np.zeros(8, np.float32), 3)


def test_faiss_leaves_others_their_threads(tmp_path, vectors):
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        build(tmp_path, vectors, "faiss").neighbours_of_row(0, 3)
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)


def test_there_are_cells_enough_and_never_empty_ones():
    assert [cell_count(vectors) for vectors in (1, 100, 10**6)] == [1, 3, 4000]
    assert cell_count(10**6, 50) == 50


def test_more_cells_are_looked_at_in_a_large_index_unless_told_otherwise():
    assert [probe_count(vectors) for vectors in (1, 300_000, 10**6, 4 * 10**7)] == [32, 32, 43, 108]
    assert probe_count(10**6, 50) == 50


def test_with_so_many_is_a_query_compared():
    assert compared(10**6) == 4000 + 43 * 250
    assert compared(1056) == 33 + 1024
    assert compared(100) == 3 + 100  # no more than there are
    assert compared(10**6, 1000, 10) == 1000 + 10 * 1000


def test_equal_vectors_share_a_row():
    a, b, c = unit(np.random.default_rng(0), 3)
    first, row_of = distinct_rows(digests_of(np.stack([a, b, a, c, b])))
    assert first.tolist() == [0, 1, 3]
    assert row_of.tolist() == [0, 1, 0, 2, 1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_recall_of_a_good_index_is_one_and_of_a_poor_one_less(tmp_path, library):
    vectors = unit(np.random.default_rng(0), 3000, 64)
    settings = load_settings(["index.neighbours=10", "index.recall_sample=100"])
    good = build(tmp_path, vectors, library, trees=2, cells=90, ends=(500,), search_k=500_000, nprobe=90)
    assert measure_recall(good, good.vectors, settings) == (1.0, 100)
    poor = build(tmp_path, vectors, library, trees=2, cells=90, ends=(500,), search_k=10, nprobe=1)
    assert measure_recall(poor, poor.vectors, settings)[0] < 0.5


def test_the_crowd_is_the_neighbourhood_beyond_the_nearest():
    assert local_similarity(np.linspace(1, 0, 21, dtype=np.float32)) == pytest.approx(
        np.mean(np.linspace(1, 0, 21)[5:15])
    )
    assert local_similarity(np.array([0.9, 0.4], np.float32)) == pytest.approx(0.4)
    assert local_similarity(np.array([], np.float32)) == 0


@given(st.lists(st.integers(0, 21), min_size=1, max_size=5), st.integers(0, 30), st.integers(1, 21))
def test_the_crowds_of_many_are_those_of_each(lengths, seed, width):
    cosines = -np.sort(-np.random.default_rng(seed).random((len(lengths), width), dtype=np.float32), axis=1)
    for row, length in enumerate(lengths):
        cosines[row, length:] = -np.inf
    expected = [np.float32(local_similarity(row[:length])) for row, length in zip(cosines, lengths, strict=True)]
    assert local_similarities(cosines).tolist() == expected
