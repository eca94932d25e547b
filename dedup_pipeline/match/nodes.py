"""What matching sees of a dump: its distinct pictures, the families that show them, and what is set apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.config import Settings
from dedup_pipeline.encoder import Encoder
from dedup_pipeline.evidence import Floats, Looks, Rows
from dedup_pipeline.fingerprint import read_fingerprints
from dedup_pipeline.imaging import Picture
from dedup_pipeline.index import NeighbourIndex, crowd_of, open_index, read_neighbours
from dedup_pipeline.packs import image_of_photo
from dedup_pipeline.schemas import NODES, NodeState, conform
from dedup_pipeline.stage import result_of
from dedup_pipeline.store import Store

_LEAST_CONTRAST = 2.0  # of the 8-bit layout: below, the picture is one flat colour
_SHARED_CATEGORY = 0.6  # a product under several ids keeps its category on most of them
_SHARED_BRAND = 0.34  # and on many of them its brand


@dataclass(frozen=True)
class Nodes:
    """The nodes of a dump, sorted by name; a node is a set of images with equal pixels.

    Attributes:
        names: (N,) the smallest image id of each.
        looks: what is known of each.
        states: (N,) NodeState of each.
        families: the families that show it.
        index_rows: (N,) int64, its row of the index.
        members: NODES, every image of the dump with its node.
    """

    names: list[str]
    looks: Looks
    states: list[NodeState]
    families: list[frozenset[str]]
    index_rows: Rows
    members: pa.Table

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def matched(self) -> npt.NDArray[np.bool_]:
        """(N,) bool: which nodes take part in matching."""
        return np.array([state is NodeState.MATCHED for state in self.states], dtype=bool)

    def strangers(self, a: Rows, b: Rows) -> npt.NDArray[np.bool_]:
        """(P,) bool: whether the pair of nodes is shown by more than one family, so that it can be news."""
        return np.array(
            [len(self.families[i] | self.families[j]) > 1 for i, j in zip(a.tolist(), b.tolist(), strict=True)],
            dtype=bool,
        )


def looks_of(pictures: list[Picture], encoder: Encoder, found: NeighbourIndex, settings: Settings) -> Looks:
    """What is known at a glance of pictures that are not in the dump, seen from its index."""
    vectors = encoder.encode(pictures)
    crowd = [crowd_of(found.neighbours(vector, settings.index.neighbours)[1]) for vector in vectors]
    return Looks.from_pictures(pictures, vectors, np.array(crowd, dtype=np.float32))


def load_nodes(settings: Settings, dump_id: str) -> Nodes:
    """Read the nodes of a dump.

    Raises:
        NotReadyError: a stage before is missing.
    """
    store = Store(settings.store)
    prints = read_fingerprints(store, dump_id)
    found, rows = open_index(settings, dump_id)
    row_of = dict(zip(rows["image_id"].to_pylist(), rows["row"].to_pylist(), strict=True))
    known = pa.array([image in row_of for image in prints["image_id"].to_pylist()], pa.bool_())
    prints = prints.filter(known)
    image_ids, pixel_ids = prints["image_id"].to_pylist(), prints["pixel_id"].to_pylist()
    first: dict[str, int] = {}
    for place, pixel_id in enumerate(pixel_ids):
        first.setdefault(pixel_id, place)
    places = sorted(first.values())
    node_of = {image: image_ids[first[pixel]] for image, pixel in zip(image_ids, pixel_ids, strict=True)}
    names = [image_ids[place] for place in places]
    index_rows = np.array([row_of[name] for name in names], dtype=np.int64)
    vectors = found.vectors.take(index_rows)
    looks = Looks.from_fingerprints(
        prints.take(pa.array(places, pa.int64())).combine_chunks(), vectors, _crowds(store, dump_id)[index_rows]
    )
    showing = _listings_by_node(store, dump_id, node_of)
    families = [frozenset(listing["family_id"] for listing in showing.get(name, [])) for name in names]
    states = [_state(showing.get(name, []), looks.layout[row], settings) for row, name in enumerate(names)]
    _spread_placeholders(states, looks)
    state_of = dict(zip(names, states, strict=True))
    members = {
        "image_id": image_ids,
        "node": [node_of[image] for image in image_ids],
        "state": [state_of[node_of[image]] for image in image_ids],
    }
    return Nodes(names, looks, states, families, index_rows, conform(members, NODES))


def _crowds(store: Store, dump_id: str) -> Floats:
    groups = [group["crowd"].to_numpy() for _, group in read_neighbours(store, dump_id, ["crowd"])]
    return np.concatenate(groups).astype(np.float32)


def _listings_by_node(store: Store, dump_id: str, node_of: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    image_of = image_of_photo(store, dump_id)
    columns = ["photo_url", "family_id", "brand", "category"]
    showing: dict[str, list[dict[str, str]]] = {}
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as table:
        for batch in table.iter_batches(columns=columns):
            for listing in batch.to_pylist():
                node = node_of.get(image_of.get(listing["photo_url"], ""))
                if node is not None:
                    showing.setdefault(node, []).append(listing)
    return showing


def _state(listings: list[dict[str, str]], layout: npt.NDArray[np.uint8], settings: Settings) -> NodeState:
    """Whether a picture can tell products apart.

    A placeholder is one picture on many families that agree neither in category nor in brand.
    """
    if layout.reshape(-1, 3).astype(np.float32).std(axis=0).max() < _LEAST_CONTRAST:
        return NodeState.BLANK
    one_each = {listing["family_id"]: listing for listing in listings}
    if len(one_each) < settings.match.placeholder_families:
        return NodeState.MATCHED
    shared = {
        field: max(Counter(listing[field] for listing in one_each.values()).values()) / len(one_each)
        for field in ("category", "brand")
    }
    unrelated = shared["category"] < _SHARED_CATEGORY and shared["brand"] < _SHARED_BRAND
    return NodeState.PLACEHOLDER if unrelated else NodeState.MATCHED


def _spread_placeholders(states: list[NodeState], looks: Looks) -> None:
    """A re-encoded placeholder is one too: equal hashes and no difference in colour."""
    known = [row for row, state in enumerate(states) if state is NodeState.PLACEHOLDER]
    for row in known:
        equal = (looks.phash[:, 0] == looks.phash[row, 0]) & (looks.dhash[:, 0] == looks.dhash[row, 0])
        near = np.abs(looks.layout.astype(np.int16) - looks.layout[row].astype(np.int16)).max(axis=1) <= 4
        for other in np.flatnonzero(equal & near):
            states[other] = NodeState.PLACEHOLDER
