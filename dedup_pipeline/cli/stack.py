"""Airflow and MLflow on this machine."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from dedup_pipeline.errors import StackError

_STACK = Path(".dedup")
Dags = Annotated[Path | None, typer.Option("--dags", help="Folder with the Dag files.", metavar="DIR")]
Folder = Annotated[Path, typer.Option("--folder", help="Folder for all files of the stack.", metavar="DIR")]


def demo(dags: Dags = None) -> None:
    """Start Airflow and MLflow, run all stages on the sample shop, print its score, and stop them."""
    _check_airflow()
    from rich.console import Console

    from dedup_pipeline.stack.demo import Demo

    Demo(_STACK / "demo", _dags(dags), Console(highlight=False)).run()


def up(dags: Dags = None, folder: Folder = _STACK) -> None:
    """Start Airflow and MLflow on this machine and leave them running."""
    _check_airflow()
    from rich.console import Console

    from dedup_pipeline.stack.operate import up as start

    start(folder, _dags(dags), Console(highlight=False))


def down(folder: Folder = _STACK) -> None:
    """Stop the Airflow and MLflow that `dedup up` started."""
    _check_airflow()
    from rich.console import Console

    from dedup_pipeline.stack.operate import down as stop

    stop(folder, Console(highlight=False))


def airflow(context: typer.Context, dags: Dags = None, folder: Folder = _STACK) -> None:
    """Run an Airflow command on the stack that `dedup up` started, such as: dedup airflow backfill create ..."""
    _check_airflow()
    from dedup_pipeline.stack.operate import airflow as command

    raise typer.Exit(command(folder, _dags(dags), context.args))


def _check_airflow() -> None:
    """Make sure that Airflow is installed, before what needs it is imported.

    Raises:
        StackError: it is not.
    """
    try:
        version("apache-airflow-core")
    except PackageNotFoundError:
        raise StackError("Airflow is not installed: call pip install 'dedup-pipeline[airflow]'") from None


def _dags(folder: Path | None) -> Path:
    """The folder with the Dag files: the one that was named, else the one beside the package."""
    return folder or Path(__file__).parents[2] / "dags"
