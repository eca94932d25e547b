"""The stage ``group``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.config import Settings
from dedup_pipeline.listings.images import matched_listings, several_families
from dedup_pipeline.schemas import GROUPS, conform
from dedup_pipeline.stages.fingerprint import FILE
from dedup_pipeline.stages.group.stars import Tie, stars
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import (
    Done,
    Progress,
    StageResult,
    finished_dumps,
    no_progress,
    result_of,
    run_stage,
)
from dedup_pipeline.store.packs import iter_packed, packed_images

VERSION = 3


def group(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Put the listings that are one product into groups.

    The pictures form stars around medoids (see ``stars``); a group is the listings that show the pictures of a star,
    when they come from more than one family. Its canonical listing is the one whose picture has the most pixels, and
    among equals the one with the smallest id. A group keeps its id from dump to dump: it takes that of the group in the
    latest earlier dump of the store with which it shares most listings; a new group is named after its canonical
    listing.

    Returns:
        outputs: groups (GROUPS, sorted by group and listing). counts: groups, listings (in groups), groups_kept (known
        from an earlier dump).

    Raises:
        NotReadyError: the dump is not matched yet.
    """
    store = Store(settings.store)
    matched = result_of(store, dump_id, "match")
    earlier = _earlier_groups(store, dump_id)

    def work() -> Done:
        progress(0, 2)
        members = _members(store, dump_id, _stars(store, matched))
        progress(1, 2)
        rows, kept = _named(members, _known_ids(store, earlier))
        path = store.dump(dump_id, "group", "groups.parquet")
        store.write_table(path, conform(rows, GROUPS))
        progress(2, 2)
        return Done({"groups": path}, {"groups": len(members), "listings": len(rows), "groups_kept": kept})

    inputs = {"match": matched.key, "earlier": earlier.key if earlier else None}
    return run_stage(store, dump_id, "group", inputs=inputs, version=VERSION, work=work)


def _stars(store: Store, matched: StageResult) -> dict[str, Tie]:
    """The star of every node that accepted verdicts tie to others."""
    threshold = float(str(matched.counts["threshold"]))
    edges: dict[str, dict[str, float]] = defaultdict(dict)
    with store.reading_table(matched.outputs["verdicts"]) as table:
        for batch in table.iter_batches(columns=["node_a", "node_b", "probability"]):
            accepted = batch.filter(pc.greater_equal(batch["probability"], threshold))
            for a, b, probability in zip(*(column.to_pylist() for column in accepted.columns), strict=True):
                edges[a][b] = probability
                edges[b][a] = probability
    return stars(edges)


def _members(store: Store, dump_id: str, ties: dict[str, Tie]) -> list[list[dict[str, Any]]]:
    """The listings of every group, groups and listings in order of their ids; only these are held with their words."""
    images, shown, nodes = matched_listings(store, dump_id)
    star_of = np.arange(len(images), dtype=np.int32)  # a node without a star is its own medoid
    star_of[images.find(ByteStrings.of(ties))] = images.find(ByteStrings.of(tie.medoid for tie in ties.values()))
    stars_of_listings = np.where(nodes >= 0, star_of[nodes], -1).astype(np.int32) if len(images) else nodes
    groups = several_families(stars_of_listings, shown.families, len(images))
    wanted = np.flatnonzero(stars_of_listings >= 0)
    wanted = wanted[groups[stars_of_listings[wanted]]]
    rows_of: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ["listing_id", "family_id", "photo_url", "title"]
    for places, batch in shown.listings(store, columns, _flags(wanted, len(nodes))):
        names, shown_nodes = images.take(shown.images[places]), images.take(nodes[places])
        for place, image, node, listing in zip(places.tolist(), names, shown_nodes, batch.to_pylist(), strict=True):
            star = int(stars_of_listings[place])
            medoid = int(nodes[place]) == star
            _, through, score = (node, None, 1.0) if medoid else ties[node]
            rows_of[star].append({**listing, "image_id": image, "medoid": medoid, "through": through, "score": score})
    sizes = _pixels(store, dump_id, {row["image_id"] for rows in rows_of.values() for row in rows})
    found = []
    for listings in rows_of.values():
        listings.sort(key=lambda listing: (-sizes.get(listing["image_id"], 0), listing["listing_id"]))
        canonical = listings[0]["listing_id"]
        rows = [{**listing, "canonical": listing["listing_id"] == canonical} for listing in listings]
        found.append(sorted(rows, key=lambda row: str(row["listing_id"])))
    return sorted(found, key=lambda rows: str(rows[0]["listing_id"]))


def _flags(places: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.bool_]:
    flags = np.zeros(count, dtype=bool)
    flags[places] = True
    return flags


def _pixels(store: Store, dump_id: str, images: set[str]) -> dict[str, int]:
    """How many pixels the photos of some images have."""
    packed = packed_images(store, dump_id)
    places = np.sort(packed.ids.find(ByteStrings.of(images)))
    sizes: dict[str, int] = {}
    columns = ["image_id", "photo_width", "photo_height"]
    for _, prints in iter_packed(store, packed.take(places[places >= 0]), FILE, columns):
        pixels = pc.multiply(prints["photo_width"], prints["photo_height"]).to_pylist()
        sizes |= zip(prints["image_id"].to_pylist(), pixels, strict=True)
    return sizes


def _named(groups: list[list[dict[str, Any]]], known: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    """Give every group its id; returns the rows, sorted by group and listing, and how many ids were known before."""
    wishes = []
    for place, rows in enumerate(groups):
        shared = Counter(known[row["listing_id"]] for row in rows if row["listing_id"] in known)
        wishes += [(-count, name, place) for name, count in shared.items()]
    name_of: dict[int, str] = {}
    given: set[str] = set()
    for _, name, place in sorted(wishes):
        if place not in name_of and name not in given:
            name_of[place] = name
            given.add(name)
    kept = len(name_of)
    taken = set(known.values())
    for place, rows in enumerate(groups):
        if place not in name_of:
            canonical = next(row["listing_id"] for row in rows if row["canonical"])
            name_of[place] = _fresh(canonical, taken)
            taken.add(name_of[place])
    named = [{**row, "group_id": name_of[place]} for place, rows in enumerate(groups) for row in rows]
    return sorted(named, key=lambda row: (row["group_id"], row["listing_id"])), kept


def _fresh(canonical: str, taken: set[str]) -> str:
    """A group id made from the canonical listing; another one where an earlier group has it."""
    number = 0
    while (name := "G" + digest("group", canonical, number)) in taken:
        number += 1
    return name


def _earlier_groups(store: Store, dump_id: str) -> StageResult | None:
    """The groups of the latest dump before this one, by the order of their ids."""
    earlier = [other for other in finished_dumps(store, "group") if other < dump_id]
    return result_of(store, earlier[-1], "group") if earlier else None


def _known_ids(store: Store, earlier: StageResult | None) -> dict[str, str]:
    """Listing id to group id of an earlier dump."""
    if earlier is None:
        return {}
    table = store.read_table(earlier.outputs["groups"], ["listing_id", "group_id"])
    return dict(zip(table["listing_id"].to_pylist(), table["group_id"].to_pylist(), strict=True))
