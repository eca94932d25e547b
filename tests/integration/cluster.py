"""The services of docker/compose.yaml as plain processes on loopback: real PostgreSQL, real Redis, no container.

Commands, environments, configuration files and health checks are read from the compose file; only addresses, folders
and sizes differ, and `Cluster._moved` and `Cluster._own` hold all of these.
"""

from __future__ import annotations

import logging
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from compose_file import FOLDER, ROOT, compose, interpolated, read_env
from dedup_pipeline.stack.ports import LOOPBACK, choose_port
from dedup_pipeline.stack.processes import marked_processes, spawn, stop_marked

logger = logging.getLogger("cluster")

BIN = Path(sys.executable).parent
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "fetch-worker", "worker-gpu")
PORTS = ("postgres", "redis", "api-server", "mlflow", "objects", "scheduler-health")


class Cluster:
    """The topology, in one folder that can be thrown away.

    Args:
        folder: an empty one; others must be able to pass through it, for PostgreSQL refuses to be root's.
        settings: further environment of every service of Airflow.
        s3_server: a program like ``moto_server``; without one the store and the artifacts are folders.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], s3_server: Path | None = None) -> None:
        self.folder, self.s3_server, self._settings = folder, s3_server, dict(settings)
        self.ports: dict[str, int] = {}
        for name in PORTS:
            self.ports[name] = choose_port(0, self.ports.values())
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.dumps = folder / "dumps"
        self._known = self._made_env()
        self._compose = compose()

    @property
    def url(self) -> str:
        """Of Airflow."""
        return f"http://{LOOPBACK}:{self.ports['api-server']}"

    @property
    def admin(self) -> tuple[str, str]:
        """Who may log in to Airflow."""
        return self._known["ADMIN_NAME"], self._known["ADMIN_PASSWORD"]

    def secret(self, name: str) -> str:
        """A value of the generated ``.env``."""
        return self._known[name]

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service: that of the compose file, moved to this machine."""
        described = interpolated(self._compose["services"][service].get("environment", {}), self._known)
        moved = {name: self._moved(str(value)) for name, value in described.items()}
        base = {name: os.environ[name] for name in ("HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
        base["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return base | moved | (self._own(service) if service in (*AIRFLOW, "init") else {"SPT_NOENV": "1"})

    def start(self) -> None:
        """Start everything in the order of the compose file, each after what it leans on is healthy."""
        self.start_service("redis")
        self._start_postgres()
        if self.s3_server:
            self._spawn("objects", [str(self.s3_server), "-H", LOOPBACK, "-p", str(self.ports["objects"])], {})
            self._wait("objects", lambda: _listens(self.ports["objects"]), 60)
        self._wait("redis", lambda: self.is_healthy("redis"), 30)
        self.initialise()
        self.start_service("mlflow")
        self.start_service("api-server")
        for name in ("mlflow", "api-server"):
            self._wait(name, lambda name=name: self.is_healthy(name), 240)
        for name in AIRFLOW[1:]:
            self.start_service(name)
        for name in AIRFLOW[1:]:
            self._wait(name, lambda name=name: self.is_healthy(name), 240)

    def initialise(self) -> str:
        """Run the script of the service ``init``; returns what it said."""
        done = subprocess.run(
            [FOLDER / "init.sh"], env=self.environment("init"), capture_output=True, text=True, check=False, cwd=ROOT
        )
        with (self.logs / "init.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode:
            raise RuntimeError(f"init.sh failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout + done.stderr

    def start_service(self, name: str) -> None:
        """Start a service with the command of the compose file."""
        service = self._compose["services"][name]
        command = [self._moved(word) for word in interpolated(service["command"], self._known)]
        environment = self.environment(name)
        if name in AIRFLOW:
            command = [str(BIN / "airflow"), *command]
            if "worker" in name:
                command += ["--celery-hostname", f"celery@{name}"]
        elif name == "mlflow":
            command = self._mlflow_command(command, environment)
        self._spawn(name, command, environment)

    def kill(self, name: str) -> int:
        """Take a service away as a dead machine would: SIGKILL to all its processes at once; returns how many."""
        found = marked_processes(self.folder, {name})
        for process in found:
            process.kill()
        psutil.wait_procs(found, timeout=5)
        return len(found)

    def is_healthy(self, name: str) -> bool:
        """Run the health check of the compose file."""
        kind, *words = interpolated(self._compose["services"][name]["healthcheck"]["test"], self._known)
        moved = [self._moved(word) for word in words]
        command = ["sh", "-c", moved[0]] if kind == "CMD-SHELL" else moved
        environment = self.environment(name) | {"HOSTNAME": name}
        if name == "redis":
            command[-1] = command[-1].replace("redis-cli", f"redis-cli -p {self.ports['redis']}")
        if name == "postgres":
            command = [str(_postgres_bin() / command[0]), *command[1:], "--port", str(self.ports["postgres"])]
        try:
            return (
                subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0
            )
        except subprocess.TimeoutExpired:
            return False

    def memory(self) -> dict[str, int]:
        """Megabytes that each service holds now, shared pages counted once."""
        held: dict[str, int] = {}
        for name in ("postgres", "redis", "mlflow", *AIRFLOW):
            pages = (_proportional_bytes(process) for process in marked_processes(self.folder, {name}))
            held[name] = round(sum(pages) / 2**20)
        return held

    def stop(self) -> None:
        """Stop everything."""
        stop_marked(self.folder, {*AIRFLOW, "mlflow"}, patience=20)
        stop_marked(self.folder, patience=10)

    def _made_env(self) -> dict[str, str]:
        file = self.folder / "env"
        subprocess.run([FOLDER / "make-env.sh", self.dumps], env={**os.environ, "ENV_FILE": str(file)}, check=True)
        known = read_env(file)
        port = str(self.ports["mlflow"])
        known |= {"MLFLOW_PORT": port, "MLFLOW_URL": f"http://localhost:{port}", "AIRFLOW_URL": self.url}
        return known | {"CPU_WORKER_QUEUES": "default"}

    def _moved(self, text: str) -> str:
        """A text of the compose file with the addresses and folders of this machine."""
        places = {
            "@postgres:5432": f"@{LOOPBACK}:{self.ports['postgres']}",
            "@redis:6379": f"@{LOOPBACK}:{self.ports['redis']}",
            "http://api-server:8080": self.url,
            "http://localhost:8080": self.url,
            "http://localhost:8974": f"http://localhost:{self.ports['scheduler-health']}",
            "http://mlflow:5000": f"http://{LOOPBACK}:{self.ports['mlflow']}",
            "http://localhost:5000": f"http://localhost:{self.ports['mlflow']}",
            "http://objects:8333": f"http://localhost:{self.ports['objects']}",
            "/dumps/": f"{self.dumps}/",
            "/etc/mlflow/auth.ini": str(self.folder / "auth.ini"),
            "dir /data": f"dir {self.folder / 'redis'}\nport {self.ports['redis']}\nbind {LOOPBACK}\nset-proc-title no",
        }
        if not self.s3_server:
            places |= {"s3://dedup/store": str(self.folder / "store")}
            places |= {"s3://mlflow/artifacts": str(self.folder / "artifacts"), "dedup,mlflow": ""}
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    def _own(self, service: str) -> dict[str, str]:
        """What the image sets in the cluster, and what a small machine needs."""
        return {
            "AIRFLOW_HOME": str(self.folder / f"airflow-{service}"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "task-logs"),
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler-health"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
            # a lost worker is noticed after a minute, not five: nobody wants to wait
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
            "PYTHONPATH": str(ROOT),
            "GIT_PYTHON_REFRESH": "quiet",
            "SPT_NOENV": "1",
            "OMP_NUM_THREADS": "2",
            **self._settings,
        }

    def _mlflow_command(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        content = interpolated(self._compose["configs"]["mlflow-auth"]["content"], self._known)
        Path(environment["MLFLOW_AUTH_CONFIG_PATH"]).write_text(self._moved(content))
        own = {"0.0.0.0": LOOPBACK, "5000": str(self.ports["mlflow"])}  # noqa: S104  # taken out here
        return [str(BIN / "mlflow"), *(own.get(word, word) for word in command)]

    def _start_postgres(self) -> None:
        data, sockets = self.folder / "postgres", self.folder / "postgres-socket"
        for place in (data, sockets):
            place.mkdir()
        as_owner: list[str] = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for place in (data, sockets):
                os.chown(place, owner.pw_uid, owner.pw_gid)
            as_owner = ["runuser", "-u", "postgres", "--"]
        environment, programs, port = self.environment("postgres"), _postgres_bin(), str(self.ports["postgres"])
        initdb = [str(programs / "initdb"), "--pgdata", str(data), "--username", environment["POSTGRES_USER"]]
        initdb += [environment["POSTGRES_INITDB_ARGS"], "--auth-local=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run([*as_owner, *initdb], env=environment, check=True, capture_output=True, cwd="/")
        server = [str(programs / "postgres"), "-D", str(data), "-p", port, "-k", str(sockets)]
        self._spawn("postgres", [*as_owner, *server, "-c", f"listen_addresses={LOOPBACK}"], environment)
        script = environment | {"PGHOST": str(sockets), "PGPORT": port}
        self._wait("postgres", lambda: _listens(self.ports["postgres"]), 60)
        subprocess.run([FOLDER / "postgres-init.sh"], env=script, check=True, capture_output=True)
        self._wait("postgres", lambda: self.is_healthy("postgres"), 30)

    def _spawn(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        for place in ("redis", "artifacts"):
            (self.folder / place).mkdir(exist_ok=True)
        spawn(command, environment, self.logs / f"{name}.log", folder=self.folder, name=name)

    def _wait(self, name: str, ready: Any, seconds: float) -> None:
        until, start = time.monotonic() + seconds, time.monotonic()
        while not ready():
            if time.monotonic() > until or not marked_processes(self.folder, {name}):
                tail = (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{name} is not healthy after {time.monotonic() - start:.0f} s:\n{tail}")
            time.sleep(1)
        logger.info("%s is healthy after %.0f s", name, time.monotonic() - start)


def _postgres_bin() -> Path:
    """Where PostgreSQL's programs are: Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    if program is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    return Path(program).parent


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        lines: Iterator[str] = iter(Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines())
    except OSError:
        return 0
    sizes = [re.match(r"Pss:\s+(\d+) kB", line) for line in lines]
    return sum(int(match[1]) * 1024 for match in sizes if match)
