"""What must hold after every kill and every round: whole files, equal exports, one run and one version in MLflow."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow.parquet as pq
import safetensors.numpy
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient
from places import UNFINISHED, Place
from safetensors import SafetensorError

from dedup_pipeline.tracking.runs import CHAMPION, RUN_KEY


def exports_of(store: Place, dump: str) -> dict[str, bytes]:
    """Every exported file."""
    return {PurePosixPath(name).name: store.read(name) for name in store.names(f"exports/{dump}")}


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """The names of files that are missing, too many or unequal."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def half_written(store: Place) -> list[str]:
    """The files that bear their final name and cannot be read."""
    broken = []
    for name in store.names():
        path = PurePosixPath(name)
        if path.name.startswith(UNFINISHED) or (store.local and path.suffix == ".lock"):
            continue
        try:
            _read(path.suffix, store.read(name))
        except FileNotFoundError:  # removed meanwhile
            continue
        except (OSError, ValueError, zipfile.BadZipFile, SafetensorError) as error:
            broken.append(f"{name}: {error}")
    return broken


def _read(suffix: str, content: bytes) -> None:
    """Read a file as those do who find it under its name."""
    if suffix == ".parquet":
        pq.read_table(io.BytesIO(content), use_threads=False)
    elif suffix == ".json":
        json.loads(content)
    elif suffix == ".ckpt":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} is damaged")
    elif suffix == ".safetensors":
        safetensors.numpy.load(content)
    elif not content:
        raise ValueError("it is empty")


@dataclass(frozen=True)
class Names:
    """What a round calls its things in MLflow, so that it sees none of an earlier one."""

    experiment: str
    runs_experiment: str
    model: str

    @classmethod
    def of(cls, round_name: str) -> Names:
        """The names of a round."""
        return cls(f"{round_name}-trainings", f"{round_name}-dumps", f"{round_name}-embedder")

    def settings(self) -> str:
        """A settings file that holds them."""
        named = {"experiment": self.experiment, "runs_experiment": self.runs_experiment, "model_name": self.model}
        return "[tracking]\n" + "".join(f'{name} = "{value}"\n' for name, value in named.items())


class Mlflow:
    """MLflow as a round sees it.

    Args:
        url: of the server.
        names: of the round.
    """

    def __init__(self, url: str, names: Names) -> None:
        self._client = MlflowClient(url, url)
        self._names = names

    def versions(self) -> int:
        """How many versions of the round's model there are."""
        return len(self._client.search_model_versions(f"name = '{self._names.model}'"))

    def champion(self) -> str | None:
        """The version that is champion."""
        found = self._client.search_registered_models(f"name = '{self._names.model}'")
        version = found[0].aliases.get(CHAMPION) if found else None
        return None if version is None else str(version)  # a database says it as a number, a server as text

    def open_runs(self) -> list[str]:
        """The names of the runs that have not ended."""
        return [str(run.info.run_name) for run in self._runs() if run.info.status in ("RUNNING", "SCHEDULED")]

    def broken(self, trainings: int = 1, dumps: int = 1) -> list[str]:
        """What does not hold after a round, each a sentence.

        Args:
            trainings: how many trainings the round has asked for.
            dumps: how many runs over dumps it has recorded.
        """
        runs, sentences = self._runs(), []
        for run in runs:
            if run.info.status != "FINISHED":
                sentences.append(f"MLflow run '{run.info.run_name}' is {run.info.status}")
        keys = Counter(run.data.tags.get(RUN_KEY, "") for run in runs)
        sentences += [f"{times} MLflow runs have the key '{key}'" for key, times in keys.items() if times > 1]
        if len(runs) != trainings + dumps:
            sentences.append(f"MLflow has {len(runs)} runs in place of {trainings + dumps}")
        if self.versions() != trainings:
            sentences.append(f"MLflow has {self.versions()} versions of the model in place of {trainings}")
        if self.champion() != "1":
            sentences.append(f"the champion is version {self.champion()} in place of 1")
        return sentences + self._repeated_steps(runs)

    def logged_models(self) -> dict[str, int]:
        """How many logged models there are by their status: a kill in mid-registration leaves one that nobody uses."""
        found = self._client.search_logged_models(self._experiments())
        return dict(Counter(str(model.status).rpartition(".")[-1] for model in found))

    def run_ids(self) -> set[str]:
        """The ids of the round's runs."""
        return {str(run.info.run_id) for run in self._runs()}

    def _repeated_steps(self, runs: list) -> list[str]:
        sentences = []
        for run in runs:
            for name in run.data.metrics:
                steps = Counter(metric.step for metric in self._client.get_metric_history(run.info.run_id, name))
                twice = sorted(step for step, times in steps.items() if times > 1)
                if twice:
                    sentences.append(f"metric {name} of MLflow run '{run.info.run_name}' has steps {twice} twice")
        return sentences

    def _experiments(self) -> list[str]:
        wanted = (self._names.experiment, self._names.runs_experiment)
        found = [self._client.get_experiment_by_name(name) for name in wanted]
        return [str(experiment.experiment_id) for experiment in found if experiment is not None]

    def _runs(self) -> list:
        experiments = self._experiments()
        return list(self._client.search_runs(experiments, run_view_type=ViewType.ACTIVE_ONLY)) if experiments else []
