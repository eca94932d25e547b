"""The programs of the stack: their command lines and environments.

Airflow's components are what `airflow standalone` starts, started one by one: standalone opens two log servers on every
network interface, which only the components' own `--skip-serve-logs` prevents (the API server reads the logs from the
disk), and it does not notice when a component dies.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from dedup_pipeline.config import CONFIG_VARIABLE, ENVIRONMENT_PREFIX
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.ports import LOOPBACK
from dedup_pipeline.stack.supervisor import Service

MLFLOW = "mlflow"
MIGRATION = "airflow-migration"
IMAGES = "images"
USER = "admin"

# what `airflow` stands for where services are started and stopped by name
AIRFLOW_COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

_TASKS_AT_ONCE = 4  # of LocalExecutor, which forks so many workers at its start


def mlflow_service(layout: Layout, port: int) -> Service:
    """The MLflow server, with a SQLite file and its artifacts in the stack's folder."""
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{layout.mlflow / 'mlflow.db'}"),
        *("--artifacts-destination", str(layout.mlflow / "artifacts")),
    ]
    environment = {name: value for name, value in _environment().items() if not name.startswith("MLFLOW_")}
    # its job runner serves evaluations that nobody asks for here, with seven processes
    return Service(MLFLOW, command, environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


def images_service(layout: Layout, port: int, *, products: int, seed: int) -> Service:
    """Render the sample shop, then serve its pictures."""
    command = [
        *(sys.executable, "-m", "dedup_pipeline", "sample", str(layout.sample), "--serve", "--port", str(port)),
        *("--products", str(products), "--seed", str(seed)),
    ]
    return Service(IMAGES, command, _environment())


def migration(environment: Mapping[str, str]) -> Service:
    """Make Airflow's database, or bring it to the installed version."""
    return Service(MIGRATION, [sys.executable, "-m", "airflow", "db", "migrate"], environment)


def airflow_service(component: str, environment: Mapping[str, str]) -> Service:
    """One component of Airflow.

    Args:
        component: a name of AIRFLOW_COMPONENTS.
        environment: that of `airflow_environment`.
    """
    return Service(component, [sys.executable, "-m", "airflow", *AIRFLOW_COMPONENTS[component]], environment)


def airflow_environment(layout: Layout, port: int, dags: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of Airflow's components and of the tasks.

    An AIRFLOW variable of the shell is not passed on: it belongs to another Airflow, whose database it may name.

    Args:
        layout: the stack's places.
        port: of the API server.
        dags: the folder with the Dag files.
        settings: variables that are laid over all others.
    """
    url = f"http://{LOOPBACK}:{port}"
    options = {
        ("core", "dags_folder"): dags,
        ("core", "load_examples"): False,
        ("core", "executor"): "LocalExecutor",
        ("core", "parallelism"): _TASKS_AT_ONCE,
        ("core", "auth_manager"): "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        ("core", "simple_auth_manager_users"): f"{USER}:admin",
        ("core", "simple_auth_manager_passwords_file"): layout.passwords,
        # by default the tasks would look for the API at port 8080, wherever it listens
        ("core", "execution_api_server_url"): f"{url}/execution/",
        ("core", "hostname_callable"): "socket.gethostname",  # the default asks DNS, which may take its time
        ("api", "host"): LOOPBACK,
        ("api", "port"): port,
        ("api", "base_url"): url,
        ("api", "workers"): 1,
        ("database", "sql_alchemy_conn"): f"sqlite:///{layout.airflow / 'airflow.db'}",
        ("logging", "base_log_folder"): layout.airflow / "logs",
        ("dag_processor", "refresh_interval"): 10,
        ("dag_processor", "parsing_processes"): 1,
        ("dag_processor", "dag_file_processor_timeout"): 120,
    }
    environment = {name: value for name, value in _environment().items() if not name.startswith("AIRFLOW")}
    environment |= {f"AIRFLOW__{part.upper()}__{name.upper()}": str(value) for (part, name), value in options.items()}
    environment |= {"AIRFLOW_HOME": str(layout.airflow)}
    # Dag files import what they share as `dags.common`
    environment["PYTHONPATH"] = os.pathsep.join([str(dags.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**environment, **settings}


def stack_settings(layout: Layout, mlflow_url: str, *, personal: bool) -> dict[str, str]:
    """The settings that the stack makes, by their dotted names.

    Args:
        layout: the stack's places.
        mlflow_url: of the stack's server.
        personal: leave out those that the person has set.
    """
    stack = {
        "store": str(layout.store),
        "tracking.uri": mlflow_url,
        "ingest.dumps": str(layout.catalogs / "{dump_id}.csv"),
    }
    return {name: value for name, value in stack.items() if not (personal and is_set_by_person(name))}


def is_set_by_person(setting: str) -> bool:
    """Whether a setting is in the environment or in the file that DEDUP_CONFIG names."""
    if variable(setting) in os.environ:
        return True
    if not os.environ.get(CONFIG_VARIABLE):
        return False
    value: object = tomllib.loads(Path(os.environ[CONFIG_VARIABLE]).read_text(encoding="utf-8"))
    for part in setting.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value is not None


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + setting.upper().replace(".", "__")


def airflow_version() -> str:
    """The version of Airflow that is installed."""
    return version("apache-airflow-core")


def _environment() -> dict[str, str]:
    """What every program of the stack gets."""
    programs = Path(sys.executable).parent
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = dict(os.environ)
    here = {
        "PATH": f"{programs}{os.pathsep}{given.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",  # what a program printed before it died is in its log
        "SPT_NOENV": "1",  # Airflow renames its processes, which would wipe out the mark they are found by
        "DO_NOT_TRACK": "true",
        "NO_COLOR": "1",
    }
    for name in ("NO_PROXY", "no_proxy"):  # a company's proxy does not reach this machine's own ports
        here[name] = ",".join(filter(None, [given.get(name), LOOPBACK, "localhost"]))
    # all cores for each task: the training, most of the time, runs alone, and pools keep other heavy tasks apart
    return {"OMP_NUM_THREADS": str(cores)} | given | here
