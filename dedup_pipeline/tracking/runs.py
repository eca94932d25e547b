"""MLflow: where it is, the run of a training, the versions of the registered model.

This is the only place that tells MLflow where it lives. By default that is a SQLite file in the store; MLflow's own
default depends on the folder a process happens to start in, so it is never used.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
from mlflow.entities import Metric, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from dedup_pipeline.addresses import showable, without_person
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import DedupError, ModelError, SettingsError
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import StageResult
from dedup_pipeline.tracking.database import DATABASE, make_database
from dedup_pipeline.tracking.errors import reaching

logger = logging.getLogger(__name__)

RUN_KEY = "dedup.run_key"
MODEL_ID = "model_id"
CHAMPION = "champion"
CHALLENGER = "challenger"
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


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
    return f"sqlite:///{store.root}/mlflow/{DATABASE}"


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


def announced(result: StageResult, caller: Caller) -> StageResult:
    """Tell the caller of the MLflow run of a stage whose work had been done before; returns the result."""
    if result.reused and result.counts.get("run_url"):
        caller.announce(str(result.counts["run_url"]))
    return result


@dataclass(frozen=True)
class Tracking:
    """A connection to MLflow.

    Args:
        client: talks to the server or the file.
        uri: where it is.
        experiment: the name of the experiment.
        model_name: the name of the registered model.
        artifacts: where a new experiment keeps its files; None leaves it to the server.
        pages: where a browser finds the server.
    """

    client: MlflowClient
    uri: str
    experiment: str
    model_name: str
    artifacts: str | None
    pages: str

    @classmethod
    def connect(cls, settings: Settings) -> Tracking:
        """Connect, and point MLflow's own functions to the same place.

        Raises:
            SettingsError: no place is set and the store cannot hold it.
            TrackingError: MLflow's database cannot be opened; a server is only asked later.
        """
        uri, user, password = without_person(tracking_uri(settings))
        if uri.startswith("http"):  # MLflow prints and logs its address; credentials have variables of their own there
            os.environ |= {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password} if user else {}
        else:
            uri = tracking_uri(settings)  # a database has no other place for them
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        if settings.tracking.uri:
            artifacts = None
            with reaching(uri):
                client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        else:
            store = Store(settings.store)
            folder = Path(store.root) / "mlflow"
            artifacts = (folder / "artifacts").as_uri()
            with reaching(uri), locked(store, "mlflow"):
                make_database(folder)
                client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        names = settings.tracking.experiment, settings.tracking.model_name
        return cls(client, uri, *names, artifacts, showable(settings.tracking.pages or uri).rstrip("/"))

    def experiment_id(self) -> str:
        """The experiment's id; it is made when it is not there.

        Raises:
            TrackingError: MLflow is away.
        """
        with reaching(self.uri):
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

        Raises:
            TrackingError: MLflow is away.
        """
        with reaching(self.uri):
            experiment_id = self.experiment_id()
            found = self.client.search_runs(
                [experiment_id],
                filter_string=f"tags.`{RUN_KEY}` = '{run_key}'",
                run_view_type=ViewType.ACTIVE_ONLY,
                order_by=["attributes.start_time ASC"],
            )
            if not found:
                made = self.client.create_run(experiment_id, run_name=name, tags={**tags, RUN_KEY: run_key})
                return str(made.info.run_id)
            first, *doubles = (str(run.info.run_id) for run in found)
            for run_id in doubles:  # the answer to a request got lost, and MLflow's client sent it again
                self.client.delete_run(run_id)
            self.client.update_run(first, status="RUNNING")
            for tag, value in tags.items():
                self.client.set_tag(first, tag, value)
            return first

    @contextlib.contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        """End the run when the block ends: FINISHED, FAILED by an exception, KILLED by an interruption.

        A run that MLflow is not there to end stays RUNNING, until the next try with its key goes on with it.

        Raises:
            TrackingError: MLflow went away in the block, or at its end.
        """
        try:
            with reaching(self.uri):
                yield
        except Exception:
            self._end(run_id, "FAILED")
            raise
        except BaseException:
            self._end(run_id, "KILLED")
            raise
        with reaching(self.uri):
            self.client.set_terminated(run_id, "FINISHED")

    def fail_open_runs(self, tags: Mapping[str, str]) -> list[str]:
        """Set the runs with all these tags that are still RUNNING to FAILED; their ids.

        For whoever knows that their processes are gone for good.

        Raises:
            TrackingError: MLflow is away.
        """
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in sorted(tags.items()))
        with reaching(self.uri):
            experiments = [str(experiment.experiment_id) for experiment in self.client.search_experiments()]
            found = self.client.search_runs(experiments, f"attributes.status = 'RUNNING' and {wanted}")
            for run in found:
                self.client.set_terminated(str(run.info.run_id), "FAILED")
        return [str(run.info.run_id) for run in found]

    def _end(self, run_id: str, status: str) -> None:
        """Set the status of a run that something else has ended already, which is what must be told."""
        try:
            with reaching(self.uri):
                self.client.set_terminated(run_id, status)
        except DedupError as error:
            logger.warning("run %s was not set to %s: %s", run_id, status, error)

    def run_url(self, run_id: str) -> str:
        """The address of a run's page, where MLflow is a server; else its tracking URI."""
        if not self.pages.startswith("http"):
            return showable(self.uri)
        return f"{self.pages}/#/experiments/{self.experiment_id()}/runs/{run_id}"

    def champion(self) -> ModelVersion | None:
        """The version that dumps are embedded with, if there is one."""
        return self._by_alias(CHAMPION)

    def version(self, number: str) -> ModelVersion:
        """A version of the registered model.

        Raises:
            ModelError: there is no such version.
            TrackingError: MLflow is away.
        """
        with reaching(self.uri):
            try:
                return self.client.get_model_version(self.model_name, number)
            except MlflowException as error:
                if error.error_code not in NOT_THERE:
                    raise
                raise ModelError(
                    f"model '{self.model_name}' has no version {number} in {self.uri}: take one that the registry lists"
                ) from error

    def version_of_run(self, run_key: str) -> ModelVersion | None:
        """The version that the run with this key registered, if it came that far."""
        name = self.model_name.replace("'", "''")
        with reaching(self.uri):
            found = self.client.search_model_versions(f"name = '{name}' and tags.`{RUN_KEY}` = '{run_key}'")
        return min(found, key=lambda version: int(version.version)) if found else None

    def log_once(self, run_id: str, values: Mapping[str, float], *, step: int = 0) -> None:
        """Log metrics at a step, unless the run has them there: what a killed try logged stands."""
        now = int(time.time() * 1000)
        there = self.client.get_run(run_id).data.metrics  # one request, where histories are one for each name
        news = [
            Metric(name, value, now, step)
            for name, value in sorted(values.items())
            if name not in there or all(known.step != step for known in self.client.get_metric_history(run_id, name))
        ]
        self.client.log_batch(run_id, news)

    def note_calibration(self, number: str, facts: Mapping[str, float | str]) -> None:
        """Write onto a version what its verdicts were calibrated to, such as threshold and target_precision.

        Raises:
            ModelError: there is no such version.
            TrackingError: MLflow is away.
        """
        version = self.version(number)
        with reaching(self.uri):
            for name, value in sorted(facts.items()):
                if version.tags.get(name) != str(value):  # a transaction for each
                    self.client.set_model_version_tag(self.model_name, version.version, name, str(value))

    def _by_alias(self, alias: str) -> ModelVersion | None:
        with reaching(self.uri):
            try:
                return self.client.get_model_version_by_alias(self.model_name, alias)
            except MlflowException as error:
                if error.error_code in NOT_THERE:
                    return None
                raise
