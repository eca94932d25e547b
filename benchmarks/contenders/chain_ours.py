"""Every stage of a dump, in one process; the train stage takes the champion that is there."""

import warnings

from contender import Contest
from own_store import fresh_store

from dedup_pipeline.stage import Progress, StageResult, no_progress
from dedup_pipeline.stages import run_all


class Seconds:
    """Notes how long each stage took."""

    def __init__(self) -> None:
        self.of: dict[str, float] = {}

    def started(self, stage: str) -> Progress:
        """Nothing is to be told."""
        del stage
        return no_progress

    def finished(self, result: StageResult) -> None:
        """Note it."""
        self.of[f"{result.stage} seconds"] = result.seconds


warnings.simplefilter("ignore")
contest = Contest()
host = f"127.0.0.1:{(contest.data / 'port.txt').read_text()}"
settings = fresh_store(contest)
settings = settings.model_copy(update={"fetch": settings.fetch.model_copy(update={"allow_hosts": (host,)})})
seconds = Seconds()
with contest.timed():
    run_all(settings, "second", str(contest.data / "catalog.csv"), seconds)
contest.report(**seconds.of)
