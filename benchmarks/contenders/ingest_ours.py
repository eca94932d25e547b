"""The stage ``ingest`` on a dump."""

from contender import Contest

from dedup_pipeline.config import load_settings
from dedup_pipeline.stages.ingest import ingest

contest = Contest()
settings = load_settings([f"store={contest.results / 'store'}"])
with contest.timed():
    result = ingest(settings, "benchmark", str(contest.data / "dump.csv"))
contest.report(rows=int(str(result.counts["rows"])))
