"""The command line ``dedup``: the whole chain, each stage alone, and questions about single pictures."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from dedup_pipeline.addresses import showable
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import DedupError, InputError, is_of_a_service
from dedup_pipeline.signals import Interrupted, interruptible
from dedup_pipeline.wording import tidy

app = typer.Typer(
    help="Finds the same product under other ids in catalog dumps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Store = Annotated[str | None, typer.Option("--store", help="Folder or URL that holds everything.", metavar="URL")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", metavar="FILE")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="A setting; see `dedup settings`.", metavar="NAME=VALUE")]
Dump = Annotated[str, typer.Option("--dump", help="Id of the dump, such as 2018-10-05.", metavar="ID")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Keep this last category; may be repeated.", metavar="NAME")
]
_STACK = Path(".dedup")
_TRY_AGAIN = 3
Dags = Annotated[Path | None, typer.Option("--dags", help="Folder with the Dag files.", metavar="DIR")]
Folder = Annotated[Path, typer.Option("--folder", help="Folder that holds all that the stack keeps.", metavar="DIR")]


def main() -> None:
    """Run the command line; every expected failure ends with one sentence and a status, as does a request to end."""
    try:
        with interruptible():
            app()
    except InputError as error:
        _fail(error, 2)
    except DedupError as error:
        _fail(error, _TRY_AGAIN if error.retryable else 2)
    except MemoryError:
        _fail("this machine has not the memory that was asked for: free some, or lower threads", _TRY_AGAIN)
    except Exception as error:
        if not is_of_a_service(error):
            raise
        logging.getLogger(__name__).info("the way to it", exc_info=True)
        _fail(showable(f"{type(error).__name__}: {error}"), _TRY_AGAIN)
    except Interrupted as request:
        typer.echo(f"dedup: {request}; running the same command again goes on from what is done", err=True)
        sys.exit(request.code)


def _fail(error: object, status: int) -> None:
    typer.echo(f"dedup: {error}", err=True)
    if status == _TRY_AGAIN:
        typer.echo("dedup: running the same command again goes on where this one stopped", err=True)
    sys.exit(status)


@app.callback()
def options(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False) -> None:
    """Finds the same product under other ids in catalog dumps."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if not verbose:  # both speak at level INFO and set their own level when they are imported
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)


def _settings(store: str | None, config: Path | None, sets: list[str] | None, **flags: object) -> Settings:
    """The settings under some flags; a flag that was not given is None."""
    values = {name.replace("__", "."): value for name, value in flags.items() if value is not None}
    if store is not None:
        values["store"] = store
    return load_settings(sets or (), values=values, file=config)


