"""The chain on object storage: struck by signals and exceptions while it writes, it ends as if nothing had happened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from nursery import Nursery, Strike
from objects import ObjectStorage
from stage_rounds import play
from workshop import Chain

from conftest import QUICK
from dedup_pipeline.stack.services import variable

# at writes in the middle of a file, and in the stages that write most
STRIKES = {
    "ingest": [Strike(20, "SIGTERM")],
    "fetch": [Strike(100, "MemoryError")],
    "fingerprint": [Strike(50, "SIGINT")],
    "embed": [Strike(5, "SIGKILL")],
    "index": [Strike(9, "MemoryError")],
    "match": [Strike(40, "SIGTERM")],
    "export": [Strike(30, "MemoryError")],
}


@pytest.mark.slow
def test_what_is_struck_while_it_writes_to_object_storage_publishes_nothing_and_ends_with_the_same_bytes(
    undisturbed, shop, tmp_path
):
    database = tmp_path / "mlflow.db"
    shutil.copy(undisturbed.store / "mlflow" / "mlflow.db", database)
    with ObjectStorage(tmp_path / "s3.log") as storage, Nursery(tmp_path / "processes", storage.environment) as nursery:
        place = storage.place("store")
        for file in Path(undisturbed.store).glob("models/*/*"):
            place.write(str(file.relative_to(undisturbed.store)), file.read_bytes())
        settings = QUICK | {"fetch.allow_hosts": shop.host, "store": place.url, "tracking.uri": f"sqlite:///{database}"}
        environment = {variable(name): value for name, value in settings.items()}
        chain = Chain(nursery, place, shop.catalog, environment, database, model="champion", recorded=1)
        outcome = play(chain, "object storage", STRIKES, undisturbed.exports(), print)
    assert not outcome.broken
    assert outcome.equal
    assert set(outcome.struck) == {f"{stage} {strike.how}" for stage, (strike,) in STRIKES.items()}
