"""Running a catalog whose duplicates are known and holding the result against them: what ``dedup evaluate`` does."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, NotReadyError
from dedup_pipeline.evaluate import Evaluation, Truth, evaluate, read_outcome, read_truth
from dedup_pipeline.evaluate.page import write_page
from dedup_pipeline.sample import serving_catalog, write_sample_shop
from dedup_pipeline.stages.display import run_with_display
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import finished_dumps

WORK = Path(".dedup/evaluate")
DUMP = "evaluation"
_SAMPLE = "sample-shop"


def evaluate_catalog(
    settings: Settings,
    folder: Path | None,
    *,
    own_store: bool,
    run: bool,
    dump_id: str | None,
    out: Path | None,
    work: Path = WORK,
) -> Evaluation:
    """Run the chain on a catalog, measure what comes of it, and write the page.

    What it makes lies in ``work``, in a folder named after the catalog's: the store (one for every content of the
    catalog, so that nothing is left of an earlier one), and the page.

    Args:
        settings: the settings.
        folder: a truth folder; None renders the sample shop.
        own_store: whether to take a store in ``work`` instead of that of the settings.
        run: whether to run the stages; those that are finished have nothing to do. If not, the store is read as it is.
        dump_id: the dump; None stands for DUMP, or without a run for the only finished one of the store.
        out: the folder of the page; None stands for one in ``work``.
        work: where it is made.

    Raises:
        InputError: the folder is no truth folder, or not that of the dump.
        NotReadyError: nothing is run, and the store has no finished dump.
        DedupError: as the stage does that fails.
    """
    name = folder.resolve().name if folder else _SAMPLE
    work = work / name
    folder = folder or _sample_shop(work / "catalog", settings.seed)
    truth = read_truth(folder)  # before the long work, so that a bad folder is told at once
    work.mkdir(parents=True, exist_ok=True)
    if own_store:
        settings = settings.model_copy(update={"store": str(work / f"store-{_content(folder)}")})
    if run:
        dump_id = dump_id or DUMP
        catalog = work / "catalog-local.csv"
        with serving_catalog(settings, folder, catalog) as served:
            run_with_display(served, str(catalog), dump_id)
    return _measured(Store(settings.store), truth, name, dump_id, out or work / "evaluation")


def _measured(store: Store, truth: Truth, name: str, dump_id: str | None, out: Path) -> Evaluation:
    evaluation = evaluate(truth, read_outcome(store, dump_id or _only_dump(store)), name)
    page = write_page(evaluation, store, Store(str(out)))
    _show(evaluation, page)
    return evaluation


def _sample_shop(folder: Path, seed: int) -> Path:
    """Render the sample shop anew, so that it is that of the code."""
    if folder.exists():
        shutil.rmtree(folder)
    write_sample_shop(folder, seed=seed)
    return folder


def _content(folder: Path) -> str:
    """A short name of a catalog and its pictures: the same addresses may show other pictures tomorrow."""
    content = hashlib.sha256()
    for file in [folder / "catalog.csv", *sorted(file for file in (folder / "images").rglob("*") if file.is_file())]:
        if not file.is_file():
            raise InputError(f"no file {file}: name a truth folder, for example one that the sample shop wrote")
        content.update(str(file.relative_to(folder)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:8]


def _only_dump(store: Store) -> str:
    finished = finished_dumps(store, "export")
    if not finished:
        raise NotReadyError(f"{store.root} has no finished dump: leave out --no-run, or run `dedup run` first")
    if len(finished) > 1:
        raise InputError(f"{store.root} has several finished dumps ({', '.join(finished)}): say which with --dump")
    return finished[0]


def _show(evaluation: Evaluation, page: str) -> None:
    console = Console(highlight=False)
    table = Table(title=f"{evaluation.catalog} against its truth", title_justify="left")
    table.add_column("")
    for heading in ("goal", *evaluation.splits):
        table.add_column(heading, justify="right")
    for goal in evaluation.goals:
        digits = 4 if goal.unit == "share" else 2
        unit = " ms" if goal.unit == "ms" else ""
        cells = []
        for split in evaluation.splits:
            value, met = goal.values.get(split), goal.met(split)
            colour = {True: "green", False: "red", None: "dim"}[met]
            cells.append("—" if value is None else f"[{colour}]{value:.{digits}f}{unit}[/]")
        table.add_row(goal.name, f"{'≥' if goal.at_least else '≤'} {goal.bound:g}{unit}", *cells)
    console.print(table)
    console.print(f"page {page}", soft_wrap=True)
