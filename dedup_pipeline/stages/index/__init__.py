"""The nearest-neighbour index over a dump's embeddings."""

from dedup_pipeline.stages.index.files import open_index, open_vectors, read_neighbours
from dedup_pipeline.stages.index.ivf_cells import compared
from dedup_pipeline.stages.index.neighbour_index import NeighbourIndex
from dedup_pipeline.stages.index.quality import local_similarity
from dedup_pipeline.stages.index.rows import distinct_rows
from dedup_pipeline.stages.index.stage import index, index_part, library_for, neighbours_part, plan_index
from dedup_pipeline.stages.index.vectors import Vectors

__all__ = [
    "NeighbourIndex",
    "Vectors",
    "compared",
    "distinct_rows",
    "index",
    "index_part",
    "library_for",
    "local_similarity",
    "neighbours_part",
    "open_index",
    "open_vectors",
    "plan_index",
    "read_neighbours",
]
