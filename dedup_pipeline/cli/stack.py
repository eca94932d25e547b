"""Airflow and MLflow on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_STACK = Path(".dedup")
Dags = Annotated[Path | None, typer.Option("--dags", help="Folder with the Dag files.", metavar="DIR")]
Folder = Annotated[Path, typer.Option("--folder", help="Folder for all files of the stack.", metavar="DIR")]


def demo(dags: Dags = None) -> None:
    """Start Airflow and MLflow, run all stages on the sample shop, print its score, and stop them."""
    from rich.console import Console

    from dedup_pipeline.stack.demo import Demo

    Demo(_STACK / "demo", _dags(dags), Console(highlight=False)).run()


def up(dags: Dags = None, folder: Folder = _STACK) -> None:
    """Start Airflow and MLflow on this machine and leave them running."""
    from rich.console import Console

    from dedup_pipeline.stack.operate import up as start

    start(folder, _dags(dags), Console(highlight=False))


def down(folder: Folder = _STACK) -> None:
    """Stop the Airflow and MLflow that `dedup up` started."""
    from rich.console import Console

    from dedup_pipeline.stack.operate import down as stop

    stop(folder, Console(highlight=False))


def airflow(context: typer.Context, dags: Dags = None, folder: Folder = _STACK) -> None:
    """Run an Airflow command on the stack that `dedup up` started, such as: dedup airflow backfill create ..."""
    from dedup_pipeline.stack.operate import airflow as command

    raise typer.Exit(command(folder, _dags(dags), context.args))


def _dags(folder: Path | None) -> Path:
    """The folder with the Dag files: the one that was named, else the one beside the package."""
    return folder or Path(__file__).parents[2] / "dags"
