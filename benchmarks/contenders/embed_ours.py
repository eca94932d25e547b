"""The stage ``embed``: pictures from packs to vectors in tables."""

import openvino  # noqa: F401 - its import is not counted
from contender import Contest
from own_store import DUMP, fresh_store

from dedup_pipeline.stages.embed import embed

contest = Contest()
settings = fresh_store(contest)
with contest.timed():
    result = embed(settings, DUMP)
contest.report("openvino", pictures=int(str(result.counts["images"])))
