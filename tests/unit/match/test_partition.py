"""Parts change nothing: the index and the candidates of a small store, in one part and in several."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline import schemas
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.stages.embed.stage import embeddings_path
from dedup_pipeline.stages.index import index, read_neighbours
from dedup_pipeline.stages.match.candidates import candidates_of, found_by
from dedup_pipeline.stages.match.node_table import NodeFamilies
from dedup_pipeline.stages.match.nodes import Nodes, load_nodes, open_nodes
from dedup_pipeline.stages.match.partition import places_by_cells, places_taken_over, rows_of
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.packs import IMAGES_FILE, pack_ids
from tiny_shop import DUMP, write_tiny_shop

PRODUCTS = 40


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A tiny shop with made-up embeddings, two of them equal."""
    settings = write_tiny_shop(tmp_path_factory.mktemp("parts") / "store", PRODUCTS)
    vectors = np.random.default_rng(1).standard_normal((PRODUCTS, 8)).astype(np.float32)
    vectors[-1] = vectors[0]
    write_embeddings(settings, vectors)
    return settings


def write_embeddings(settings: Settings, vectors: Floats) -> None:
    """Made-up embeddings (PRODUCTS, 8) of the pictures, of length 1."""
    store = Store(settings.store)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = 0
    for pack in pack_ids(store, DUMP):
        ids = store.read_table(store.pack(pack, IMAGES_FILE), ["image_id"])["image_id"]
        some = vectors[first : first + len(ids)]
        columns = {"image_id": ids, "vector": pa.FixedSizeListArray.from_arrays(pa.array(some.reshape(-1)), 8)}
        store.write_table(embeddings_path(store, pack, "made-up"), pa.table(columns, schema=schemas.embeddings(8)))
        first += len(ids)
    run_stage(store, DUMP, "embed", inputs={}, version=1, work=lambda: Done({}, {"model_id": "made-up"}))


def asked(settings: Settings, **index_settings: object) -> tuple[Settings, dict[str, Any]]:
    """The same store with other settings of the index, and every row's neighbours."""
    values = {f"index.{name}": value for name, value in index_settings.items()}
    chosen = load_settings(values={"store": settings.store, "threads": 1, "index.neighbours": 5, **values})
    counts = index(chosen, DUMP).counts
    tables = [
        table for _, table in read_neighbours(Store(settings.store), DUMP, ["row", "neighbours", "cosines", "crowd"])
    ]
    return chosen, {"counts": counts, "rows": pa.concat_tables(tables).to_pylist()}


def candidates(settings: Settings, nodes: Nodes, size: int) -> list[tuple[int, ...]]:
    """The pairs that parts of so many nodes give a verdict: two nodes, directions, and whether they are near."""
    order = np.random.default_rng(size).permutation(len(nodes))  # whatever a part has
    parts = (np.sort(order[start : start + size]) for start in range(0, len(nodes), size))
    found = [candidates_of(nodes, mine, settings) for mine in parts]
    columns = (np.concatenate([getattr(one, name) for one in found]) for name in ("low", "high", "directions", "near"))
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def one_by_one(settings: Settings, nodes: Nodes) -> list[tuple[int, ...]]:
    """The same, asked of every two nodes."""
    found = []
    for low, high in itertools.combinations(np.flatnonzero(nodes.matched).tolist(), 2):
        there, back = (found_by(nodes, np.array([a]), np.array([b]), settings) for a, b in ((low, high), (high, low)))
        near, directions = bool(there[0][0] | back[0][0]), sum(bool(side[0][0] | side[1][0]) for side in (there, back))
        if directions and nodes.of_other_families(np.array([low]), np.array([high]))[0]:
            found.append((low, high, directions, near))
    return found


def test_an_index_in_parts_finds_the_same(embedded: Settings) -> None:
    _, whole = asked(embedded, library="faiss", cells=4, probes=2)
    _, parts = asked(embedded, library="faiss", cells=4, probes=2, part_vectors=10)
    assert whole["counts"] == {"images": 40, "vectors": 39, "parts": 1, "library": "faiss"} | _recall(whole)
    assert parts["counts"] == {"images": 40, "vectors": 39, "parts": 4, "library": "faiss"} | _recall(whole)
    assert parts["rows"] == whole["rows"]


