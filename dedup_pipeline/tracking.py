"""MLflow: where it is, the run of a training, the versions of the registered model.

This is the only place that tells MLflow where it lives. By default that is a SQLite file in the store; MLflow's own
default depends on the folder a process happens to start in, so it is never used.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
from mlflow.entities import Metric, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import ModelError, SettingsError
from dedup_pipeline.store import Store

RUN_KEY = "dedup.run_key"
MODEL_ID = "model_id"
CHAMPION = "champion"
CHALLENGER = "challenger"


def tracking_uri(settings: Settings) -> str:
    """The absolute MLflow tracking URI.

    Raises:
        SettingsError: the store is remote and ``tracking.uri`` is empty.
    """
    if settings.tracking.uri:
        return settings.tracking.uri
    store = Store(settings.store)
    if not store.local:
        raise SettingsError(
            f"store {store.root} cannot hold MLflow's SQLite file: set tracking.uri to your MLflow server, such as "
            "http://mlflow:5000"
        )
    return f"sqlite:///{store.root}/mlflow/mlflow.db"


def _nobody(url: str) -> None:
    """Announce to nobody."""


@dataclass(frozen=True)
class Caller:
    """Who runs a stage, as far as MLflow is told.

    Args:
        tags: written onto the MLflow run: the way back to the caller.
        announce: called with the address of the MLflow run as soon as there is one.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    announce: Callable[[str], None] = _nobody


@dataclass(frozen=True)
class Tracking:
    """A connection to MLflow.

    Args:
        client: talks to the server or the file.
        uri: where it is.
        experiment: the name of the experiment.
        model_name: the name of the registered model.
        artifacts: where a new experiment keeps its files; None leaves it to the server.
    """

    client: MlflowClient
    uri: str
    experiment: str
    model_name: str
    artifacts: str | None

    @classmethod
    def connect(cls, settings: Settings) -> Tracking:
        """Connect, and point MLflow's own functions to the same place.

        Raises:
            SettingsError: no place is set and the store cannot hold it.
        """
        uri = tracking_uri(settings)
        artifacts = None
        if not settings.tracking.uri:
            folder = Path(Store(settings.store).root) / "mlflow"
            (folder / "artifacts").mkdir(parents=True, exist_ok=True)
            artifacts = (folder / "artifacts").as_uri()
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        return cls(client, uri, settings.tracking.experiment, settings.tracking.model_name, artifacts)

    def experiment_id(self) -> str:
        """The experiment's id; it is made when it is not there."""
        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self.client.create_experiment(self.experiment, artifact_location=self.artifacts))
        except MlflowException:
            found = self.client.get_experiment_by_name(self.experiment)  # another process may have been faster
            if found is None:
                raise
            return str(found.experiment_id)

    def open_run(self, run_key: str, name: str, tags: Mapping[str, str]) -> str:
        """The id of the run with this key: the one that an earlier try left, else a new one.

        Args:
            run_key: digest of all that the run's result depends on.
            name: of a new run.
            tags: of the run; set again on an old one.
        """
        experiment_id = self.experiment_id()
        found = self.client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{RUN_KEY}` = '{run_key}'",
            run_view_type=ViewType.ACTIVE_ONLY,
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        if found:
            run_id = str(found[0].info.run_id)
            self.client.update_run(run_id, status="RUNNING")
            for tag, value in tags.items():
                self.client.set_tag(run_id, tag, value)
            return run_id
        made = self.client.create_run(experiment_id, run_name=name, tags={**tags, RUN_KEY: run_key})
        return str(made.info.run_id)

    @contextlib.contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        """End the run when the block ends: FINISHED, FAILED by an exception, KILLED by an interruption."""
        try:
            yield
        except Exception:
            self.client.set_terminated(run_id, "FAILED")
            raise
        except BaseException:
            self.client.set_terminated(run_id, "KILLED")
            raise
        self.client.set_terminated(run_id, "FINISHED")

    def run_url(self, run_id: str) -> str:
        """The address of a run's page, where MLflow is a server; else its tracking URI."""
        if not self.uri.startswith("http"):
            return self.uri
        return f"{self.uri.rstrip('/')}/#/experiments/{self.experiment_id()}/runs/{run_id}"

    def champion(self) -> ModelVersion | None:
        """The version that dumps are embedded with, if there is one."""
        return self._by_alias(CHAMPION)

    def version(self, number: str) -> ModelVersion:
        """A version of the registered model.

        Raises:
            ModelError: there is no such version.
        """
        try:
            return self.client.get_model_version(self.model_name, number)
        except MlflowException as error:
            raise ModelError(
                f"model '{self.model_name}' has no version {number} in {self.uri}: set train.model to a version of the "
                "registry, or to auto"
            ) from error

    def version_of_run(self, run_key: str) -> ModelVersion | None:
        """The version that the run with this key registered, if it came that far."""
        name = self.model_name.replace("'", "''")
        found = self.client.search_model_versions(f"name = '{name}' and tags.`{RUN_KEY}` = '{run_key}'")
        return min(found, key=lambda version: int(version.version)) if found else None

    def log_once(self, run_id: str, values: Mapping[str, float], *, step: int = 0) -> None:
        """Log metrics at a step, unless the run has them there: what a killed try logged stands."""
        now = int(time.time() * 1000)
        news = [
            Metric(name, value, now, step)
            for name, value in sorted(values.items())
            if all(known.step != step for known in self.client.get_metric_history(run_id, name))
        ]
        self.client.log_batch(run_id, news)

    def note_calibration(self, number: str, facts: Mapping[str, float | str]) -> None:
        """Write onto a version what its verdicts were calibrated to, such as threshold and target_precision.

        Raises:
            ModelError: there is no such version.
        """
        version = self.version(number)
        for name, value in sorted(facts.items()):
            self.client.set_model_version_tag(self.model_name, version.version, name, str(value))

    def _by_alias(self, alias: str) -> ModelVersion | None:
        try:
            return self.client.get_model_version_by_alias(self.model_name, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
