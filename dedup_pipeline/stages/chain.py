"""The stages in walking order, for whoever runs them: the command line, and the workflow."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from dedup_pipeline.config import Settings
from dedup_pipeline.store.manifests import Progress, StageResult, no_progress

# stage -> where its function of the same name lives; imported when called, as some need seconds to import
STAGES: dict[str, str] = {
    "ingest": "dedup_pipeline.stages.ingest",
    "fetch": "dedup_pipeline.stages.fetch",
    "fingerprint": "dedup_pipeline.stages.fingerprint",
    "train": "training.stage",
    "embed": "dedup_pipeline.stages.embed",
    "index": "dedup_pipeline.stages.index",
    "match": "dedup_pipeline.stages.match",
    "group": "dedup_pipeline.stages.group",
    "export": "dedup_pipeline.stages.export",
    "record": "dedup_pipeline.stages.record",
}


class Watcher(Protocol):
    """Whoever wants to know how a run goes on."""

    def started(self, stage: str) -> Progress:
        """A stage begins; returns where it reports its progress."""

    def finished(self, result: StageResult) -> None:
        """A stage has ended well."""


def run_one(
    stage: str, settings: Settings, dump_id: str, *, catalog: str | None = None, progress: Progress = no_progress
) -> StageResult:
    """Run one stage of a dump.

    Args:
        stage: a name of STAGES.
        settings: the settings.
        dump_id: the dump.
        catalog: the dump's file; for ``ingest`` only.
        progress: called with (done, of).

    Raises:
        DedupError: as the stage does.
    """
    work: Callable[..., StageResult] = getattr(import_module(STAGES[stage]), stage)
    if stage == "ingest":
        return work(settings, dump_id, catalog, progress=progress)
    return work(settings, dump_id, progress=progress)


def run_all(settings: Settings, dump_id: str, catalog: str, watcher: Watcher) -> list[StageResult]:
    """Run every stage of a dump in one process.

    Raises:
        DedupError: as the stage does that fails; what the stages before it made stays in the store.
    """
    results = []
    for stage in STAGES:
        progress = watcher.started(stage)
        results.append(run_one(stage, settings, dump_id, catalog=catalog, progress=progress))
        watcher.finished(results[-1])
    return results
