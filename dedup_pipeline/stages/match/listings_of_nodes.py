"""What the families say that show a node which may be set apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dedup_pipeline.compute.dtypes import Codes, Flags
from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.store import Store

Listing = Mapping[str, Any]
_COLUMNS = ["family_id", "brand", "category", "title", "colour", "price"]


def listings_of_nodes(store: Store, images: ListingImages, nodes: Codes, wanted: Flags) -> dict[int, list[Listing]]:
    """What the families say that show some nodes.

    Args:
        store: the store.
        images: what the listings show.
        nodes: (L,) the node of each listing, -1 where it shows none.
        wanted: (N,) bool, which nodes.

    Returns:
        Of each wanted node the last listing of each family: family_id, brand, category, title, colour, price.
    """
    found: dict[int, dict[str, Listing]] = {}
    for places, batch in images.listings(store, _COLUMNS, (nodes >= 0) & wanted[nodes]):
        for node, listing in zip(nodes[places].tolist(), batch.to_pylist(), strict=True):
            found.setdefault(node, {})[listing["family_id"]] = listing
    return {node: list(listings.values()) for node, listings in found.items()}
