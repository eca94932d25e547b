"""One training as MLflow sees it: a run that a killed try leaves and the next one continues, a version, a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import timm
import torch
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag
from mlflow.entities.model_registry import ModelVersion

from dedup_pipeline.config import Settings
from dedup_pipeline.encoder import Encoder, cache_folder, read_description
from dedup_pipeline.network import write_model
from dedup_pipeline.stage import Count, Progress
from dedup_pipeline.store import Store, digest
from dedup_pipeline.tracking import MODEL_ID, Tracking
from training.figures import distance_figure, precision_recall_figure, worst_errors
from training.metrics import Scores, score
from training.photos import Photos, load_photos, subset
from training.registry import TrainingRun, decide, model_of, register
from training.train import LAST, fit
from training.validation import ValidationSet, validation_set

VERSION = 1  # raise it when the same photos and settings train another model
_PACKAGES = {"torch": torch.__version__, "timm": timm.__version__}


@dataclass(frozen=True)
class _Session:
    """What all steps of a training need."""

    store: Store
    settings: Settings
    tracking: Tracking
    run: TrainingRun


def train_and_register(
    store: Store,
    settings: Settings,
    dump_id: str,
    *,
    earlier: Mapping[str, str],
    tracking: Tracking,
    progress: Progress,
) -> tuple[str, dict[str, Count]]:
    """Train on a dump, register the model, and decide whether it becomes champion.

    A try that was killed left its run, its checkpoint, perhaps its version: all three are found again.

    Args:
        store: the store.
        settings: the settings.
        dump_id: the dump.
        earlier: keys of the stages that made what is trained on.
        tracking: MLflow.
        progress: told (steps done, steps in all).

    Returns:
        The model id, and the counts for the stage's result.
    """
    run_key = digest("train", VERSION, dump_id, dict(earlier), settings.seed, _deciding(settings))
    run_id = tracking.open_run(run_key, f"train {dump_id}", {"dump_id": dump_id, "stage": "train"})
    run = TrainingRun(run_id, run_key, dump_id)
    session = _Session(store, settings, tracking, run)
    with tracking.running(run_id):
        photos = load_photos(store, settings, dump_id)
        learnt, held_out = subset(photos, ~photos.held_out), subset(photos, photos.held_out)
        validation = validation_set(held_out, settings)
        version = tracking.version_of_run(run_key)
        if version is None:
            _log_start(tracking, run, settings, photos)
            model_id = _fit(session, learnt, validation, progress)
            version = register(tracking, store, run, model_id)
        model_id = model_of(tracking, store, version)
        counts = _compare(session, version, validation)
        counts |= {"photos": len(photos), "epochs": settings.train.epochs, "run_id": run_id}
        return model_id, counts | {"run_url": tracking.run_url(run_id)}


def _deciding(settings: Settings) -> dict[str, Any]:
    """The settings that decide the weights."""
    return settings.train.model_dump(mode="json", exclude={"model", "promote"})


def _log_start(tracking: Tracking, run: TrainingRun, settings: Settings, photos: Photos) -> None:
    """Log the parameters and the dataset of a run; again, unchanged, for a run that is continued."""
    for name, value in {**_deciding(settings), "seed": settings.seed, "dump_id": run.dump_id}.items():
        tracking.client.log_param(run.run_id, name, value)
    table = pd.DataFrame(
        {
            "image_id": list(photos.image_ids),
            "label": photos.labels,
            "family": photos.families,
            "held_out": photos.held_out,
        }
    )
    known = from_pandas(table, name=run.dump_id, digest=digest(table.to_dict("list"))[:16])
    entity = DatasetEntity(**{key: str(value) for key, value in known.to_dict().items()})
    tracking.client.log_inputs(run.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def _fit(session: _Session, photos: Photos, validation: ValidationSet, progress: Progress) -> str:
    """Train, from the checkpoint that an earlier try left, and put the network into the store."""
    store, settings, run = session.store, session.settings, session.run
    remote = store.dump(run.dump_id, "train", "checkpoints", run.run_key, LAST)
    if store.local:
        folder, keep = Path(store.url(remote)).parent, None
    else:
        folder = cache_folder(store) / "checkpoints" / run.run_key

        def keep(file: Path) -> None:
            store.write_bytes(remote, file.read_bytes())

        if store.exists(remote):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / LAST).write_bytes(store.read_bytes(remote))

    def log(epoch: int, values: Mapping[str, float]) -> None:
        session.tracking.log_once(run.run_id, values, step=epoch)

    fitted = fit(photos, validation, settings, checkpoints=folder, log=log, progress=progress, keep=keep)
    facts = {
        "loss": settings.train.loss,
        "dump_id": run.dump_id,
        "packages": _PACKAGES,
        "training": _deciding(settings) | {"seed": settings.seed, "photos": len(photos), "steps": fitted.steps},
        "metrics": {
            "average_precision": round(fitted.after, 6),
            "untrained_average_precision": round(fitted.before, 6),
        },
    }
    session.tracking.log_once(run.run_id, {"untrained/average_precision": fitted.before})
    return write_model(store, fitted.network, facts)


def _compare(session: _Session, version: ModelVersion, validation: ValidationSet) -> dict[str, Count]:
    """Score the new version and the champion on the same pictures; decide, and log what a person looks at."""
    store, settings, tracking, run = session.store, session.settings, session.tracking, session.run
    champion = tracking.champion()
    scores = {"challenger": _scores(store, settings, model_of(tracking, store, version), validation)}
    if champion is not None and champion.version != version.version:
        scores["champion"] = _scores(store, settings, model_of(tracking, store, champion), validation)
    ours = scores["challenger"]
    theirs = scores["champion"].average_precision if "champion" in scores else None
    counts: dict[str, Count] = {"model_version": str(version.version), "trained": 1, **ours.figures()}
    metrics = read_description(store, str(version.tags[MODEL_ID]))["metrics"]
    counts["untrained_average_precision"] = metrics["untrained_average_precision"]
    if settings.train.promote:
        decision = decide(tracking, version, champion, (ours.average_precision, theirs))
        tracking.client.set_tag(run.run_id, "decision", decision.reason)
        counts["promoted"] = int(decision.promoted)
    for name, some in scores.items():
        tracking.log_once(run.run_id, {f"{name}/{figure}": value for figure, value in some.figures().items()})
    _log_figures(tracking, run, scores, validation)
    return counts


def _log_figures(tracking: Tracking, run: TrainingRun, scores: Mapping[str, Scores], validation: ValidationSet) -> None:
    client, run_id = tracking.client, run.run_id
    client.log_figure(run_id, precision_recall_figure(dict(scores)), "figures/precision_recall.png")
    client.log_figure(run_id, distance_figure(scores["challenger"], validation), "figures/distances.png")
    client.log_image(run_id, worst_errors(scores["challenger"], validation), "figures/worst_errors.png")


def _scores(store: Store, settings: Settings, model_id: str, validation: ValidationSet) -> Scores:
    """Score a model of the store, as it would be used."""
    encoder = Encoder.load(store, model_id, settings)
    pictures = validation.pictures
    if pictures.shape[1] == encoder.image_px:
        return score(encoder.encode_prepared(pictures), validation)
    return score(encoder.encode(list(pictures)), validation)
