"""faiss's binary indexes, range search: flat, or multihash with 3 or 4 tables (2 flips: exact)."""

import faiss
import numpy as np
from contender import Contest
from found import queries_of, write_pairs

RADIUS = 8
COMPARISONS = 5 * 10**10  # flat search of more than so many pairs is done for a share of the queries
QUERIES = 100_000  # and multi-hash search of more than so many queries

faiss.omp_set_num_threads(1)
contest = Contest()
hashes = np.load(contest.data / "hashes.npy")
count = len(hashes)
codes = hashes.view(np.uint8).reshape(count, 8)
flat = contest.arguments == ["flat"]
queries = queries_of(contest.data, count, COMPARISONS // count if flat else QUERIES)
with contest.timed("build"):
    if flat:
        index = faiss.IndexBinaryFlat(64)
    else:
        tables = int(contest.arguments[1])
        index = faiss.IndexBinaryMultiHash(64, tables, 64 // tables)
        index.nflip = RADIUS // tables
    index.add(codes)
with contest.timed("search", share=len(queries) / count):
    limits, _, found = index.range_search(codes[queries], RADIUS + 1)  # faiss takes what is nearer than the radius
rows = np.repeat(queries, np.diff(limits.astype(np.int64)))
pairs = np.unique(np.stack([rows, found], axis=1), axis=0)
write_pairs(contest.results, queries, pairs[:, 0], pairs[:, 1])
contest.report("faiss-cpu")