def test_a_large_dump_takes_faiss_by_itself(embedded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, found = asked(embedded)
    assert (chosen.index.library, found["counts"]["library"]) == ("auto", "annoy")
    monkeypatch.setattr("dedup_pipeline.stages.index.stage._ANNOY_UP_TO", 38)
    _, large = asked(embedded, cells=4, probes=4)
    _, told = asked(embedded, library="faiss", cells=4, probes=4)
    assert large["counts"]["library"] == "faiss"
    assert large == told


def _recall(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found["counts"][name] for name in ("recall", "recall_sample")}


@pytest.mark.parametrize("library", ["annoy", "faiss"])
@pytest.mark.parametrize(("radius", "crowded"), [(8, 200), (15, 2)])  # a crowded hash is found from one side only
def test_candidates_do_not_depend_on_the_parts(
    embedded: Settings, library: str, radius: int, crowded: int, tmp_path: Path
) -> None:
    settings, _ = asked(embedded, library=library, part_vectors=16)
    match = settings.match.model_copy(update={"hash_radius": radius, "crowded_hash": crowded})
    settings = settings.model_copy(update={"match": match})
    store = Store(settings.store)
    loaded = load_nodes(settings, DUMP, tmp_path)
    nodes = open_nodes(store, DUMP, loaded.write(store, store.dump(DUMP, "match", "nodes")))
    whole = candidates(settings, load_nodes(settings, DUMP), PRODUCTS)
    assert len(whole) > PRODUCTS
    assert whole == one_by_one(settings, nodes)
    assert {directions for _, _, directions, _ in whole} == {1, 2}
    assert all(candidates(settings, nodes, size) == whole for size in (1, 7, 40))
    # equal vectors share a row of the index, and are candidates of each other
    last = nodes.index_rows.tolist()
    (a, b), *more = [(i, j) for i in range(len(last)) for j in range(i) if last[i] == last[j]]
    assert not more
    assert (min(a, b), max(a, b), 2) in {pair[:3] for pair in whole}


@pytest.fixture(scope="module")
def in_crowds(tmp_path_factory: pytest.TempPathFactory) -> Nodes:
    """The nodes of a tiny shop whose embeddings are four crowds of ten, each scattered over the rows."""
    settings = write_tiny_shop(tmp_path_factory.mktemp("crowds") / "store", PRODUCTS)
    generator = np.random.default_rng(2)
    crowds = np.repeat(np.eye(4, 8, dtype=np.float32), 10, axis=0)[generator.permutation(PRODUCTS)]
    write_embeddings(settings, crowds + 0.05 * generator.standard_normal(crowds.shape).astype(np.float32))
    asked(settings, neighbours=9)
    return load_nodes(settings, DUMP)


def crowds_of(nodes: Nodes) -> Floats:
    """(N,) the crowd of each node."""
    return np.asarray(nodes.features.stored.take(nodes.index_rows)[:, :4].argmax(axis=1))


def test_near_nodes_stand_together(in_crowds: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dedup_pipeline.stages.match.partition._CELL", 10)
    places, crowds = places_by_cells(in_crowds, Settings()), crowds_of(in_crowds)
    parts = [rows_of(places, part, 10) for part in range(4)]
    assert np.concatenate(parts).tolist() != list(range(PRODUCTS))
    assert sorted(np.concatenate(parts).tolist()) == list(range(PRODUCTS))
    assert [len(set(crowds[rows].tolist())) for rows in parts] == [1, 1, 1, 1]
    assert rows_of(places, 4, 10).tolist() == []


def test_one_cell_keeps_the_order(in_crowds: Nodes) -> None:
    assert places_by_cells(in_crowds, Settings()).tolist() == list(range(PRODUCTS))


@given(st.permutations(range(PRODUCTS)), st.sets(st.integers(0, PRODUCTS - 1)))
def test_an_order_is_taken_over_and_new_nodes_stand_by_near_ones(
    in_crowds: Nodes, order: list[int], new: set[int]
) -> None:
    known = np.array([-1 if row in new else place for row, place in enumerate(order)], dtype=np.int32)
    places, crowds = places_taken_over(in_crowds, known), crowds_of(in_crowds)
    assert sorted(places.tolist()) == list(range(PRODUCTS))
    old = np.flatnonzero(known >= 0)
    assert np.array_equal(old[np.argsort(places[old])], old[np.argsort(known[old])])
    for row in new:
        same_family = [other for other in old.tolist() if crowds[other] == crowds[row]]
        if same_family:  # beside one of them: nobody but other new ones stands between
            between = [np.sort([places[row], places[other]]) for other in same_family]
            others = set(places[old].tolist())
            assert any(not others & set(range(low + 1, high)) for low, high in between)


pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20)


@given(pairs)
def test_families_of_nodes_are_sets(shown: list[tuple[int, int]]) -> None:
    sides = [np.array([pair[side] for pair in shown], dtype=np.int64) for side in (0, 1)]
    families = NodeFamilies.of_pairs(sides[0], sides[1], 6)
    expected = [frozenset(code for node, code in shown if node == row) for row in range(6)]
    assert [families.of(row) for row in range(6)] == expected
    a, b = (side.reshape(-1) for side in np.meshgrid(np.arange(6), np.arange(6)))
    several = [len(expected[i] | expected[j]) > 1 for i, j in zip(a, b, strict=True)]
    assert families.several(a, b).tolist() == several


def test_names_are_texts_held_in_bytes() -> None:
    names = ByteStrings.of(["a", "bcd", "ef"])
    assert list(names) == ["a", "bcd", "ef"]
    assert names[1] == "bcd"
    assert list(names[1:]) == ["bcd", "ef"]
    assert names.take(np.array([2, 0])) == ["ef", "a"]
    assert names.index("ef") == 2
