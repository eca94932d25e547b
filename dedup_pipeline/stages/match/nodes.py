"""What matching sees of a dump: its distinct pictures, the families that show them, and what is set apart."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Codes, Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.config import Settings
from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.schemas import NODES, NodeState, conform
from dedup_pipeline.stages.fingerprint import FILE as FINGERPRINTS_FILE
from dedup_pipeline.stages.index import NeighbourIndex, distinct_rows, local_similarity, open_vectors, read_neighbours
from dedup_pipeline.stages.match.listings_of_nodes import listings_of_nodes
from dedup_pipeline.stages.match.node_table import Arrays, NodeFamilies, NodeFeatures, open_arrays, write_arrays
from dedup_pipeline.stages.match.placeholders import is_placeholder
from dedup_pipeline.stages.match.text_banners import banners_among
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.packs import PackedImages, iter_packed, packed_images
from dedup_pipeline.verdict.evidence import ImageFeatures

logger = logging.getLogger(__name__)

STATES = tuple(NodeState)

_BLOCK = 10_000  # nodes or images held as Python's values at a time
_PIXEL_DIGITS = 32
# the columns of NodeFeatures that fingerprints and index fill: kind, and shape of one
_FEATURES: dict[str, tuple[Any, ...]] = {
    "local_similarity": (np.float32,),
    "phash": (np.uint64, 2),
    "dhash": (np.uint64, 2),
    "colour": (np.float32, perceptual.COLOUR_VALUES),
    "layout": (np.uint8, perceptual.LAYOUT_BYTES),
    "sizes": (np.int32, 2),
}
_STORED = {"local_similarity": "crowd"}  # what a store calls an array that is called otherwise here
_LEAST_CONTRAST = 2.0  # of the 8-bit layout: below, the picture is one flat colour


@dataclass(frozen=True)
class Nodes:
    """The nodes of a dump, sorted by name; a node is a set of images with equal pixels.

    Attributes:
        names: the smallest image id of each of N.
        features: what is known of each.
        states: (N,) uint8, places in STATES.
        families: the families that show each.
        index_rows: (N,) int64, its row of the index.
        nearest: (V, K) int32, the neighbours of each row of the index, as rows of it; -1 where there are no more.
        images: the ids of all I images, sorted.
        image_nodes: (I,) int32, the node of each image.
        packs: the packs that hold the images of the names.
        pack_codes: (N,) int32, the pack of each node.
    """

    names: ByteStrings
    features: NodeFeatures
    states: npt.NDArray[np.uint8]
    families: NodeFamilies
    index_rows: Rows
    nearest: Codes
    images: ByteStrings
    image_nodes: Codes
    packs: ByteStrings
    pack_codes: Codes

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def matched(self) -> npt.NDArray[np.bool_]:
        """(N,) bool: which nodes take part in matching."""
        return np.asarray(self.states == STATES.index(NodeState.MATCHED))

    def uncrowded(self, name: str, most: int) -> npt.NDArray[np.bool_]:
        """(N,) bool: the matched nodes whose upright ``phash`` or ``dhash`` no more than so many of them share."""
        if (name, most) not in self._uncrowded:
            hashes = getattr(self.features, name)[self.matched, 0]
            _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
            found = np.zeros(len(self), dtype=bool)
            found[self.matched] = counts[inverse] <= most
            self._uncrowded[name, most] = found
        return self._uncrowded[name, most]

    @cached_property
    def _uncrowded(self) -> dict[tuple[str, int], npt.NDArray[np.bool_]]:
        return {}

    def of_other_families(self, a: Rows, b: Rows) -> npt.NDArray[np.bool_]:
        """(P,) bool: whether the pair of nodes is shown by more than one family, so that it can be news."""
        return self.families.several(a, b)

    def pack_of(self, row: int) -> str:
        """The pack that holds the image of a node's name."""
        return self.packs[int(self.pack_codes[row])]

    def images_of(self, rows: Rows) -> dict[str, int]:
        """The images of some nodes (R,), each with the row of its node."""
        places = np.flatnonzero(np.isin(self.image_nodes, rows))
        return dict(zip(self.images.take(places), self.image_nodes[places].tolist(), strict=True))

    def members(self) -> Iterator[pa.Table]:
        """NODES, every image of the dump with its node, a block at a time."""
        for start in range(0, len(self.images), _BLOCK):
            of = self.image_nodes[start : start + _BLOCK].astype(np.int64)
            columns = {"image_id": list(self.images[start : start + _BLOCK]), "node": self.names.take(of)}
            yield conform(columns | {"state": [STATES[code].value for code in self.states[of].tolist()]}, NODES)

    def write(self, store: Store, folder: str) -> dict[str, str]:
        """Write all of it into a folder of the store, for ``open_nodes``; returns the paths by name."""
        features = {_STORED.get(name, name): getattr(self.features, name) for name in _FEATURES}
        arrays: dict[str, Any] = {"names": self.names.data, "images": self.images.data, "packs": self.packs.data}
        arrays |= {"family_starts": self.families.starts, "family_codes": self.families.codes, "states": self.states}
        arrays |= {name: getattr(self, name) for name in ("index_rows", "nearest", "image_nodes", "pack_codes")}
        return write_arrays(store, folder, arrays | features)


