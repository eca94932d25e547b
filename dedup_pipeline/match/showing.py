"""Which listings show which nodes: their families, and what those say that show a node which may be set apart.

The listings are read twice, some at a time; what is held of each is a number, and its words only where they are asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.evidence import Rows
from dedup_pipeline.match.node_table import Codes, Families
from dedup_pipeline.names import Names, Places, numbered
from dedup_pipeline.stage import result_of
from dedup_pipeline.store import Store

Listing = Mapping[str, str]
_SAID = ["family_id", "brand", "category", "title"]


@dataclass(frozen=True)
class Showing:
    """Who shows the nodes of a dump.

    Attributes:
        families: of each node.
        nodes: (L,) int32, the node of each listing in the dump's order, -1 where it shows none.
        path: of the listings.
    """

    families: Families
    nodes: Codes
    path: str

    @classmethod
    def read(cls, store: Store, dump_id: str, images: Names, node_of: Rows, count: int) -> Showing:
        """Read who shows ``count`` nodes.

        Args:
            store: the store.
            dump_id: the dump.
            images: (I,) ids of images, sorted.
            node_of: (I,) the node of each.
            count: of nodes.
        """
        photos, photo_nodes = _photos(store, dump_id, images, node_of)
        path = result_of(store, dump_id, "ingest").outputs["listings"]
        of_listings = [np.empty(0, np.int32)]

        def families() -> Iterator[pa.Array]:
            with store.reading_table(path) as table:
                for batch in table.iter_batches(columns=["photo_url", "family_id"]):
                    photo = photos.find(batch["photo_url"])
                    of_listings.append(np.where(photo >= 0, photo_nodes[photo], np.int32(-1)))
                    yield batch["family_id"].filter(pa.array(of_listings[-1] >= 0))

        codes = numbered(families())
        nodes = np.concatenate(of_listings)
        return cls(Families.of_pairs(nodes[nodes >= 0].astype(np.int64), codes, count), nodes, path)

    def said(self, store: Store, wanted: npt.NDArray[np.bool_]) -> dict[int, list[Listing]]:
        """What the families say that show a node, for some nodes.

        Args:
            store: the store.
            wanted: (N,) bool.

        Returns:
            Of each wanted node the last listing of each family: family_id, brand, category, title.
        """
        said: dict[int, dict[str, Listing]] = {}
        first = 0
        with store.reading_table(self.path) as table:
            for batch in table.iter_batches(columns=_SAID):
                nodes = self.nodes[first : first + len(batch)]
                first += len(batch)
                heard = np.flatnonzero((nodes >= 0) & wanted[nodes])
                for node, listing in zip(nodes[heard].tolist(), batch.take(pa.array(heard)).to_pylist(), strict=True):
                    said.setdefault(node, {})[listing["family_id"]] = listing
        return {node: list(listings.values()) for node, listings in said.items()}


def _photos(store: Store, dump_id: str, images: Names, node_of: Rows) -> tuple[Places, Codes]:
    """The photos of a dump, and the node of each (P,), -1 where it has none."""
    of_photos = [np.full(1, -1, np.int32)]  # the last place is that of no photo

    def urls() -> Iterator[pa.Array]:
        with store.reading_table(result_of(store, dump_id, "fetch").outputs["photos"]) as table:
            for batch in table.iter_batches(columns=["photo_url", "image_id"]):
                image = images.places(Names.of_column(batch["image_id"].fill_null("")))
                of_photos.append(np.where(image >= 0, node_of[image], -1).astype(np.int32))
                yield batch["photo_url"]

    photos = Places(urls())
    return photos, np.concatenate([*of_photos[1:], of_photos[0]])
