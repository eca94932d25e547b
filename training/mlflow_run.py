"""One training as MLflow sees it: a run that a killed try leaves and the next one continues, a version, a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import timm
import torch
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag
from mlflow.entities.model_registry import ModelVersion

from dedup_pipeline.config import Settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.files import read_description
from dedup_pipeline.model.network import write_model
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.locks import REGISTRY, locked
from dedup_pipeline.store.manifests import Count, Progress
from dedup_pipeline.store.packs import images_of
from dedup_pipeline.tracking.runs import MODEL_ID, Caller, Tracking
from training.backbone import check_start
from training.checkpoint import StoreCheckpoint
from training.dataset import PhotoDataset, load_photos, subset
from training.figures import distance_figure, precision_recall_figure, worst_errors
from training.fit import fit
from training.metrics import EmbeddingScores, score
from training.registration import TrainingRun, register_model
from training.registry import DECISION, decide, model_of, noted_decision
from training.run_key import Earlier, deciding, run_key
from training.validation import ValidationSet, validation_set

_PACKAGES = {"torch": torch.__version__, "timm": timm.__version__}


@dataclass(frozen=True)
class _RunContext:
    """What all steps of a training need."""

    store: Store
    settings: Settings
    tracking: Tracking
    run: TrainingRun


def train_and_register(
    store: Store,
    settings: Settings,
    earlier: Earlier,
    *,
    tracking: Tracking,
    progress: Progress,
    caller: Caller,
) -> tuple[str, dict[str, Count]]:
    """Train on one dump or several, register the model, and decide whether it beats the champion.

    A try that was killed left its run, its checkpoint, perhaps its version: all three are found again.

    Args:
        store: the store.
        settings: the settings.
        earlier: the dumps, and of each the keys of the stages that made what is trained on.
        tracking: MLflow.
        progress: told (steps done, steps in all).
        caller: told where the run is before the training begins; its tags are written onto the run.

    Returns:
        The model id, and the counts for the stage's result.

    Raises:
        ModelError: the backbone or its weights are not there.
        TrackingError: MLflow is away; the next try goes on with the run.
    """
    check_start(settings.train)
    key = run_key(settings, earlier)
    checkpoint = store.training(key, "last.ckpt")
    with locked(store, store.training(key, "run")):
        run = _open_run(tracking, key, tuple(sorted(earlier)), caller)
        context = _RunContext(store, settings, tracking, run)
        with tracking.running(run.run_id):
            photos = load_photos(store, settings, run.dump_ids)
            learnt, held_out = subset(photos, ~photos.held_out), subset(photos, photos.held_out)
            validation = validation_set(held_out, settings)
            version = tracking.version_of_run(key)
            if version is None:
                _log_start(context, photos)
                model_id = _fit(context, learnt, validation, StoreCheckpoint(store, checkpoint), progress)
                version = register_model(tracking, store, run, model_id)
            model_id = model_of(tracking, store, version)
            with locked(store, REGISTRY):  # two trainings that end at once: the better one stays champion
                counts = _compare(context, version, validation)
            counts |= {"photos": len(photos), "epochs": settings.train.epochs, "run_id": run.run_id}
            counts["run_url"] = tracking.run_url(run.run_id)
        store.remove(checkpoint)
    return model_id, counts


def _open_run(tracking: Tracking, key: str, dump_ids: tuple[str, ...], caller: Caller) -> TrainingRun:
    dumps = ", ".join(dump_ids)
    run_id = tracking.open_run(key, f"train {dumps}", {"dump_id": dumps, "stage": "train", **caller.tags})
    caller.announce(tracking.run_url(run_id))
    return TrainingRun(run_id, key, dump_ids)


def _log_start(context: _RunContext, photos: PhotoDataset) -> None:
    """Log the parameters and the datasets of a run; again, unchanged, for a run that is continued."""
    client, run, settings = context.tracking.client, context.run, context.settings
    for name, value in {**deciding(settings), "seed": settings.seed, "dump_id": run.dumps}.items():
        client.log_param(run.run_id, name, value)
    table = pd.DataFrame(
        {
            "image_id": list(photos.image_ids),
            "label": photos.labels,
            "family": photos.families,
            "held_out": photos.held_out,
        }
    )
    for dump_id in run.dump_ids:
        held = images_of(context.store, dump_id)
        part = table[[image_id in held for image_id in photos.image_ids]]
        known = from_pandas(part, name=dump_id, digest=digest(part.to_dict("list"))[:16])
        entity = DatasetEntity(**{key: str(value) for key, value in known.to_dict().items()})
        client.log_inputs(run.run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def _fit(
    context: _RunContext,
    photos: PhotoDataset,
    validation: ValidationSet,
    checkpoint: StoreCheckpoint,
    progress: Progress,
) -> str:
    """Train, from the checkpoint that an earlier try left, and put the network into the store."""
    store, settings, run = context.store, context.settings, context.run

    def log(epoch: int, values: Mapping[str, float]) -> None:
        context.tracking.log_once(run.run_id, values, step=epoch)

    fitted = fit(photos, validation, settings, checkpoint=checkpoint, log=log, progress=progress)
    facts = {
        "loss": settings.train.loss,
        "dump_id": run.dumps,
        "packages": _PACKAGES,
        "training": deciding(settings) | {"seed": settings.seed, "photos": len(photos), "steps": fitted.steps},
        "metrics": {
            "average_precision": round(fitted.after, 6),
            "untrained_average_precision": round(fitted.before, 6),
        },
    }
    context.tracking.log_once(run.run_id, {"untrained/average_precision": fitted.before})
    return write_model(store, fitted.network, facts)


def _compare(context: _RunContext, version: ModelVersion, validation: ValidationSet) -> dict[str, Count]:
    """Score the new version and the champion on the same pictures; log what a person looks at, and decide."""
    store, settings, tracking, run = context.store, context.settings, context.tracking, context.run
    champion = tracking.champion()
    # a try that was killed after its decision: what it compared is logged, and the champion of then is gone
    decision = noted_decision(version) if champion is not None and champion.version == version.version else None
    scores = {"challenger": _scores(store, settings, model_of(tracking, store, version), validation)}
    if champion is not None and champion.version != version.version:
        scores["champion"] = _scores(store, settings, model_of(tracking, store, champion), validation)
    ours = scores["challenger"]
    if decision is None:
        for name, some in scores.items():
            figures = {f"{name}/{figure}": value for figure, value in some.figures().items()}
            tracking.log_once(run.run_id, figures)
        _log_figures(tracking, run, scores, validation)
        theirs = scores["champion"].average_precision if "champion" in scores else None
        decision = decide(tracking, version, champion, (ours.average_precision, theirs), promote=settings.train.promote)
    tracking.client.set_tag(run.run_id, DECISION, decision.reason)
    metrics = read_description(store, str(version.tags[MODEL_ID]))["metrics"]
    return {
        "model_version": str(version.version),
        "trained": 1,
        **ours.figures(),
        "untrained_average_precision": metrics["untrained_average_precision"],
        "beats_champion": int(decision.beats_champion),
        "promoted": int(decision.promoted),
        "decision": decision.reason,
    }


def _log_figures(
    tracking: Tracking, run: TrainingRun, scores: Mapping[str, EmbeddingScores], validation: ValidationSet
) -> None:
    client, run_id = tracking.client, run.run_id
    client.log_figure(run_id, precision_recall_figure(dict(scores)), "figures/precision_recall.png")
    client.log_figure(run_id, distance_figure(scores["challenger"], validation), "figures/distances.png")
    client.log_image(run_id, worst_errors(scores["challenger"], validation), "figures/worst_errors.png")


def _scores(store: Store, settings: Settings, model_id: str, validation: ValidationSet) -> EmbeddingScores:
    """Score a model of the store, as it would be used."""
    encoder = Encoder.load(store, model_id, settings)
    pictures = validation.pictures
    if pictures.shape[1] == encoder.image_px:
        return score(encoder.encode_prepared(pictures), validation)
    return score(encoder.encode(list(pictures)), validation)