def open_nodes(store: Store, dump_id: str, paths: dict[str, str]) -> Nodes:
    """The nodes that ``Nodes.write`` wrote, mapped into memory: what is not looked at is not read.

    Raises:
        NotReadyError: they are not there, or the dump's index is not.
    """
    arrays: dict[str, Any] = open_arrays(store, paths)
    features = NodeFeatures(
        open_vectors(store, dump_id),
        arrays["index_rows"],
        **{name: arrays[_STORED.get(name, name)] for name in _FEATURES},
    )
    columns: dict[str, Any] = {name: ByteStrings(arrays[name]) for name in ("names", "images", "packs")}
    columns |= {name: arrays[name] for name in ("states", "index_rows", "nearest", "image_nodes", "pack_codes")}
    return Nodes(features=features, families=NodeFamilies(arrays["family_starts"], arrays["family_codes"]), **columns)


def open_names(store: Store, paths: dict[str, str]) -> ByteStrings:
    """The names alone of the nodes that ``Nodes.write`` wrote.

    Raises:
        NotReadyError: they are not there.
    """
    data: Any = open_arrays(store, {"names": paths["names"]})["names"]
    return ByteStrings(data)


def features_of(pictures: list[Picture], encoder: Encoder, found: NeighbourIndex, settings: Settings) -> ImageFeatures:
    """What is known in the first pass of pictures that are not in the dump, seen from its index."""
    vectors = encoder.encode(pictures)
    similarities = [local_similarity(found.neighbours(vector, settings.index.neighbours)[1]) for vector in vectors]
    return ImageFeatures.from_pictures(pictures, vectors, np.array(similarities, dtype=np.float32))


def load_nodes(settings: Settings, dump_id: str, folder: Path | None = None) -> Nodes:
    """Find the nodes of a dump.

    Args:
        settings: the settings.
        dump_id: the dump.
        folder: where to keep what is known of them, mapped into memory; without one it is held in memory.

    Raises:
        NotReadyError: a stage before is missing.
    """
    store = Store(settings.store)
    packed, index_rows, node_of, first, are_cards = _images(store, dump_id)
    sources = packed.take(first)
    index_rows = index_rows[first]
    arrays = Arrays(folder)
    features, nearest = _read_features(store, dump_id, sources, index_rows, arrays=arrays)
    shown = ListingImages.read(store, dump_id, packed.ids)
    showing = shown.nodes(node_of)
    listed = np.flatnonzero(showing >= 0)
    families = NodeFamilies.of_pairs(
        showing[listed].astype(np.int64), shown.families[listed].astype(np.int64), len(first)
    )
    card, crowded = are_cards[first], np.diff(families.starts) >= settings.match.placeholder_families
    listings = listings_of_nodes(store, shown, showing, card | crowded)
    states = np.where(_blank(features), STATES.index(NodeState.BLANK), STATES.index(NodeState.MATCHED)).astype(np.uint8)
    for row in np.flatnonzero(crowded & (states == STATES.index(NodeState.MATCHED))).tolist():
        if is_placeholder(listings[row], settings.match.crowd_families):
            states[row] = STATES.index(NodeState.PLACEHOLDER)
            logger.info(
                "picture %s is set apart: its %d families share nothing else", sources.ids[row], len(listings[row])
            )
    _spread_placeholders(states, features)
    cards = np.flatnonzero(card & (states == STATES.index(NodeState.MATCHED)))
    hashes = features.phash[cards, 0], features.dhash[cards, 0]
    banners = banners_among(*hashes, [listings.get(row, []) for row in cards.tolist()], settings.match.hash_radius)
    states[cards[banners]] = STATES.index(NodeState.BANNER)
    return Nodes(
        names=sources.ids,
        features=features,
        states=states,
        families=families,
        index_rows=index_rows,
        nearest=nearest,
        images=packed.ids,
        image_nodes=node_of.astype(np.int32),
        packs=ByteStrings.of(packed.packs),
        pack_codes=sources.codes,
    )


