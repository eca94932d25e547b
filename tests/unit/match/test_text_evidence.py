"""What the listings of two pictures have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_pipeline import schemas
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.stages.index import Vectors
from dedup_pipeline.stages.match.node_table import NodeFamilies, NodeFeatures
from dedup_pipeline.stages.match.nodes import STATES, Nodes
from dedup_pipeline.stages.match.text_evidence import TEXTS, Texts
from dedup_pipeline.stages.match.title_words import word_weights
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage

DUMP = "2018-10-05"
Compare = Callable[..., dict[str, float]]


def looks_of_nobody() -> NodeFeatures:
    hashes = np.zeros((0, 2), np.uint64)
    return NodeFeatures(
        stored=Vectors([]),
        index_rows=np.zeros(0, np.int64),
        local_similarity=np.zeros(0, np.float32),
        phash=hashes,
        dhash=hashes,
        colour=np.zeros((0, 16), np.float32),
        layout=np.zeros((0, 192), np.uint8),
        sizes=np.zeros((0, 2), np.int32),
    )


def read_texts(root: Path, listings: list[dict[str, Any]]) -> tuple[Texts, Nodes]:
    """The texts of pictures named by the key ``image`` of the listings; each is a family unless it names one."""
    store = Store(str(root))
    names = sorted({listing["image"] for listing in listings})
    rows = [
        {"listing_id": f"ID{n:05d}", "row": n + 2, "family_id": f"ID{n:05d}", "photo_url": listing["image"]}
        | {name: value for name, value in listing.items() if name != "image"}
        for n, listing in enumerate(listings)
    ]

    def ingest() -> Done:
        store.write_table(
            path := store.dump(DUMP, "ingest", "listings.parquet"), schemas.conform(rows, schemas.LISTINGS)
        )
        return Done({"listings": path}, {})

    def fetch() -> Done:
        photos = [{"photo_url": name, "status": "ok", "url": name, "image_id": name} for name in names]
        store.write_table(path := store.dump(DUMP, "fetch", "photos.parquet"), schemas.conform(photos, schemas.PHOTOS))
        return Done({"photos": path}, {})

    run_stage(store, DUMP, "ingest", inputs={"rows": rows}, version=1, work=ingest)
    run_stage(store, DUMP, "fetch", inputs={"rows": rows}, version=1, work=fetch)
    rows_of_index = np.arange(len(names), dtype=np.int64)
    nodes = Nodes(
        names=ByteStrings.of(names),
        features=looks_of_nobody(),
        states=np.full(len(names), STATES.index(NodeState.MATCHED), dtype=np.uint8),
        families=NodeFamilies(np.zeros(len(names) + 1, dtype=np.int64), np.empty(0, dtype=np.int32)),
        index_rows=rows_of_index,
        nearest=np.empty((len(names), 0), dtype=np.int32),
        images=ByteStrings.of(names),
        image_nodes=rows_of_index.astype(np.int32),
        packs=ByteStrings.of(["pack"]),
        pack_codes=np.zeros(len(names), dtype=np.int32),
    )
    return Texts.of_nodes(store, DUMP, nodes, rows_of_index, word_weights(store, DUMP)), nodes


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Compare the pictures ``a`` and ``b`` of some listings, beside thirty others that sell shirts."""

    def compared(*listings: dict[str, Any]) -> dict[str, float]:
        others = [{"image": f"other-{n}", "title": f"Shirt number {n}", "brand": "Nobody"} for n in range(30)]
        texts, nodes = read_texts(tmp_path / "store", [*listings, *others])
        found = texts.compare(np.array([nodes.names.index("a")]), np.array([nodes.names.index("b")]))
        assert set(found) == set(TEXTS)
        return {name: float(values[0]) for name, values in found.items()}

    return compared


def test_two_listings_of_one_product(compare: Compare) -> None:
    said = {"title": "Acme Gwyn Endurance Tee", "brand": "Acme", "colour": "Navy", "category": "Tops", "price": 100.0}
    found = compare({"image": "a", "seller": "One", **said}, {"image": "b", "seller": "ONE ", **said})
    assert found == {
        "title_likeness": pytest.approx(1, abs=1e-6),
        "same_brand": 1,
        "same_colour": 1,
        "same_category": 1,
        "same_seller": 1,
        "price_gap": 0,
    }


def test_two_listings_that_contradict_each_other(compare: Compare) -> None:
    found = compare(
        {"image": "a", "title": "Gwyn Tee", "brand": "Acme", "colour": "Red", "category": "Tops", "price": 100.0},
        {
            "image": "b",
            "title": "Arcadio Shorts",
            "brand": "Zeta",
            "colour": "Blue",
            "category": "Shorts",
            "price": 200.0,
        },
    )
    assert [found[name] for name in ("title_likeness", "same_brand", "same_colour", "same_category")] == [0, 0, 0, 0]
    assert found["price_gap"] == pytest.approx(np.log(2))
    assert np.isnan(found["same_seller"])  # neither names one


