"""The stage ``fetch``."""

from contender import Contest
from own_store import DUMP, fresh_store

from dedup_pipeline.stages.fetch import fetch

REQUESTS = 16

contest = Contest()
host = f"127.0.0.1:{(contest.data / 'port.txt').read_text()}"
settings = fresh_store(contest)
update = {"threads": REQUESTS, "connections_per_host": REQUESTS, "allow_hosts": (host,)}
settings = settings.model_copy(update={"fetch": settings.fetch.model_copy(update=update)})
with contest.timed():
    result = fetch(settings, DUMP)
(contest.results / "fetched.txt").write_text(str(result.counts["images"]))
contest.report("requests")
