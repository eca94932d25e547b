"""The whole chain, and each stage alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from dedup_pipeline.cli.options import Categories, Config, Dump, Model, Sets, Store, settings_from
from dedup_pipeline.errors import InputError


def run(
    catalog: Annotated[
        str | None,
        typer.Option(
            help="The dump: CSV, CSV.gz or Parquet; by default the file that ingest.dumps names.", metavar="FILE"
        ),
    ] = None,
    dump: Annotated[str | None, typer.Option(help="Id of the dump; by default the date in the file's name.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Render the sample shop, serve it, and run on it.")] = False,
    store: Store = None,
    category: Categories = None,
    model: Model = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Run all stages on a dump, from the catalog file to duplicates.json."""
    from dedup_pipeline.sample import serving_sample
    from dedup_pipeline.stages.display import run_with_display
    from dedup_pipeline.stages.ingest import given_dump

    flags = {"ingest__categories": tuple(category) if category else None, "train__model": model}
    if sample and catalog:
        raise InputError("--sample and --catalog exclude each other: take one")
    if sample:
        with serving_sample(settings_from(store, config, sets, **flags)) as (file, served):
            run_with_display(served, str(file), dump or "sample")
        return
    settings = settings_from(store, config, sets, **flags)
    if catalog is None and dump is None:
        raise InputError("what shall be read? Give --catalog FILE, --dump ID, or --sample for the sample shop")
    given = given_dump(settings.ingest, catalog, dump, by="--dump")
    run_with_display(settings, given.catalog, given.dump_id)


def ingest(
    catalog: Annotated[str, typer.Option(help="The dump: CSV, CSV.gz or Parquet.", metavar="FILE")],
    dump: Dump,
    store: Store = None,
    category: Categories = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Read a dump: listings, families, rejects."""
    from dedup_pipeline.stages.display import run_stage_with_display

    categories = tuple(category) if category else None
    run_stage_with_display(settings_from(store, config, sets, ingest__categories=categories), "ingest", dump, catalog)


def train(
    dump: Dump,
    store: Store = None,
    model: Model = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Choose the model for a dump: train one, or reuse one."""
    from dedup_pipeline.stages.display import run_stage_with_display

    run_stage_with_display(settings_from(store, config, sets, train__model=model), "train", dump, None)


def stage_command(stage: str, purpose: str) -> Callable[..., None]:
    """The command of a stage that has no options of its own.

    Args:
        stage: its name in the chain.
        purpose: its help, one sentence.
    """

    def command(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
        from dedup_pipeline.stages.display import run_stage_with_display

        run_stage_with_display(settings_from(store, config, sets), stage, dump, None)

    command.__name__, command.__doc__ = stage, purpose
    return command


fetch = stage_command("fetch", "Fetch the photos that are not in the store yet.")
fingerprint = stage_command("fingerprint", "Compute digests, perceptual hashes and colours of the pictures.")
embed = stage_command("embed", "Compute the embeddings of the pictures.")
index = stage_command("index", "Build the nearest-neighbour index.")
match = stage_command("match", "Find candidate pairs and decide which are duplicates.")
group = stage_command("group", "Group the listings of each product.")
export = stage_command("export", "Write duplicates.json, the pairs and the summary.")
record = stage_command("record", "Log the run over a dump in MLflow.")