def test_brand_and_colour_words_make_no_titles_alike(compare: Compare) -> None:
    brand = {"brand": "Acme Sports"}
    found = compare(
        {"image": "a", "title": "Acme Sports Black Gwyn Tee", **brand},
        {"image": "b", "title": "Acme Sports black Arcadio Shorts", **brand},
    )
    assert found["title_likeness"] == 0
    assert found["same_colour"] == 1  # a title names a colour too


def test_rare_words_count_more_than_common_ones(compare: Compare) -> None:
    rare = compare({"image": "a", "title": "Gwyn Shirt"}, {"image": "b", "title": "Gwyn Blouse"})
    common = compare({"image": "a", "title": "Gwyn Shirt"}, {"image": "b", "title": "Arcadio Shirt"})
    assert rare["title_likeness"] > 0.4
    assert 0 <= common["title_likeness"] < 0.2


def test_a_colour_that_no_list_knows_agrees_with_itself_only(compare: Compare) -> None:
    assert compare({"image": "a", "colour": "Laal"}, {"image": "b", "colour": "laal"})["same_colour"] == 1
    assert np.isnan(compare({"image": "a", "colour": "Laal"}, {"image": "b", "colour": "Neela"})["same_colour"])
    assert np.isnan(compare({"image": "a", "colour": "Multicolor"}, {"image": "b", "colour": "Red"})["same_colour"])


def test_without_text_nothing_is_known(compare: Compare) -> None:
    assert all(np.isnan(value) for value in compare({"image": "a"}, {"image": "b", "title": "Gwyn Tee"}).values())


def test_of_several_families_the_best_counts_and_none_with_itself(compare: Compare) -> None:
    mine = {"family_id": "F1", "title": "Gwyn Tee", "seller": "One"}
    found = compare({"image": "a", **mine}, {"image": "b", **mine}, {"image": "b", "title": "Endurance Tee Gwyn"})
    assert 0.5 < found["title_likeness"] < 1  # F1 beside F1 would be 1
    assert np.isnan(found["same_seller"])
    better = compare({"image": "a", **mine}, {"image": "b", "title": "Arcadio"}, {"image": "b", "title": "Gwyn Tee"})
    assert better["title_likeness"] == pytest.approx(1, abs=1e-6)


def test_a_family_that_shows_one_picture_in_many_colours_has_them_all(compare: Compare) -> None:
    family = {"image": "a", "family_id": "F1"}
    found = compare({**family, "colour": "Red"}, {**family, "colour": "Blue"}, {"image": "b", "colour": "Blue"})
    assert found["same_colour"] == 1


def test_a_huge_text_and_a_picture_on_thousands_of_listings_cost_little(compare: Compare) -> None:
    flood = "gwyn " * 100_000
    local_similarity = [{"image": "a", "title": f"Tee {n}", "brand": "Acme"} for n in range(2000)]
    found = compare({"image": "a", "title": flood}, *local_similarity, {"image": "b", "title": flood, "seller": flood})
    assert found["title_likeness"] == pytest.approx(1, abs=1e-6)


def test_no_pairs_have_no_texts(tmp_path: Path) -> None:
    _, nodes = read_texts(tmp_path / "store", [{"image": "a", "title": "Gwyn Tee"}])
    store, nobody = Store(str(tmp_path / "store")), np.zeros(0, np.int64)
    texts = Texts.of_nodes(store, DUMP, nodes, nobody, word_weights(store, DUMP))
    assert all(len(values) == 0 for values in texts.compare(nobody, nobody).values())


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10), st.floats(allow_nan=False, width=32))
def test_any_text_is_compared(
    tmp_path_factory: pytest.TempPathFactory, a: str, b: str, brand: str, price: float
) -> None:
    said = {"brand": brand.encode(errors="replace").decode(), "price": price}
    titles = [text.encode(errors="replace").decode() for text in (a, b)]
    texts, _ = read_texts(
        tmp_path_factory.mktemp("any"), [{"image": "a", "title": titles[0], **said}, {"image": "b", "title": titles[1]}]
    )
    one, other = np.array([0, 0, 1]), np.array([1, 0, 1])
    found, turned = texts.compare(one, other), texts.compare(other, one)
    for name, values in found.items():
        np.testing.assert_array_equal(values, turned[name])
        assert ((values >= 0) & (values <= 3.01) | np.isnan(values)).all()
