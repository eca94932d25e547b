"""Questions about single pictures."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dedup_pipeline.cli.options import AsJson, Config, Sets, Store, settings_from
from dedup_pipeline.wording import tidy


def verify(
    first: Annotated[str, typer.Argument(metavar="A", help="Image file or URL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Image file or URL.")],
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Tell whether two pictures show the same product. Exit status 0: they do; 1: they do not; 2: bad input."""
    from dedup_pipeline.query import verify as judge

    verdict = judge(settings_from(store, config, sets), first, second)
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(), indent=2))
    else:
        answer = "the same product" if verdict.same else "not the same product"
        typer.echo(f"{answer}: probability {verdict.probability:.4f}, needed {verdict.threshold:.4f} ({verdict.kind})")
        for name, value in verdict.evidence.items():
            typer.echo(f"  {name:<20} {value:9.3f}")
    raise typer.Exit(0 if verdict.same else 1)


def lookup(
    image: Annotated[str, typer.Argument(help="Image file or URL.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many listings.")] = 10,
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Find the listings whose photos are nearest to a picture."""
    from dedup_pipeline.query import lookup as search

    found = search(settings_from(store, config, sets), image, count)
    if as_json:
        typer.echo(json.dumps([near.to_dict() for near in found], indent=2))
        return
    for near in found:
        typer.echo(f"{near.distance:.4f}  {tidy(near.listing_id, 1000)}  {tidy(near.title or '')}")
