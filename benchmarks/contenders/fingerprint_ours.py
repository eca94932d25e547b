"""The stage ``fingerprint``: digests, pHash and dHash, upright and mirrored, colours and layout of every picture."""

import pandas  # noqa: F401 - pyarrow imports it with its first array; imports are not counted
from contender import Contest
from own_store import DUMP, fresh_store

from dedup_pipeline.stages.fingerprint import fingerprint

contest = Contest()
settings = fresh_store(contest)
with contest.timed():
    result = fingerprint(settings, DUMP)
contest.report("opencv-python-headless", "simplejpeg", pictures=int(str(result.counts["images"])))
