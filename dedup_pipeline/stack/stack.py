"""The stack as one thing: start it and wait until it is healthy, stop it."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from dedup_pipeline.addresses import showable
from dedup_pipeline.config import load_settings
from dedup_pipeline.config.pools import POOLS
from dedup_pipeline.errors import StackError
from dedup_pipeline.stack import services
from dedup_pipeline.stack.airflow_api import AirflowClient
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.ports import LOOPBACK, choose_port
from dedup_pipeline.stack.supervisor import Supervisor

AIRFLOW_PORT = 8080
MLFLOW_PORT = 5000
_MIGRATION_SECONDS = 180
_START_SECONDS = 180

logger = logging.getLogger(__name__)
Log = Callable[[str], None]


class Stack:
    """Airflow and MLflow on this machine; also a context manager that starts and stops them.

    Services have names: `mlflow`, and Airflow's `api-server`, `scheduler`, `dag-processor`, `triggerer`, which
    `airflow` stands for together.

    Args:
        folder: holds everything; what an earlier stack left running for it is stopped at the start.
        dags: the folder with the Dag files.
        environment: variables of Airflow and its tasks, over all others, such as settings (`DEDUP_*`).
        personal: let the settings that the person has made (environment, DEDUP_CONFIG) win over the stack's own store,
            folder of dumps and MLflow server.
        log: called with sentences for a person.
        expect: DAGs that must have been read before the stack counts as started.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dags: Path,
        environment: Mapping[str, str] | None = None,
        personal: bool = False,
        log: Log = logger.info,
        expect: Sequence[str] = ("catalog_dedup",),
    ) -> None:
        self.layout = Layout.at(folder)
        self.supervisor = Supervisor(self.layout)
        self._dags = Path(dags).absolute()
        self._given = dict(environment or {})
        self._personal = personal
        self._log = log
        self._expect = tuple(expect)
        self._ports: dict[str, int] = {}
        self._client: AirflowClient | None = None

    def __enter__(self) -> Self:
        """Start everything."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def airflow(self) -> AirflowClient:
        """Speaks to this stack's Airflow, once it is started."""
        if self._client is None:
            raise StackError(f"the stack in {self.layout.folder} is not started")
        return self._client

    @property
    def airflow_url(self) -> str:
        """Where Airflow's UI is."""
        return f"http://{LOOPBACK}:{self.port('airflow', AIRFLOW_PORT)}"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow is: the stack's own server, or the one that the person has set."""
        if self._has_mlflow:
            return f"http://{LOOPBACK}:{self.port('mlflow', MLFLOW_PORT)}"
        return self._given.get(services.variable("tracking.uri")) or load_settings().tracking.uri

    @property
    def password(self) -> str:
        """The password of Airflow's user; it is made at the first call and kept in the folder."""
        file = self.layout.passwords
        if not file.exists():  # made here, as Airflow would print it to its log and let everyone on the machine read it
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(json.dumps({services.USER: secrets.token_urlsafe(12)}) + "\n")
        return str(json.loads(file.read_text(encoding="utf-8"))[services.USER])

    def port(self, name: str, preferred: int) -> int:
        """The port of a service: chosen once, told to the person when it is not the preferred one."""
        if name not in self._ports:
            self._ports[name] = choose_port(preferred, self._ports.values())
            if self._ports[name] != preferred:
                self._log(f"port {preferred} is taken; {name} takes {self._ports[name]}")
        return self._ports[name]

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the stack makes, by their dotted names; the person's own are not among them."""
        return services.stack_settings(self.layout, self.mlflow_url, personal=self._personal)

    @property
    def airflow_environment(self) -> dict[str, str]:
        """The environment in which Airflow's own command speaks to this stack."""
        settings = {services.variable(name): value for name, value in self.settings.items()} | self._given
        return services.airflow_environment(self.layout, self.port("airflow", AIRFLOW_PORT), self._dags, settings)

    def attach(self) -> bool:
        """Take over a stack that an earlier command left running in the folder.

        Returns:
            Whether all of its services run; otherwise nothing was taken over.
        """
        if not set(self.service_names) <= self.supervisor.running():
            return False
        self._ports = dict(self.supervisor.state().get("ports", {}))
        self._client = AirflowClient(self.airflow_url, services.USER, self.password)
        return True

    def start(self, *names: str) -> None:
        """Start services and wait until they are healthy.

        Args:
            *names: of the services; without any all are started, and left-over ones stopped before.

        Raises:
            StackError: a service ended early or did not become healthy in time, or a Dag file cannot be read.
            SettingsError: the settings in the environment do not fit.
        """
        chosen = self._chosen(names)
        if not names:
            self._prepare()
        if services.MLFLOW in chosen:
            self.supervisor.start(services.mlflow_service(self.layout, self.port("mlflow", MLFLOW_PORT)))
        components = [name for name in chosen if name in services.AIRFLOW_COMPONENTS]
        if components:
            self._start_airflow(components)
        if services.MLFLOW in chosen:
            self.supervisor.wait("MLflow", self._mlflow_answers, _START_SECONDS)
        if components:
            self.supervisor.wait("Airflow", self._airflow_is_healthy, _START_SECONDS)
            for pool, (slots, description) in POOLS.items():
                self.airflow.ensure_pool(pool, slots, description)
        if "dag-processor" in components:
            self.supervisor.wait("the reading of the Dag files", self._dags_are_read, _START_SECONDS)

    def stop(self, *names: str) -> int:
        """Stop services, and their tasks; without names all, those of an earlier start included.

        Returns:
            How many processes that were.
        """
        return self.supervisor.stop(self._chosen(names) if names else None)

    @property
    def service_names(self) -> list[str]:
        """The services of this stack."""
        return [*([services.MLFLOW] if self._has_mlflow else []), *services.AIRFLOW_COMPONENTS]

    @property
    def _has_mlflow(self) -> bool:
        name = "tracking.uri"
        mine = self._personal and services.is_set_by_person(name)
        return not mine and services.variable(name) not in self._given

    def _chosen(self, names: Iterable[str]) -> list[str]:
        chosen: list[str] = []
        for name in names:
            chosen += services.AIRFLOW_COMPONENTS if name == "airflow" else [name]
        unknown = sorted(set(chosen) - set(self.service_names))
        if unknown:
            raise StackError(
                f"no service '{unknown[0]}' in this stack: there are {', '.join(self.service_names)}, airflow"
            )
        return chosen or self.service_names

    def _prepare(self) -> None:
        load_settings()  # a bad one is told before anything is started
        if not self._dags.is_dir():
            raise StackError(f"no folder {self._dags}: name the one with the Dag files by --dags")
        left = self.supervisor.stop_left_over()
        if left:
            self._log(f"stopped {left} processes that an earlier start left running")
        self._client = AirflowClient(self.airflow_url, services.USER, self.password)
        urls = {"airflow": self.airflow_url, "mlflow": showable(self.mlflow_url)}
        self.supervisor.note(ports=self._ports, urls=urls)

    def _start_airflow(self, components: Iterable[str]) -> None:
        environment = self.airflow_environment
        self._migrate(environment)
        for component in components:
            self.supervisor.start(services.airflow_service(component, environment))

    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Bring the database to the installed version; a note in the folder says that it is."""
        done, version = self.layout.airflow / "migrated-to", services.airflow_version()
        present = all((self.layout.airflow / name).exists() for name in ("airflow.db", "airflow.cfg"))
        if present and done.exists() and done.read_text(encoding="utf-8") == version:
            return
        self.supervisor.start(services.migration(environment))
        self.supervisor.finish(services.MIGRATION, _MIGRATION_SECONDS)
        done.write_text(version, encoding="utf-8")

    def _mlflow_answers(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(f"{self.mlflow_url}/health", timeout=5).ok
            except requests.RequestException:
                return False

    def _airflow_is_healthy(self) -> bool:
        """Whether every component that runs has been heard of since its start."""
        try:
            health = self.airflow.health()
            self.airflow.import_errors()  # lets us in: so it is ours, and not another's that was faster at the port
        except StackError:
            return False
        if health["metadatabase"]["status"] != "healthy":
            return False
        for component in ("scheduler", "dag-processor", "triggerer"):
            if component not in self.supervisor.running():
                continue
            name = component.replace("-", "_")
            facts, heartbeat = health[name], health[name][f"latest_{name}_heartbeat"]
            if facts["status"] != "healthy" or _seconds(heartbeat) < self.supervisor.started(component):
                return False
        return self.airflow.hears_tasks()

    def _dags_are_read(self) -> bool:
        """Whether the expected DAGs have been read since the start.

        Raises:
            StackError: a Dag file cannot be read.
        """
        since = self.supervisor.started("dag-processor")
        for error in self.airflow.import_errors():
            if _seconds(error["timestamp"]) >= since:
                last = error["stack_trace"].strip().splitlines()[-1]
                raise StackError(f"Airflow cannot read {error['filename']}: {last}")
        known = [self.airflow.dag(dag_id) for dag_id in self._expect]
        return all(dag is not None and _seconds(dag["last_parsed_time"]) >= since for dag in known)


def _seconds(text: str | None) -> float:
    """A time of the API in seconds of the epoch; 0 for none."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0
