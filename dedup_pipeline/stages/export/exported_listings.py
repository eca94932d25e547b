"""The listings that an export can name, as arrays: their words are read only where a file is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.dtypes import Codes, Doubles, Flags, Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.store import Store


@dataclass(frozen=True)
class Listed:
    """Listings that show a picture that takes part in matching, in the order of their ids, which are their places here.

    Attributes:
        ids: (S,) text.
        rows: (S,) int64, where they stand in the dump's listings.
        images: (S,) int32, the image that each shows, as a place among ``names``.
        nodes: (S,) int32, the node of that image, the same way.
        families: (S,) int32, a number for the family of each.
        groups: (S,) int32, the group of each, as a place among ``group_ids``; -1 of those in none.
        canonical: (S,) bool, whether a group goes by its id.
        scores: (S,) float64, how surely it belongs to its group; 1 of the medoid, 0 of those in none.
        through: (S,) int64, the listing that ties it to its group, as its place here; itself where it shows the medoid
            or is in none.
        names: (I,) of the images, sorted.
        group_ids: (G,) text.
    """

    ids: pa.Array
    rows: Rows
    images: Codes
    nodes: Codes
    families: Codes
    groups: Codes
    canonical: Flags
    scores: Doubles
    through: Rows
    names: ByteStrings
    group_ids: pa.Array

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def read(
        cls, store: Store, shown: ListingImages, groups: pa.Table, *, names: ByteStrings, nodes: Codes, named: Flags
    ) -> Listed:
        """Read the ids of the listings that show some nodes.

        Args:
            store: the store.
            shown: what all listings show.
            groups: GROUPS, of listings that are wanted.
            names: the images (I,), sorted.
            nodes: (L,) the node that each of all listings shows, -1 where none.
            named: (I,) the nodes whose listings are wanted.
        """
        wanted = (nodes >= 0) & np.append(named, False)[nodes]
        places, parts = [np.empty(0, np.int64)], [pa.array([], pa.string())]
        for some, batch in shown.listings(store, ["listing_id"], wanted):
            places.append(some)
            parts.append(batch["listing_id"])
        together = pa.concat_arrays(parts)
        order = pc.sort_indices(together)
        rows = np.concatenate(places)[order.to_numpy()]
        ids = together.take(order)
        columns = {"rows": rows, "images": shown.images[rows], "nodes": nodes[rows], "families": shown.families[rows]}
        return cls(ids=ids, names=names, **columns, **_grouped(ids, groups, names, columns["nodes"]))

    def groups_of_nodes(self) -> Codes:
        """(I,) the group of the listings that show a node; -1 where none does, or in no group."""
        found = np.full(len(self.names), -1, dtype=np.int32)
        grouped = self.groups >= 0
        found[self.nodes[grouped]] = self.groups[grouped]
        return found


def first_of(codes: Codes, places: Rows, canonical: Flags, count: int) -> Rows:
    """(count,) for each code the canonical or else the first of the listings (P,) that have it; -1 where none has."""
    order = places[np.lexsort((places, ~canonical[places], codes[places]))]
    known, at = np.unique(codes[order], return_index=True)
    first = np.full(count, -1, dtype=np.int64)
    first[known] = order[at]
    return first


def _grouped(ids: pa.Array, table: pa.Table, names: ByteStrings, nodes: Codes) -> dict[str, Any]:
    """The attributes that a table of GROUPS tells of listings (S,) that show some nodes (S,) of those named."""
    known = table["group_id"].combine_chunks().dictionary_encode()
    members = pc.index_in(table["listing_id"].combine_chunks(), value_set=ids)
    if members.null_count:
        raise RuntimeError(f"{members.null_count} listings of groups show no picture: the stage group is at fault")
    at = members.to_numpy()
    groups = np.full(len(ids), -1, dtype=np.int32)
    groups[at] = known.indices.to_numpy()
    canonical, scores = np.zeros(len(ids), dtype=bool), np.zeros(len(ids))
    canonical[at], scores[at] = table["canonical"].to_numpy(), table["score"].to_numpy()
    shows = first_of(nodes, at, canonical, len(names))
    through = np.arange(len(ids), dtype=np.int64)
    tied = table["through"].is_valid().to_numpy()
    through[at[tied]] = shows[names.find(ByteStrings.of_column(table["through"].combine_chunks().drop_null()))]
    return {
        "groups": groups,
        "canonical": canonical,
        "scores": scores,
        "through": through,
        "group_ids": known.dictionary,
    }
