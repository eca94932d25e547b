"""Registering a trained model: its run keeps the files, the registry gets a version that anyone can load."""

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

from dedup_pipeline.model.files import DESCRIPTION_FILE, WEIGHTS_FILE, read_description
from dedup_pipeline.model.network import read_network
from dedup_pipeline.store import Store
from dedup_pipeline.tracking.runs import CHALLENGER, MODEL_ID, RUN_KEY, Tracking
from training.registry import FOLDER

_REQUIREMENTS = ("torch", "timm", "numpy")


@dataclass(frozen=True)
class TrainingRun:
    """An MLflow run of a training.

    Attributes:
        run_id: MLflow's id.
        run_key: digest of all that its result depends on.
        dump_ids: the dumps that it learns from, sorted.
    """

    run_id: str
    run_key: str
    dump_ids: tuple[str, ...]

    @property
    def dumps(self) -> str:
        """The dumps as text."""
        return ", ".join(self.dump_ids)


def register_model(tracking: Tracking, store: Store, run: TrainingRun, model_id: str) -> ModelVersion:
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
    _create_registered_model(tracking)
    return tracking.client.create_model_version(
        tracking.model_name,
        source=logged.model_uri,
        run_id=run.run_id,
        model_id=logged.model_id,
        tags={RUN_KEY: run.run_key, MODEL_ID: model_id, "dump_id": run.dumps},
    )


def _create_registered_model(tracking: Tracking) -> None:
    try:
        tracking.client.create_registered_model(tracking.model_name, description="Embeds product photos.")
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


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
