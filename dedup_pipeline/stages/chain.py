"""The stages in walking order, for whoever runs them: the command line, and programs in Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.ingest import file_of, given_dump
from dedup_pipeline.store import check_dump_id
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


class _Silent:
    """Watches a run and says nothing."""

    def started(self, stage: str) -> Progress:
        return no_progress

    def finished(self, result: StageResult) -> None:
        pass


_SILENT = _Silent()


def run_stage(
    settings: Settings,
    stage: str,
    dump_id: str,
    *,
    catalog: str | os.PathLike[str] | None = None,
    progress: Progress = no_progress,
) -> StageResult:
    """Run one stage of a dump, unless it has been run with the same inputs and settings.

    Args:
        settings: the settings.
        stage: a name of STAGES: ingest, fetch, fingerprint, train, embed, index, match, group, export or record.
        dump_id: the dump, such as ``2018-10-05``.
        catalog: path or fsspec URL of the dump's file, for ``ingest`` only; by default where ``ingest.dumps`` has it.
        progress: called with (done, of).

    Raises:
        InputError: there is no such stage, the id cannot name a folder, or the catalog is not usable.
        NotReadyError: a stage before it has not been run.
        DedupError: as the stage does.
    """
    if stage not in STAGES:
        raise InputError(f"there is no stage {stage!r}: take one of {', '.join(STAGES)}")
    check_dump_id(dump_id)
    work: Callable[..., StageResult] = getattr(import_module(STAGES[stage]), stage)
    if stage == "ingest":
        file = file_of(settings.ingest, dump_id) if catalog is None else os.fspath(catalog)
        return work(settings, dump_id, file, progress=progress)
    return work(settings, dump_id, progress=progress)


def run(
    settings: Settings,
    catalog: str | os.PathLike[str] | None = None,
    dump_id: str | None = None,
    *,
    watcher: Watcher = _SILENT,
) -> dict[str, StageResult]:
    """Run every stage of a dump in this process; stages that are done already are not done again.

    Args:
        settings: the settings.
        catalog: path or fsspec URL of the dump's file, CSV, CSV.gz or Parquet; by default where ``ingest.dumps`` has
            that of the id.
        dump_id: what to call the dump; by default the date in the file's name, such as ``2018-10-05``.
        watcher: is told of each stage as it begins and ends.

    Returns:
        What each stage did, by its name, in their order: ``outputs`` (paths in the store) and ``counts``.

    Raises:
        InputError: neither a catalog nor an id is given, the name has no date and there is no id, or the catalog is
            not usable.
        DedupError: as the stage does that fails; what the stages before it made stays in the store.
    """
    file = None if catalog is None else os.fspath(catalog)
    dump = given_dump(settings.ingest, file, dump_id, by="dump_id")
    results = {}
    for stage in STAGES:
        progress = watcher.started(stage)
        results[stage] = run_stage(settings, stage, dump.dump_id, catalog=dump.catalog, progress=progress)
        watcher.finished(results[stage])
    return results
