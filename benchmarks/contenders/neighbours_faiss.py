"""faiss: exact search (flat), or inverted lists (ivf) with 4 * sqrt(N) cells of which 8 are searched."""

import faiss
import numpy as np
from contender import Contest
from found import NEIGHBOURS, queries_of, write_neighbours

PRODUCTS = 10**10  # exact search of more than so many pairs is done for a share of the queries
PROBES = 8

faiss.omp_set_num_threads(1)
contest = Contest()
vectors = np.load(contest.data / "vectors.npy")
count, dimension = vectors.shape
exact = contest.arguments == ["flat"]
queries = queries_of(contest.data, count, PRODUCTS // count if exact else count)
with contest.timed("build"):
    if exact:
        index = faiss.IndexFlatIP(dimension)
    else:
        cells = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFFlat(cells, dimension, int(4 * count**0.5), faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.nprobe = PROBES
    index.add(vectors)
with contest.timed("search", share=len(queries) / count):
    _, neighbours = index.search(vectors[queries], NEIGHBOURS + 1)
write_neighbours(contest.results, queries, neighbours)
contest.report("faiss-cpu")
