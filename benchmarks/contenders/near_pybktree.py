"""A BK-tree in Python (pybktree), as its README shows; asked a few queries, as all would take days."""

import numpy as np
from contender import Contest
from found import queries_of, write_pairs
from pybktree import BKTree

RADIUS, QUERIES = 8, 20


def distance(first: tuple[int, int], second: tuple[int, int]) -> int:
    """Differing bits of two (hash, row)."""
    return (first[0] ^ second[0]).bit_count()


contest = Contest()
hashes = [(value, row) for row, value in enumerate(np.load(contest.data / "hashes.npy").tolist())]
queries = queries_of(contest.data, len(hashes), QUERIES)
pairs = []
with contest.timed("build"):
    tree = BKTree(distance, hashes)
with contest.timed("search", share=len(queries) / len(hashes)):
    for query in queries.tolist():
        pairs += [(query, row) for _, (_, row) in tree.find(hashes[query], RADIUS)]
found = np.array(pairs)
write_pairs(contest.results, queries, found[:, 0], found[:, 1])
contest.report("pybktree")
