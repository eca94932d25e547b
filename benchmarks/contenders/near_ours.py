"""The radius join of the stage ``match``."""

import numpy as np
from contender import Contest
from found import write_pairs

from dedup_pipeline.compute.hamming import radius_join

RADIUS = 8

contest = Contest()
hashes = np.load(contest.data / "hashes.npy")
with contest.timed():
    rows, others = radius_join(hashes, hashes, RADIUS)
write_pairs(contest.results, np.arange(len(hashes)), rows, others)
contest.report()
