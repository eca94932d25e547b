"""The registered model: a version per training, and which of them is champion."""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from dedup_pipeline.encoder import DESCRIPTION_FILE, read_description
from dedup_pipeline.errors import ModelError
from dedup_pipeline.network import WEIGHTS_FILE, read_network
from dedup_pipeline.store import Store
from dedup_pipeline.tracking import CHALLENGER, CHAMPION, MODEL_ID, RUN_KEY, Tracking

FOLDER = "encoder"
"""The run's folder with the two files of the store, so that a champion can travel to another store."""

_REQUIREMENTS = ("torch", "timm", "numpy")


@dataclass(frozen=True)
class Decision:
    """Whether a new version became champion, and why.

    Attributes:
        promoted: whether it did.
        reason: one sentence for a person.
    """

    promoted: bool
    reason: str


@dataclass(frozen=True)
class TrainingRun:
    """An MLflow run of a training.

    Attributes:
        run_id: MLflow's id.
        run_key: digest of all that its result depends on.
        dump_id: the dump that it learns from.
    """

    run_id: str
    run_key: str
    dump_id: str


def register(tracking: Tracking, store: Store, run: TrainingRun, model_id: str) -> ModelVersion:
    """Register a model of the store as a new version, once per run key, and make it challenger.

    The logged model takes (N, S, S, 3) uint8 RGB and gives (N, D) float32; it is stored as a torch.export program,
    which loads without running anyone's pickle.
    """
    version = tracking.version_of_run(run.run_key) or _registered(tracking, store, run, model_id)
    tracking.client.set_registered_model_alias(tracking.model_name, CHALLENGER, version.version)
    return version


def _registered(tracking: Tracking, store: Store, run: TrainingRun, model_id: str) -> ModelVersion:
    description = read_description(store, model_id)
    _log_files(tracking, store, run.run_id, model_id)
    side, dimension = description["image_px"], description["dimension"]
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, side, side, 3))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, dimension))]),
    )
    example = np.random.default_rng(0).integers(0, 256, size=(2, side, side, 3), dtype=np.uint8)
    packages = description.get("packages", {})
    with mlflow.start_run(run_id=run.run_id), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow and torch.export warn of their own insides
        logged = mlflow.pytorch.log_model(
            read_network(store, description),
            name="embedder",
            signature=signature,
            input_example=example,
            pip_requirements=[f"{name}=={packages[name].split('+')[0]}" for name in _REQUIREMENTS if name in packages],
            metadata={MODEL_ID: model_id},
            validate_serving_input=False,  # it loads the model a second time
        )
    tracking.client.update_run(run.run_id, status="RUNNING")  # the block above ended it
    if tracking.client.search_registered_models(f"name = '{tracking.model_name}'") == []:
        tracking.client.create_registered_model(tracking.model_name, description="Embeds product photos.")
    return tracking.client.create_model_version(
        tracking.model_name,
        source=logged.model_uri,
        run_id=run.run_id,
        model_id=logged.model_id,
        tags={RUN_KEY: run.run_key, MODEL_ID: model_id, "dump_id": run.dump_id},
    )


def decide(
    tracking: Tracking, version: ModelVersion, champion: ModelVersion | None, figures: tuple[float, float | None]
) -> Decision:
    """Make a version champion when it is the first, or strictly better than the present champion.

    Args:
        tracking: the registry.
        version: the challenger.
        champion: the present champion, if any.
        figures: average precision of the challenger and of the champion on the same validation set.
    """
    ours, theirs = figures
    if champion is None or theirs is None:
        decision = Decision(True, f"version {version.version} is the first model")
    elif champion.version == version.version:
        decision = Decision(True, f"version {version.version} is champion already")
    elif ours > theirs:
        decision = Decision(
            True,
            f"version {version.version} beats champion {champion.version}: average precision {ours:.4f} > {theirs:.4f}",
        )
    else:
        decision = Decision(
            False,
            f"champion {champion.version} stays: average precision {theirs:.4f} >= {ours:.4f} of {version.version}",
        )
    if decision.promoted:
        tracking.client.set_registered_model_alias(tracking.model_name, CHAMPION, version.version)
    tracking.client.set_model_version_tag(tracking.model_name, version.version, "decision", decision.reason)
    return decision


def model_of(tracking: Tracking, store: Store, version: ModelVersion) -> str:
    """The model id of a version; its files are brought into the store when they are not there.

    Raises:
        ModelError: the version was not registered by this project, or its files are gone.
    """
    model_id = str(version.tags.get(MODEL_ID, ""))
    if not model_id:
        raise ModelError(
            f"version {version.version} of '{tracking.model_name}' has no tag {MODEL_ID}: take one that `dedup train` "
            "made"
        )
    if not store.exists(store.model(model_id, DESCRIPTION_FILE)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                copy = Path(tracking.client.download_artifacts(str(version.run_id), FOLDER, folder))
            except (OSError, mlflow.exceptions.MlflowException) as error:
                raise ModelError(
                    f"model {model_id} is neither in the store ({store.root}) nor with its run {version.run_id} in "
                    f"{tracking.uri}: {error}; train again with train.model=train"
                ) from error
            for name in (WEIGHTS_FILE, DESCRIPTION_FILE):
                store.write_bytes(store.model(model_id, name), (copy / name).read_bytes())
    return model_id


def _log_files(tracking: Tracking, store: Store, run_id: str, model_id: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in (WEIGHTS_FILE, DESCRIPTION_FILE):
            (Path(folder) / name).write_bytes(store.read_bytes(store.model(model_id, name)))
        tracking.client.log_artifacts(run_id, folder, FOLDER)
    description: dict[str, Any] = read_description(store, model_id)
    steps = {
        "resize": "squash to a square, cv2.INTER_AREA",
        "image_px": description["image_px"],
        "channels": "RGB, uint8, height x width x 3",
        "normalise": "inside the network: (value / 255 - mean) / std",
        "mean": description["mean"],
        "std": description["std"],
    }
    tracking.client.log_text(run_id, json.dumps(steps, indent=2, sort_keys=True), "preprocessing.json")