def _images(store: Store, dump_id: str) -> tuple[PackedImages, Rows, Rows, Rows, npt.NDArray[np.bool_]]:
    """The images that are in the index and what they are.

    Returns:
        The images (I); the row of each in the index (I,); its node (I,); the first image of each node (N,); which
        images are cards of text (I,).
    """
    packed = packed_images(store, dump_id)
    pixels, cards = np.zeros(len(packed), dtype=f"S{_PIXEL_DIGITS}"), np.zeros(len(packed), dtype=bool)
    for places, table in iter_packed(store, packed, FINGERPRINTS_FILE, ["image_id", "pixel_id", "text_card"]):
        pixels[places] = ByteStrings.of_column(table["pixel_id"]).data
        cards[places] = table["text_card"].to_numpy()
    row_of = np.full(len(packed), -1, dtype=np.int64)
    with store.reading_table(result_of(store, dump_id, "index").outputs["rows"]) as rows:
        for batch in rows.iter_batches():
            at = packed.ids.find(ByteStrings.of_column(batch["image_id"]))
            row_of[at[at >= 0]] = batch["row"].to_numpy()[at >= 0]
    known = (row_of >= 0) & (pixels != b"")
    if not known.all():
        packed, row_of, pixels, cards = packed.take(known), row_of[known], pixels[known], cards[known]
    first, node_of = distinct_rows(pixels)
    return packed, row_of, node_of, first, cards


def _read_features(
    store: Store, dump_id: str, sources: PackedImages, index_rows: Rows, *, arrays: Arrays
) -> tuple[NodeFeatures, Codes]:
    """What fingerprints and index know of the nodes whose first images are these, and the index's neighbours."""
    count = len(sources)
    shapes = {name: (kind, (count, *shape)) for name, (kind, *shape) in _FEATURES.items()}
    made: dict[str, Any] = {name: arrays.empty(name, kind, *shape) for name, (kind, shape) in shapes.items()}
    for places, table in iter_packed(store, sources, FINGERPRINTS_FILE):
        nothing = np.empty((len(table), 0), dtype=np.float32)
        some = ImageFeatures.from_fingerprints(table.combine_chunks(), nothing, nothing[:, :0])
        for name in _FEATURES.keys() - {"local_similarity"}:
            made[name][places] = getattr(some, name)
    vectors = open_vectors(store, dump_id)
    similarities = [group["crowd"].to_numpy() for _, group in read_neighbours(store, dump_id, ["crowd"])]
    made["local_similarity"][:] = np.concatenate(similarities)[index_rows]
    return NodeFeatures(vectors, index_rows, **made), _nearest(store, dump_id, len(vectors), arrays)


def _nearest(store: Store, dump_id: str, vectors: int, arrays: Arrays) -> Codes:
    """The neighbours (V, K) of all rows of the index, see Nodes."""
    widths = [0]
    for _, group in read_neighbours(store, dump_id, ["neighbours"]):
        widths.append(int(group["neighbours"].combine_chunks().value_lengths().to_numpy().max(initial=0)))
    found: Any = arrays.empty("nearest", np.int32, vectors, max(widths))
    found[:] = -1
    for rows, group in read_neighbours(store, dump_id, ["neighbours"]):
        lists = group["neighbours"].combine_chunks()
        counts = lists.value_lengths().to_numpy()
        places = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        found[np.repeat(rows, counts), places] = lists.flatten().to_numpy()
    return np.asarray(found)


def _blank(features: NodeFeatures) -> npt.NDArray[np.bool_]:
    """(N,) bool: which pictures are one flat colour."""
    blank = np.empty(len(features.layout), dtype=bool)
    for start in range(0, len(blank), _BLOCK):
        layout = np.asarray(features.layout[start : start + _BLOCK])
        contrast = layout.reshape(len(layout), -1, 3).astype(np.float32).std(axis=1).max(axis=1)
        blank[start : start + _BLOCK] = contrast < _LEAST_CONTRAST
    return blank


def _spread_placeholders(states: npt.NDArray[np.uint8], features: NodeFeatures) -> None:
    """A re-encoded placeholder is one too: equal hashes and no difference in colour."""
    placeholder = STATES.index(NodeState.PLACEHOLDER)
    for row in np.flatnonzero(states == placeholder):
        equal = (features.phash[:, 0] == features.phash[row, 0]) & (features.dhash[:, 0] == features.dhash[row, 0])
        others = np.flatnonzero(equal)
        apart = np.abs(features.layout[others].astype(np.int16) - features.layout[row].astype(np.int16)).max(axis=1)
        states[others[apart <= 4]] = placeholder
