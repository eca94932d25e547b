"""The stage ``record``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dedup_pipeline.config import Settings
from dedup_pipeline.stages.fetch import pack_seconds, planned_packs
from dedup_pipeline.stages.record.figures import reliability_figure
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import (
    Count,
    Done,
    Progress,
    StageResult,
    no_progress,
    result_of,
    run_stage,
    seconds_of,
)
from dedup_pipeline.tracking.runs import Caller, Tracking, announced

VERSION = 1
STAGE = "record"
_RECORDED = ("ingest", "fetch", "fingerprint", "train", "embed", "index", "match", "group", "export")
_NO_METRIC = re.compile(r"[^\w/. -]")


def record(
    settings: Settings, dump_id: str, progress: Progress = no_progress, caller: Caller | None = None
) -> StageResult:
    """Log the run over a dump in MLflow, in the experiment ``tracking.runs_experiment``.

    Metrics are the counts of every stage (``index/recall``, ``export/pairs``) and what it took (``seconds/match``, the
    sum over its parts), and those of the calibration (``calibration/expected_calibration_error``) with its
    reliability curve as a picture; tags say where the exports lie; the summary is an artifact. A run over unchanged
    work is logged once.

    Args:
        settings: the settings.
        dump_id: an exported dump.
        progress: called with (done, of).
        caller: who runs it; its tags are written onto the run, whose address it is told, also when it was logged
            before.

    Returns:
        counts: run_id, run_url.

    Raises:
        NotReadyError: the dump is not exported yet.
        TrackingError: MLflow cannot be reached.
    """
    store = Store(settings.store)
    results = {stage: result_of(store, dump_id, stage) for stage in _RECORDED}
    keys = {stage: result.key for stage, result in results.items()}
    caller = caller or Caller()

    def work() -> Done:
        tracking = replace(Tracking.connect(settings), experiment=settings.tracking.runs_experiment)
        run_id = tracking.open_run(
            digest(STAGE, VERSION, dump_id, keys), f"dedup {dump_id}", {**_tags(store, results), **caller.tags}
        )
        caller.announce(tracking.run_url(run_id))
        with tracking.running(run_id):
            for name, value in _parameters(settings, dump_id, results).items():
                tracking.client.log_param(run_id, name, value)
            calibration = store.read_json(results["match"].outputs["calibration"])
            figures = {f"calibration/{name}": value for name, value in calibration["figures"].items()}
            tracking.log_once(run_id, _metrics(store, dump_id, results) | figures)
            tracking.client.log_figure(run_id, reliability_figure(calibration["reliability"]), "reliability.png")
            summary = store.read_bytes(results["export"].outputs["summary"]).decode()
            tracking.client.log_text(run_id, summary, "summary.json")
        progress(1, 1)
        return Done({}, {"run_id": run_id, "run_url": tracking.run_url(run_id)})

    inputs = {"stages": keys, "experiment": settings.tracking.runs_experiment, "uri": settings.tracking.uri}
    return announced(run_stage(store, dump_id, STAGE, inputs=inputs, version=VERSION, work=work), caller)


def _parameters(settings: Settings, dump_id: str, results: Mapping[str, StageResult]) -> dict[str, Count]:
    trained = results["train"].counts
    return {
        "dump_id": dump_id,
        "target_precision": settings.match.target_precision,
        "model_id": trained["model_id"],
        "model_version": trained["model_version"],
        "calibrated_on": results["match"].counts["calibrated_on"],
    }


def _tags(store: Store, results: Mapping[str, StageResult]) -> dict[str, str]:
    """Where the store and the exports lie, which may be moved, and which run trained the model."""
    exports = {f"export.{name}": store.url(path) for name, path in results["export"].outputs.items()}
    return {
        **exports,
        "store": store.root,
        "stage": STAGE,
        "dump_id": results["export"].dump_id,
        "trained_by": str(results["train"].counts["run_id"]),
    }


def _metrics(store: Store, dump_id: str, results: Mapping[str, StageResult]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for stage, result in results.items():
        for name, value in result.counts.items():
            items = value.items() if isinstance(value, dict) else [("", value)]
            for leaf, count in items:
                if isinstance(count, int | float):
                    metrics[_NO_METRIC.sub("_", "/".join(filter(None, (stage, name, leaf))))] = float(count)
        metrics[f"seconds/{stage}"] = seconds_of(store, dump_id, stage)
    metrics["seconds/fetch"] += pack_seconds(store, planned_packs(store, dump_id))
    return metrics
