"""The stack for people: left running, found again, stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dedup_pipeline.addresses import showable
from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import StackError
from dedup_pipeline.signals import Interrupted, interruptible, uninterrupted
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.services import USER
from dedup_pipeline.stack.stack import Stack
from dedup_pipeline.stack.supervisor import Supervisor


def up(folder: Path, dags: Path, console: Console) -> None:
    """Start the stack and leave it running; say where it is. One that runs already is left alone.

    Args:
        folder: holds everything that shall last: runs, models, the store.
        dags: the folder with the Dag files.
        console: to write to.

    Raises:
        StackError: a service ended early or did not become healthy in time, or a Dag file cannot be read.
        SettingsError: the settings in the environment do not fit.
    """

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    layout = Layout.at(folder)
    with layout.locked(), interruptible():
        stack = Stack(folder, dags=dags, personal=True, log=say)
        if stack.attach():
            say("the stack runs already")
        else:
            say("starting Airflow and MLflow")
            try:
                stack.start()
            except BaseException:
                with uninterrupted():
                    stack.stop()
                raise
        for name, text in _where(stack).items():
            say(f"{name:<10} {text}")


def down(folder: Path, console: Console) -> None:
    """Stop the stack of a folder, and say so.

    Raises:
        StackError: another command works on it.
    """
    layout = Layout(Path(folder).absolute())
    stopped = 0
    if layout.folder.is_dir():
        with layout.locked(), uninterrupted():
            stopped = Supervisor(layout).stop()
    said = "stopped; runs, models and the store stay in" if stopped else "nothing runs in"
    console.print(f"{said} {layout.folder}", soft_wrap=True, markup=False)


def airflow(folder: Path, dags: Path, words: Sequence[str]) -> int:
    """Run Airflow's own command on a stack that runs.

    Args:
        folder: of the stack.
        dags: the folder with the Dag files.
        words: what follows ``airflow`` on its command line.

    Returns:
        Its exit status.

    Raises:
        StackError: no stack runs in the folder.
    """
    stack = Stack(folder, dags=dags, personal=True) if Path(folder).is_dir() else None
    if stack is None or not stack.attach():
        raise StackError(f"no stack runs in {folder}: start it with `dedup up`")
    command = [sys.executable, "-m", "airflow", *words]
    with subprocess.Popen(command, env=stack.airflow_environment) as process:  # noqa: S603 - what the person typed
        try:
            return process.wait()
        except Interrupted:
            process.terminate()  # and its end is waited for
            raise


def _where(stack: Stack) -> dict[str, str]:
    """What a person needs to know of a stack that runs."""
    settings = load_settings()
    places = stack.settings
    return {
        "Airflow": f"{stack.airflow_url}  login {USER}, password {stack.password}",
        "MLflow": showable(stack.mlflow_url),
        "dumps": f"put them where {showable(places.get('ingest.dumps', settings.ingest.dumps))} says",
        "results": f"{showable(places.get('store', settings.store))}, below exports/",
        "logs": str(stack.layout.logs),
        "DAGs": "paused, so that nothing runs at night; Airflow's trigger form unpauses the one it triggers",
        "stop": f"dedup down --folder {stack.layout.folder}, or `make down` where `make up` was called",
    }
