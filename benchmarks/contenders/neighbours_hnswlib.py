"""hnswlib as its README shows: M = 16, ef_construction = 200, ef = 50; one thread."""

import hnswlib
import numpy as np
from contender import Contest
from found import NEIGHBOURS, write_neighbours

contest = Contest()
vectors = np.load(contest.data / "vectors.npy")
count, dimension = vectors.shape
with contest.timed("build"):
    index = hnswlib.Index(space="ip", dim=dimension)
    index.init_index(max_elements=count, ef_construction=200, M=16)
    index.set_num_threads(1)
    index.add_items(vectors)
with contest.timed("search"):
    index.set_ef(50)
    neighbours, _ = index.knn_query(vectors, k=NEIGHBOURS + 1)
write_neighbours(contest.results, np.arange(count), neighbours.astype(np.int64))
contest.report("hnswlib")
