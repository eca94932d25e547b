"""The index: the same bytes each time, and no silent nonsense."""

import numpy as np
import pytest

from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import ModelError
from dedup_pipeline.index.annoy_index import METRIC, NeighbourIndex, Sidecar, build_file
from dedup_pipeline.index.stage import crowd_of, distinct_rows, measure_recall


def unit(generator, rows, dimension=16):
    vectors = generator.standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(0), 300)


def opened(tmp_path, vectors, **changes):
    file = tmp_path / "vectors.ann"
    build_file(vectors, file, trees=20, seed=1)
    described = {"items": len(vectors), "dimension": vectors.shape[1], "metric": METRIC, "trees": 20, "seed": 1}
    described |= {"model_id": "m", "ids_digest": "d", "size": file.stat().st_size}
    return NeighbourIndex(file, Sidecar(**(described | changes)))


def test_it_finds_the_exact_neighbours_of_a_small_set(tmp_path, vectors):
    index = opened(tmp_path, vectors)
    cosines = vectors @ vectors[7]
    rows, found = index.neighbours_of_row(7, 5)
    expected = [row for row in np.argsort(-cosines) if row != 7][:5]
    assert rows.tolist() == expected
    assert np.allclose(found, cosines[expected], atol=1e-5)
    assert np.array_equal(index.vector(7), vectors[7])


def test_the_same_vectors_give_the_same_bytes(tmp_path, vectors):
    build_file(vectors, tmp_path / "a", trees=10, seed=3)
    build_file(vectors, tmp_path / "b", trees=10, seed=3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("changes", [{"size": 1}, {"metric": "dot"}, {"items": 299}])
def test_a_file_that_is_not_what_its_sidecar_says_is_refused(tmp_path, vectors, changes):
    with pytest.raises(ModelError):
        opened(tmp_path, vectors, **changes)


def test_a_query_of_another_dimension_is_refused(tmp_path, vectors):
    with pytest.raises(ModelError, match="vectors of 16"):
        opened(tmp_path, vectors).neighbours(np.zeros(8, np.float32), 3)


def test_equal_vectors_share_a_row():
    a, b, c = unit(np.random.default_rng(0), 3)
    first, row_of = distinct_rows(np.stack([a, b, a, c, b]))
    assert first.tolist() == [0, 1, 3]
    assert row_of.tolist() == [0, 1, 0, 2, 1]


def test_the_recall_of_a_good_index_is_one_and_of_a_poor_one_less(tmp_path):
    vectors = unit(np.random.default_rng(0), 3000, 64)
    settings = load_settings(["index.neighbours=10", "index.recall_sample=100"])
    file = tmp_path / "vectors.ann"
    build_file(vectors, file, trees=2, seed=1)
    sidecar = Sidecar(3000, 64, METRIC, 2, 1, "m", "d", file.stat().st_size)
    good, sample = measure_recall(NeighbourIndex(file, sidecar, 500_000), vectors, settings)
    poor, _ = measure_recall(NeighbourIndex(file, sidecar, 10), vectors, settings)
    assert (good, sample) == (1.0, 100)
    assert poor < 0.5


def test_the_crowd_is_the_neighbourhood_beyond_the_nearest():
    assert crowd_of(np.linspace(1, 0, 21, dtype=np.float32)) == pytest.approx(np.mean(np.linspace(1, 0, 21)[5:15]))
    assert crowd_of(np.array([0.9, 0.4], np.float32)) == pytest.approx(0.4)
    assert crowd_of(np.array([], np.float32)) == 0