@app.command()
def run(
    catalog: Annotated[
        str | None,
        typer.Option(help="The dump: CSV, CSV.gz or Parquet; by default where ingest.dumps has it.", metavar="FILE"),
    ] = None,
    dump: Annotated[str | None, typer.Option(help="Id of the dump; by default the date in the file's name.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Render the sample shop, serve it, and run on it.")] = False,
    store: Store = None,
    category: Categories = None,
    model: Annotated[str | None, typer.Option(help="train, champion, auto or a version.", metavar="WHICH")] = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Run every stage on a dump, from the file to duplicates.json."""
    from dedup_pipeline.ingest import date_in, file_of
    from dedup_pipeline.report import run_with_display
    from dedup_pipeline.sample import serving_sample

    flags = {"ingest__categories": tuple(category) if category else None, "train__model": model}
    if sample and catalog:
        raise InputError("--sample and --catalog exclude each other: take one")
    if sample:
        with serving_sample(_settings(store, config, sets, **flags)) as (file, served):
            run_with_display(served, dump or "sample", str(file))
        return
    settings = _settings(store, config, sets, **flags)
    if catalog is None and dump is None:
        raise InputError("what shall be read? Give --catalog FILE, --dump ID, or --sample for the sample shop")
    if catalog is None:
        catalog = file_of(settings.ingest, str(dump))
    dump_id = dump or date_in(catalog)
    if dump_id is None:
        raise InputError(f"'{catalog}' has no date in its name: say which dump it is with --dump, such as 2018-10-05")
    run_with_display(settings, dump_id, catalog)


def _run_stage(stage: str, settings: Settings, dump: str, catalog: str | None = None) -> None:
    from dedup_pipeline.report import run_stage_with_display

    run_stage_with_display(stage, settings, dump, catalog)


@app.command()
def ingest(
    catalog: Annotated[str, typer.Option(help="The dump: CSV, CSV.gz or Parquet.", metavar="FILE")],
    dump: Dump,
    store: Store = None,
    category: Categories = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Read a dump: listings, families, rejects."""
    categories = tuple(category) if category else None
    _run_stage("ingest", _settings(store, config, sets, ingest__categories=categories), dump, catalog)


@app.command()
def fetch(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Fetch the photos that no earlier dump fetched."""
    _run_stage("fetch", _settings(store, config, sets), dump)


@app.command()
def fingerprint(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Fingerprint the pictures: digests, hashes, colours."""
    _run_stage("fingerprint", _settings(store, config, sets), dump)


@app.command()
def train(
    dump: Dump,
    store: Store = None,
    model: Annotated[str | None, typer.Option(help="train, champion, auto or a version.", metavar="WHICH")] = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Settle the model of a dump: train one, or take one that is there."""
    _run_stage("train", _settings(store, config, sets, train__model=model), dump)


@app.command()
def train_embedder(
    dumps: Annotated[list[str], typer.Option("--dump", help="Id of a dump; may be repeated.", metavar="ID")],
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Train on one dump or several and register the model; no dump's model is settled by it."""
    from rich.console import Console

    from dedup_pipeline.report import Display
    from training.stage import train_embedder as fit

    with Display(Console(highlight=False)) as display:
        result = fit(_settings(store, config, sets), dumps, display.started("train"))
        display.finished(result)
    typer.echo(f"version {result.counts['model_version']}: {result.counts['decision']}")
    typer.echo(f"MLflow run: {result.counts['run_url']}")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Version of the registered model.")],
    reason: Annotated[str, typer.Option(help="Why; it is noted on the version.", metavar="TEXT")],
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Make a version champion: dumps are embedded with it from now on."""
    from training.registry import promote as make_champion

    typer.echo(make_champion(_settings(store, config, sets), version, reason=reason).reason)


@app.command()
def embed(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Compute the embeddings of the pictures."""
    _run_stage("embed", _settings(store, config, sets), dump)


@app.command()
def index(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Build the nearest-neighbour index."""
    _run_stage("index", _settings(store, config, sets), dump)


@app.command()
def match(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Find candidates and give verdicts."""
    _run_stage("match", _settings(store, config, sets), dump)


@app.command()
def group(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Put listings that are one product into groups."""
    _run_stage("group", _settings(store, config, sets), dump)


@app.command()
def export(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Write duplicates.json, the pairs and the summary."""
    _run_stage("export", _settings(store, config, sets), dump)


@app.command()
def record(dump: Dump, store: Store = None, config: Config = None, sets: Sets = None) -> None:
    """Log the run over a dump in MLflow."""
    _run_stage("record", _settings(store, config, sets), dump)


@app.command()
def verify(
    first: Annotated[str, typer.Argument(metavar="A", help="Image file or URL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Image file or URL.")],
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Do two pictures show the same product? Status 0: the same, 1: not, 2: bad input."""
    from dedup_pipeline.query import verify as judge

    verdict = judge(_settings(store, config, sets), first, second)
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(), indent=2))
    else:
        answer = "the same product" if verdict.same else "not the same product"
        typer.echo(f"{answer}: probability {verdict.probability:.4f}, needed {verdict.threshold:.4f} ({verdict.kind})")
        for name, value in verdict.evidence.items():
            typer.echo(f"  {name:<20} {value:9.3f}")
    raise typer.Exit(0 if verdict.same else 1)


@app.command()
def lookup(
    image: Annotated[str, typer.Argument(help="Image file or URL.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many listings.")] = 10,
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """The listings nearest to a picture."""
    from dedup_pipeline.query import lookup as search

    found = search(_settings(store, config, sets), image, count)
    if as_json:
        typer.echo(json.dumps([near.to_dict() for near in found], indent=2))
        return
    for near in found:
        typer.echo(f"{near.distance:.4f}  {tidy(near.listing_id, 1000)}  {tidy(near.title or '')}")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.")],
    seed: Annotated[int, typer.Option(help="Another seed draws another shop.")] = 7,
    products: Annotated[int, typer.Option(min=40, help="How many products.")] = 260,
    style: Annotated[
        Literal["studio", "phone"], typer.Option(help="Photographed in a studio, or by phone on beds and floors.")
    ] = "studio",
    edits: Annotated[
        Literal["known", "unseen"], typer.Option(help="Copies as the training makes them, or as it never does.")
    ] = "known",
    serve: Annotated[bool, typer.Option("--serve", help="Serve its pictures until interrupted.")] = False,
    port: Annotated[int, typer.Option(help="Port to serve on; 0 takes a free one.")] = 0,
) -> None:
    """Render the sample shop: a catalog, its pictures and the truth about its duplicates."""
    from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop

    counts = write_sample_shop(folder, seed=seed, products=products, style=style, edits=edits)
    typer.echo(f"{folder}: {counts.listings} listings, {counts.photos} photos, {counts.true_photo_pairs} true pairs")
    if serve:
        with ImageServer(folder, port) as server:
            file = folder / "catalog-local.csv"
            write_catalog(folder, server.base_url, file)
            typer.echo(f"serving {server.base_url}; the dump with these addresses is {file}; Ctrl-C ends")
            server.wait()


@app.command()
def score(
    truth: Annotated[Path, typer.Argument(help="Folder with truth.csv and photos.csv.")],
    predictions: Annotated[Path, typer.Argument(help="duplicates.json, pairs.parquet, or a CSV of pairs.")],
    by_edit: Annotated[bool, typer.Option("--by-edit", help="Also the recall per edit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Precision and recall of pairs against a known truth."""
    from dedup_pipeline.evaluate import read_predictions, to_dict
    from dedup_pipeline.evaluate import score as evaluate
    from dedup_pipeline.report import show_score

    read = read_predictions(predictions)
    result = evaluate(truth, read.pairs, scored=read.scored, crowds=read.crowds)
    if as_json:
        typer.echo(json.dumps(to_dict(result), indent=1))
    else:
        show_score(to_dict(result), by_edit=by_edit)


@app.command()
def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Truth folder; without one the sample shop is rendered."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the page goes; by default .dedup/evaluate/NAME/evaluation.", metavar="DIR"),
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Run no stage: measure what the store holds.")] = False,
    dump: Annotated[
        str | None,
        typer.Option(help="Id of the dump; by default 'evaluation', or with --no-run the only one.", metavar="ID"),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Folder or URL of the run; by default one of its own.", metavar="URL")
    ] = None,
    model: Annotated[str | None, typer.Option(help="train, champion, auto or a version.", metavar="WHICH")] = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Run a catalog whose duplicates are known, measure the result, and write a page about it."""
    from dedup_pipeline.evaluate_catalog import evaluate_catalog

    if no_run and store is None:
        raise InputError("--no-run measures what a store holds: name the store with --store")
    settings = _settings(store, config, sets, train__model=model)
    evaluate_catalog(settings, folder, own_store=store is None, run=not no_run, dump_id=dump, out=out)


@app.command()
def plan(
    rows: Annotated[int, typer.Option(help="Rows of the dump.")],
    images: Annotated[int, typer.Option(help="Distinct images that they show.")],
    new_images: Annotated[int | None, typer.Option(help="Of these, new to the store; by default all.")] = None,
    workers: Annotated[int, typer.Option(help="Workers.")] = 1,
    cores_per_worker: Annotated[int, typer.Option(help="Cores of each.")] = 2,
    memory_per_worker: Annotated[float, typer.Option(help="Memory of each, in GB.")] = 16.0,
    hosts: Annotated[int, typer.Option(help="Hosts that serve the photos.")] = 1,
    latency: Annotated[
        float | None, typer.Option(help="Seconds of a request for a photo; by default as measured.")
    ] = None,
    shard_images: Annotated[
        int, typer.Option(help="Cut the dump into shards of at most so many images; 0: as few as fit the memory.")
    ] = 0,
    costs: Annotated[Path | None, typer.Option(help="Unit costs; by default the package's.", metavar="FILE")] = None,
    learn: Annotated[
        str | None, typer.Option(help="Scale the unit costs to the run over this dump in the store.", metavar="DUMP")
    ] = None,
    cores_of_run: Annotated[int, typer.Option(help="How many cores each step of that run had.")] = 1,
    save: Annotated[Path | None, typer.Option(help="Write the unit costs, for --costs.", metavar="FILE")] = None,
    as_json: AsJson = False,
    store: Store = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Reckon what a run over a dump would take: hours, tasks, memory, storage, shards."""
    from rich.console import Console

    from dedup_pipeline.plan import Cluster, Workload, learnt_from, load_costs, make_plan
    from dedup_pipeline.plan.page import show_plan

    settings = _settings(store, config, sets)
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


@app.command()
def demo(dags: Dags = None) -> None:
    """Run the sample shop through Airflow and MLflow on this machine, from nothing to its score; then stop them."""
    from rich.console import Console

    from dedup_pipeline.stack.demo import Demo

    Demo(_STACK / "demo", _dags(dags), Console(highlight=False)).run()


@app.command()
def up(dags: Dags = None, folder: Folder = _STACK) -> None:
    """Start Airflow and MLflow on this machine and leave them running."""
    from rich.console import Console

    from dedup_pipeline.stack.operate import up as start

    start(folder, _dags(dags), Console(highlight=False))


@app.command()
def down(folder: Folder = _STACK) -> None:
    """Stop what `dedup up` started."""
    from rich.console import Console

    from dedup_pipeline.stack.operate import down as stop

    stop(folder, Console(highlight=False))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def airflow(context: typer.Context, dags: Dags = None, folder: Folder = _STACK) -> None:
    """Run Airflow's own command on the stack that `dedup up` started: dedup airflow backfill create ..."""
    from dedup_pipeline.stack.operate import airflow as command

    raise typer.Exit(command(folder, _dags(dags), context.args))


def _dags(folder: Path | None) -> Path:
    """The folder with the Dag files: the one that was named, else the one beside the package."""
    return folder or Path(__file__).parents[1] / "dags"


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """List every setting with its value, or write their reference."""
    from dedup_pipeline.report import settings_page, show_settings

    if markdown:
        typer.echo(settings_page(), nl=False)
    else:
        show_settings(_settings(None, config, sets))
