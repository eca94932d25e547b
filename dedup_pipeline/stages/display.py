"""What a run shows a person in the terminal: progress while it lasts, a summary at the end."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from dedup_pipeline.config import Settings
from dedup_pipeline.stages.chain import run, run_stage
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Progress as Report
from dedup_pipeline.store.manifests import StageResult


class Display:
    """Bars for the stages; also the watcher of a run."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._console = console
        self._bars = Progress(*columns, console=console, transient=True)
        self._current: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self, stage: str) -> Report:
        """A stage begins: show a bar for it."""
        task = self._bars.add_task(stage, total=None)
        self._current = task

        def report(done: int, of: int) -> None:
            self._bars.update(task, completed=done, total=of)

        return report

    def finished(self, result: StageResult) -> None:
        """A stage has ended: leave one line of it."""
        if self._current is not None:
            self._bars.remove_task(self._current)
        state = "done before" if result.reused else f"{result.seconds:.1f} s"
        self._console.print(
            f"[green]✓[/] {result.stage:<12} {state:>11}  [dim]{_in_words(result.counts)}[/]", soft_wrap=True
        )


def run_with_display(settings: Settings, catalog: str, dump_id: str) -> None:
    """Run every stage with a live display, then show the summary.

    Raises:
        DedupError: as the stage does that fails.
    """
    console = Console(highlight=False)
    with Display(console) as display:
        results = run(settings, catalog, dump_id, watcher=display)
    _show_summary(console, settings, dump_id, results)


def run_stage_with_display(settings: Settings, stage: str, dump_id: str, catalog: str | None) -> None:
    """Run one stage with a live display.

    Raises:
        DedupError: as the stage does.
    """
    console = Console(highlight=False)
    with Display(console) as display:
        progress = display.started(stage)
        result = run_stage(settings, stage, dump_id, catalog=catalog, progress=progress)
        display.finished(result)
    for name, path in result.outputs.items():
        console.print(f"  {name}: {Store(settings.store).url(path)}", soft_wrap=True)


def _in_words(counts: Mapping[str, Any]) -> str:
    plain = [f"{number(value)} {label(name)}" for name, value in counts.items() if isinstance(value, (int, float))]
    return ", ".join(plain[:5])


def label(name: str) -> str:
    """A count's name in words."""
    return name.replace("_", " ")


def number(value: object) -> str:
    """A count for a person: four digits, or thousands set apart."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _show_summary(console: Console, settings: Settings, dump_id: str, results: Mapping[str, StageResult]) -> None:
    table = Table(title=f"Dump {dump_id}", title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    for result in results.values():
        table.add_section()
        seconds = "done before" if result.reused else f"{result.seconds:.1f} s"
        table.add_row(f"[cyan]{result.stage}[/]", "", seconds)
        for name, value in result.counts.items():
            if isinstance(value, dict):
                for reason, count in sorted(value.items()):
                    if count:
                        table.add_row(f"    {label(name)}: {reason}", number(count), "")
            elif value is not None:
                table.add_row(f"  {label(name)}", number(value), "")
    console.print(table)
    store = Store(settings.store)
    for name, path in results["export"].outputs.items():
        console.print(f"{name:<12} {store.url(path)}", soft_wrap=True)
