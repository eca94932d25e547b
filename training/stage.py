"""The train stage: settle which model a dump is embedded with, training one where it must.

``train_embedder`` only trains, on one dump or several, and settles no dump's model.

``train.model`` says how: ``champion`` takes the registry's present champion and settles again when that changes,
a number takes that version, ``train`` trains on this dump, and ``auto`` takes the champion there is, else trains. A
dump that ``auto`` has settled keeps its model, whatever becomes champion later.

A model that is taken was trained elsewhere, so it is measured on the dump before; where it keeps little of what it
learnt the result says so, or ``auto`` trains (``train.min_gain_kept``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, ModelError, SettingsError
from dedup_pipeline.model.files import DESCRIPTION_FILE, is_whole
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import (
    Count,
    Done,
    Progress,
    StageResult,
    no_progress,
    result_of,
    run_once,
    run_stage,
)
from dedup_pipeline.tracking.errors import reaching
from dedup_pipeline.tracking.runs import Caller, Tracking, announced
from training.registry import model_of
from training.run_key import VERSION, run_key

if TYPE_CHECKING:
    from training.familiarity import Familiarity

logger = logging.getLogger(__name__)
STAGE = "train"
_LITTLE = 0.4  # of a gain; three rendered shops kept 0.65 to 0.76 of what a model learnt on real photos
_READ = ("ingest", "fetch", "fingerprint")


def train(
    settings: Settings, dump_id: str, progress: Progress = no_progress, caller: Caller | None = None
) -> StageResult:
    """Choose the model for a dump.

    Args:
        settings: the settings.
        dump_id: the dump; it must be ingested, fetched and fingerprinted.
        progress: told (training steps done, steps in all).
        caller: who trains; told the address of the MLflow run as soon as it is known, before a training begins.

    Returns:
        Outputs: ``model`` (the model's model.json). Counts: model_id, model_version (in the registry), trained (0 or
        1), run_id and run_url (of MLflow) and, when it was trained here, photos, epochs, recall_at_1,
        average_precision, untrained_average_precision, beats_champion and promoted (0 or 1), decision (a sentence).
        When it was taken: average_precision, untrained_average_precision and gain_kept (see ``Familiarity``), where
        they can be measured, and a note where it keeps little.

    Raises:
        NotReadyError: an earlier stage has not finished.
        ModelError: the asked-for model does not exist, or the backbone's weights cannot be had.
        SettingsError: ``train.model`` is none of its choices, or MLflow has no place.
        InputError: the dump has too few photos to train on.
        TrackingError: MLflow is away; the next try goes on with the same run.
    """
    store = Store(settings.store)
    caller = caller or Caller()
    earlier = _keys(store, dump_id)
    inputs: dict[str, Any] = {
        **earlier,
        "seed": settings.seed,
        "train": settings.train.stored(),
        "placeholder_families": settings.match.placeholder_families,
        "model": _asked_for(settings),
    }

    def work() -> Done:
        return _reuse_or_train(store, settings, {dump_id: earlier}, progress, caller)

    result = run_stage(store, dump_id, STAGE, inputs=inputs, version=VERSION, work=work, intact=_model_is_whole(store))
    return announced(result, caller)


def train_embedder(
    settings: Settings, dump_ids: Iterable[str], progress: Progress = no_progress, caller: Caller | None = None
) -> StageResult:
    """Train on one dump or several, register the model and compare it with the champion.

    The model becomes champion when it beats the present one and ``train.promote`` is on. No dump's model is settled by
    it: what was embedded stays as it is.

    Args:
        settings: the settings; ``train.model`` does not matter.
        dump_ids: the dumps, in any order; they must be ingested, fetched and fingerprinted.
        progress: told (training steps done, steps in all).
        caller: as of ``fit``.

    Returns:
        Outputs and counts as those of ``fit`` with a training; ``dump_id`` names all dumps.

    Raises:
        DedupError: as ``fit`` does.
    """
    store = Store(settings.store)
    caller = caller or Caller()
    earlier = {dump_id: _keys(store, dump_id) for dump_id in sorted(set(dump_ids))}
    if not earlier:
        raise InputError("what shall be trained on? Name at least one dump")
    key = run_key(settings, earlier)
    inputs = {"run_key": key, "promote": settings.train.promote, "model_name": settings.tracking.model_name}

    def work() -> Done:
        return _train(store, settings, earlier, progress, caller)

    path, dumps = store.training(key, "manifest.json"), ", ".join(earlier)
    how: dict[str, Any] = {"inputs": inputs, "version": VERSION, "work": work, "intact": _model_is_whole(store)}
    result = run_once(store, path, "train_embedder", dumps, **how)
    return announced(result, caller)


def _model_is_whole(store: Store) -> Callable[[Mapping[str, Any]], bool]:
    return lambda known: is_whole(store, str(known["counts"]["model_id"]))


def _keys(store: Store, dump_id: str) -> dict[str, str]:
    """The keys of the stages that a training reads."""
    return {stage: result_of(store, dump_id, stage).key for stage in _READ}


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


def _train(
    store: Store, settings: Settings, earlier: dict[str, dict[str, str]], progress: Progress, caller: Caller
) -> Done:
    from training.mlflow_run import train_and_register  # noqa: PLC0415 - imports torch, which a dump with a model can spare

    tracking = Tracking.connect(settings)
    with reaching(tracking.uri):
        model_id, counts = train_and_register(
            store, settings, earlier, tracking=tracking, progress=progress, caller=caller
        )
    return Done({"model": store.model(model_id, DESCRIPTION_FILE)}, {"model_id": model_id, **counts})


def _reuse_or_train(
    store: Store, settings: Settings, earlier: dict[str, dict[str, str]], progress: Progress, caller: Caller
) -> Done:
    tracking = Tracking.connect(settings)
    asked, (dump_id,) = _asked_for(settings), earlier
    champion = tracking.champion() if asked == "auto" else None
    if asked == "train" or (asked == "auto" and champion is None):
        return _train(store, settings, earlier, progress, caller)
    version = champion or tracking.version(asked)
    run_id = str(version.run_id or "")
    model_id = model_of(tracking, store, version)
    known = _known(store, settings, dump_id, model_id)
    if known and asked == "auto" and known.gain_kept < settings.train.min_gain_kept:
        logger.info("version %s keeps %.2f of its gain on dump %s: training", version.version, known.gain_kept, dump_id)
        return _train(store, settings, earlier, progress, caller)
    run_url = tracking.run_url(run_id) if run_id else None
    if run_url:
        caller.announce(run_url)
    counts: dict[str, Count] = {"model_id": model_id, "model_version": str(version.version), "trained": 0}
    counts |= {"run_id": run_id, "run_url": run_url}
    if known:
        counts |= asdict(known)
        if known.gain_kept < _LITTLE:
            counts["note"] = (
                f"version {version.version} was trained on other products and keeps {known.gain_kept:.0%} of what it "
                "learnt: it may miss duplicates here; train on this dump with train.model=train"
            )
    return Done({"model": store.model(model_id, DESCRIPTION_FILE)}, counts)


def _known(store: Store, settings: Settings, dump_id: str, model_id: str) -> Familiarity | None:
    from training.familiarity import familiarity  # noqa: PLC0415 - imports torch, which most doors can spare

    return familiarity(store, settings, dump_id, model_id)
