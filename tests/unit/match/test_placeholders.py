"""Pictures that many unrelated listings share, those of one brand too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_shop
from dedup_pipeline import schemas
from dedup_pipeline.config import MatchSettings
from dedup_pipeline.model.network import write_model
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.stages.embed import embed
from dedup_pipeline.stages.index import index
from dedup_pipeline.stages.match.nodes import STATES, load_nodes
from dedup_pipeline.stages.match.placeholders import is_placeholder
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from training.backbone import untrained_network

CROWD = MatchSettings().crowd_families
GARMENTS = ["silk saree", "denim jacket", "running shoe", "cricket cap", "leather belt", "woollen shawl", "linen shirt"]
COLOURS = ["red", "blue", "green", "black"]
GREETINGS = ["new", "best price", "sale", "free shipping", "original", "2018", "trendy", "for women"]
TONGUES = [["kurta", "coton", "femme"], ["damen", "tunika", "baumwolle"], ["cotton", "ladies", "top"], ["kurti"]]


def of_one_brand(count: int) -> list[dict[str, Any]]:
    """What a brand sells that shows one picture for all of it."""
    rows = []
    for number in range(count):
        garment = GARMENTS[number % len(GARMENTS)]
        title = f"Kite {garment} {('slim', 'classic', 'festive')[number % 3]}"
        row = {"family_id": f"F{number:05}", "brand": "Kite", "category": garment.split()[1], "title": title}
        rows.append(row | {"colour": COLOURS[number % 4], "price": 100.0 + 131 * (number % 23)})
    return rows


def flood(count: int, titles: list[str]) -> list[dict[str, Any]]:
    """One product on sale by many, each with a brand of his own and about the same price."""
    return [
        {"family_id": f"F{number:05}", "brand": f"Seller {number}", "category": "kurta", "colour": "red"}
        | {"title": titles[number % len(titles)], "price": 400.0 + number % 150}
        for number in range(count)
    ]


def without(rows: list[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    return [row | dict.fromkeys(fields) for row in rows]


@pytest.mark.parametrize(
    "unknown", [(), ("category",), ("colour", "price"), ("title",), ("category", "colour", "price")], ids=str
)
def test_a_picture_on_all_that_a_brand_sells_is_a_placeholder(unknown: tuple[str, ...]) -> None:
    assert is_placeholder(without(of_one_brand(CROWD), *unknown), CROWD)


def test_a_few_families_of_one_brand_are_no_crowd() -> None:
    assert not is_placeholder(of_one_brand(CROWD - 1), CROWD)


@pytest.mark.parametrize("count", [CROWD, 3000])
@pytest.mark.parametrize(
    "titles",
    [
        [f"printed cotton kurta {words}" for words in GREETINGS],
        [" ".join(words) for words in TONGUES],  # nothing in common, but all else agrees
    ],
    ids=["alike", "languages"],
)
def test_a_product_that_thousands_sell_is_no_placeholder(count: int, titles: list[str]) -> None:
    assert not is_placeholder(flood(count, titles), CROWD)


def test_nothing_known_sets_nothing_apart() -> None:
    bare = without(of_one_brand(CROWD), "title", "category", "colour", "price")
    assert not is_placeholder(bare, CROWD)


def test_the_order_of_the_listings_does_not_matter() -> None:
    rows = [*of_one_brand(900), *flood(900, ["printed cotton kurta"])]
    shuffled = [rows[place] for place in np.random.default_rng(5).permutation(len(rows)).tolist()]
    assert is_placeholder(rows, CROWD) == is_placeholder(shuffled, CROWD)


def test_a_dump_sets_a_brands_own_picture_apart_and_keeps_a_flood(tmp_path: Path) -> None:
    settings = tiny_shop.write_tiny_shop(tmp_path / "store", 3)
    store, dump = Store(settings.store), tiny_shop.DUMP
    rows = []
    for picture, shown in enumerate((of_one_brand(CROWD), flood(CROWD, ["printed cotton kurta"]), of_one_brand(4))):
        for row in shown:
            name = f"{picture}-{row['family_id']}"
            more = {"listing_id": name, "family_id": name, "photo_url": f"http://shop.test/{picture}.jpeg", "row": 2}
            rows.append({**row, **more})
    store.write_table(store.dump(dump, "ingest", "listings.parquet"), schemas.conform(rows, schemas.LISTINGS))
    torch.manual_seed(3)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, dump, "train", inputs={}, version=1, work=lambda: done)
    embed(settings, dump)
    index(settings, dump)
    nodes = load_nodes(settings, dump)
    photos = store.read_table(store.dump(dump, "fetch", "photos.parquet")).to_pylist()
    state_of = {name: STATES[code] for name, code in zip(nodes.names, nodes.states.tolist(), strict=True)}
    states = [state_of[photo["image_id"]] for photo in photos]
    assert states == [NodeState.PLACEHOLDER, NodeState.MATCHED, NodeState.MATCHED]
