"""The model: trained on dumps of one's choice, promoted."""

from __future__ import annotations

from typing import Annotated

import typer

from dedup_pipeline.cli.options import Config, Sets, Store, settings_from


def train_embedder(
    dumps: Annotated[list[str], typer.Option("--dump", help="Id of a dump; may be repeated.", metavar="ID")],
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Train on one or more dumps and register the model, without choosing it for any dump."""
    from rich.console import Console

    from dedup_pipeline.stages.display import Display
    from training.stage import train_embedder as fit

    with Display(Console(highlight=False)) as display:
        result = fit(settings_from(store, config, sets), dumps, display.started("train"))
        display.finished(result)
    typer.echo(f"version {result.counts['model_version']}: {result.counts['decision']}")
    typer.echo(f"MLflow run: {result.counts['run_url']}")


def promote(
    version: Annotated[str, typer.Argument(help="Version of the registered model.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded with the version.", metavar="TEXT")],
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Make a version the champion: new dumps are embedded with it from now on."""
    from training.registry import promote as make_champion

    typer.echo(make_champion(settings_from(store, config, sets), version, reason=reason).reason)
