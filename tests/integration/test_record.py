"""The run over a dump in MLflow."""

from dedup_pipeline.config import load_settings
from dedup_pipeline.record import record
from dedup_pipeline.tracking import Caller


def test_whoever_was_killed_after_the_logging_is_told_of_the_run_again(undisturbed):
    settings = load_settings(values={"store": str(undisturbed.store)})
    told: list[str] = []
    first, again = (record(settings, "2018-10-05", caller=Caller(announce=told.append)) for _ in range(2))
    assert again.reused
    assert told == [first.counts["run_url"]] * 2
