"""The nearest-neighbour index over a dump's embeddings."""

from dedup_pipeline.index.annoy_index import NeighbourIndex
from dedup_pipeline.index.stage import crowd_of, index, open_index

__all__ = ["NeighbourIndex", "crowd_of", "index", "open_index"]
