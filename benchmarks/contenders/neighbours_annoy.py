"""Annoy as its README shows: add the items, build 10 trees, ask for each item's neighbours."""

import numpy as np
from annoy import AnnoyIndex
from contender import Contest
from found import NEIGHBOURS, write_neighbours

TREES = 10

contest = Contest()
vectors = np.load(contest.data / "vectors.npy")
count, dimension = vectors.shape
neighbours = np.full((count, NEIGHBOURS + 1), -1)
with contest.timed("build"):
    index = AnnoyIndex(dimension, "angular")
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(TREES, n_jobs=1)
with contest.timed("search"):
    for row in range(count):
        found = index.get_nns_by_item(row, NEIGHBOURS + 1)
        neighbours[row, : len(found)] = found
write_neighbours(contest.results, np.arange(count), neighbours)
contest.report("annoy")
