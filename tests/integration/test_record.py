"""The run over a dump in MLflow."""

import shutil
from pathlib import Path

from dedup_pipeline.config import load_settings
from dedup_pipeline.stages.record import record
from dedup_pipeline.tracking.runs import Caller


def test_whoever_was_killed_after_the_logging_is_told_of_the_run_again(undisturbed):
    settings = load_settings(values={"store": str(undisturbed.store)})
    told: list[str] = []
    first, again = (record(settings, "2018-10-05", caller=Caller(announce=told.append)) for _ in range(2))
    assert again.reused
    assert told == [first.counts["run_url"]] * 2


def test_a_store_that_was_moved_is_recorded_in_its_old_run(undisturbed, tmp_path):
    moved = Path(shutil.copytree(undisturbed.store, tmp_path / "moved"))
    (moved / "dumps" / "2018-10-05" / "record" / "manifest.json").unlink()
    before = record(load_settings(values={"store": str(undisturbed.store)}), "2018-10-05")
    again = record(load_settings(values={"store": str(moved)}), "2018-10-05")
    assert not again.reused
    assert again.counts["run_id"] == before.counts["run_id"]
