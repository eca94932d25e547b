"""Catalogs whose duplicates are known, figures against their truth, and what a run will take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dedup_pipeline.cli.options import AsJson, Config, Model, Sets, Store, settings_from
from dedup_pipeline.errors import InputError


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.")],
    seed: Annotated[int, typer.Option(help="Another seed draws another shop.")] = 7,
    products: Annotated[int, typer.Option(min=40, help="How many products.")] = 260,
    serve: Annotated[bool, typer.Option("--serve", help="Serve its pictures until interrupted.")] = False,
    port: Annotated[int, typer.Option(help="Port to serve on; 0 takes a free one.")] = 0,
) -> None:
    """Render the sample shop: a catalog, its pictures and the truth about its duplicates."""
    from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop

    counts = write_sample_shop(folder, seed=seed, products=products)
    typer.echo(f"{folder}: {counts.listings} listings, {counts.photos} photos, {counts.true_photo_pairs} true pairs")
    if serve:
        with ImageServer(folder, port) as server:
            file = folder / "catalog-local.csv"
            write_catalog(folder, server.base_url, file)
            typer.echo(f"serving {server.base_url}; the dump with these addresses is {file}; Ctrl-C ends")
            server.wait()


def score(
    truth: Annotated[Path, typer.Argument(help="Folder with truth.csv and photos.csv.")],
    predictions: Annotated[Path, typer.Argument(help="duplicates.json, pairs.parquet, or a CSV of pairs.")],
    by_edit: Annotated[bool, typer.Option("--by-edit", help="Also print the recall for each kind of edit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute precision and recall of pairs against known duplicates."""
    from dedup_pipeline.evaluate import read_predictions, to_dict
    from dedup_pipeline.evaluate import score as evaluate
    from dedup_pipeline.evaluate.terminal import show_score

    read = read_predictions(predictions)
    result = evaluate(truth, read.pairs, scored=read.scored, crowds=read.crowds)
    if as_json:
        typer.echo(json.dumps(to_dict(result), indent=1))
    else:
        show_score(to_dict(result), by_edit=by_edit)


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Folder with the known duplicates; without one the sample shop is rendered."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report; by default .dedup/evaluate/NAME/evaluation.", metavar="DIR"),
    ] = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Run no stage; measure the results that are in the store.")
    ] = False,
    dump: Annotated[
        str | None,
        typer.Option(help="Id of the dump; by default 'evaluation', or with --no-run the only one.", metavar="ID"),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Store of the run; by default a new one for each catalog.", metavar="URL")
    ] = None,
    model: Model = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Run all stages on a catalog whose duplicates are known, and write a report with the measures."""
    from dedup_pipeline.evaluate.catalog import evaluate_catalog

    if no_run and store is None:
        raise InputError("--no-run measures what a store holds: name the store with --store")
    settings = settings_from(store, config, sets, train__model=model)
    evaluate_catalog(settings, folder, own_store=store is None, run=not no_run, dump_id=dump, out=out)


def plan(
    rows: Annotated[int, typer.Option(help="Rows of the dump.")],
    images: Annotated[int, typer.Option(help="Distinct images in these rows.")],
    new_images: Annotated[
        int | None, typer.Option(help="How many of these images are new to the store; by default all.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Number of workers.")] = 1,
    cores_per_worker: Annotated[int, typer.Option(help="Cores of each worker.")] = 2,
    memory_per_worker: Annotated[float, typer.Option(help="Memory of each worker, in GB.")] = 16.0,
    hosts: Annotated[int, typer.Option(help="Hosts that serve the photos.")] = 1,
    latency: Annotated[
        float | None, typer.Option(help="Seconds that one photo takes to fetch; by default as measured.")
    ] = None,
    shard_images: Annotated[
        int, typer.Option(help="Images in a shard at most; 0 cuts the dump into as few shards as fit in memory.")
    ] = 0,
    costs: Annotated[
        Path | None, typer.Option(help="File of unit costs; by default those in the package.", metavar="FILE")
    ] = None,
    learn: Annotated[
        str | None, typer.Option(help="Scale the unit costs to what this dump's run in the store took.", metavar="DUMP")
    ] = None,
    cores_of_run: Annotated[int, typer.Option(help="Cores that each step of that run had.")] = 1,
    save: Annotated[
        Path | None, typer.Option(help="Write the scaled unit costs to this file, for --costs.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Estimate a run's time, tasks, memory and storage, and into how many shards to cut it."""
    from rich.console import Console

    from dedup_pipeline.plan import Cluster, Workload, learnt_from, load_costs, make_plan
    from dedup_pipeline.plan.page import show_plan

    settings = settings_from(store, config, sets)
    known = load_costs(costs)
    if learn is not None:
        known = learnt_from(known, settings, learn, cores=cores_of_run)
    work = Workload(rows, images, images if new_images is None else new_images, shard_images)
    made = make_plan(work, Cluster(workers, cores_per_worker, memory_per_worker, hosts, latency), known, settings)
    if save is not None:
        save.write_text(known.to_json())
    if as_json:
        typer.echo(json.dumps(made.to_dict() | {"origin": known.origin.model_dump()}, indent=2))
    else:
        show_plan(made, known.origin, Console(highlight=False))
