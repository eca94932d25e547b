"""The train stage: settle which model a dump is embedded with, training one where it must.

``train.model`` says how: ``champion`` takes the registry's present champion and settles again when that changes,
a number takes that version, ``train`` trains on this dump, and ``auto`` takes the champion there is, else trains. A
dump that ``auto`` has settled keeps its model, whatever becomes champion later.
"""

from __future__ import annotations

from typing import Any

from dedup_pipeline.config import Settings
from dedup_pipeline.encoder import DESCRIPTION_FILE
from dedup_pipeline.errors import ModelError, SettingsError
from dedup_pipeline.stage import Done, Progress, StageResult, no_progress, result_of, run_stage
from dedup_pipeline.store import Store
from dedup_pipeline.tracking import Tracking
from training.registry import model_of
from training.session import VERSION, train_and_register

STAGE = "train"


def train(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Settle the model of a dump.

    Args:
        settings: the settings.
        dump_id: the dump; it must be ingested, fetched and fingerprinted.
        progress: told (training steps done, steps in all).

    Returns:
        Outputs: ``model`` (the model's model.json). Counts: model_id, model_version (in the registry), trained (0 or
        1), run_id and run_url (of MLflow) and, when it was trained here, photos, epochs, recall_at_1,
        average_precision, untrained_average_precision, promoted.

    Raises:
        NotReadyError: an earlier stage has not finished.
        ModelError: the asked-for model does not exist, or the backbone's weights cannot be had.
        SettingsError: ``train.model`` is none of its choices, or MLflow has no place.
        InputError: the dump has too few photos to train on.
    """
    store = Store(settings.store)
    earlier = {stage: result_of(store, dump_id, stage).key for stage in ("ingest", "fetch", "fingerprint")}
    inputs: dict[str, Any] = {
        **earlier,
        "seed": settings.seed,
        "train": settings.train.model_dump(mode="json"),
        "placeholder_families": settings.match.placeholder_families,
        "model": _asked_for(settings),
    }

    def work() -> Done:
        return _settle(store, settings, dump_id, earlier, progress)

    return run_stage(store, dump_id, STAGE, inputs=inputs, version=VERSION, work=work)


def _asked_for(settings: Settings) -> str:
    """What ``train.model`` means now, as text for the manifest: an alias moves, so its version is named."""
    asked = settings.train.model
    if asked in ("auto", "train"):
        return asked
    if asked == "champion":
        champion = Tracking.connect(settings).champion()
        if champion is None:
            raise ModelError(
                f"model '{settings.tracking.model_name}' has no champion yet: set train.model to auto or train"
            )
        return str(champion.version)
    if not asked.isdecimal():
        raise SettingsError(f"train.model = '{asked}' is unknown: use champion, train, auto or a version number")
    return asked


def _settle(store: Store, settings: Settings, dump_id: str, earlier: dict[str, str], progress: Progress) -> Done:
    tracking = Tracking.connect(settings)
    asked = _asked_for(settings)
    if asked == "auto":
        champion = tracking.champion()
        asked = str(champion.version) if champion else "train"
    if asked == "train":
        model_id, counts = train_and_register(
            store, settings, dump_id, earlier=earlier, tracking=tracking, progress=progress
        )
        store.remove(store.dump(dump_id, STAGE, "checkpoints"))
    else:
        version = tracking.version(asked)
        model_id = model_of(tracking, store, version)
        run_id = str(version.run_id or "")
        counts = {"model_version": str(version.version), "trained": 0, "run_id": run_id}
        counts["run_url"] = tracking.run_url(run_id) if run_id else None
    return Done({"model": store.model(model_id, DESCRIPTION_FILE)}, {"model_id": model_id, **counts})
