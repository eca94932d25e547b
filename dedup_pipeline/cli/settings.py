"""Every setting with its value, and the page of them all."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dedup_pipeline.addresses import showable
from dedup_pipeline.cli.options import Config, Sets, settings_from
from dedup_pipeline.config import Settings, setting_names


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """List all settings with their values, or write the reference page."""
    if markdown:
        typer.echo(settings_page(), nl=False)
    else:
        show_settings(settings_from(None, config, sets))


def show_settings(settings: Settings) -> None:
    """Print every setting with its value."""
    table = Table("setting", "value", "what it does")
    values = settings.model_dump()
    for name, (_, _, description) in setting_names().items():
        section, _, leaf = name.partition(".")
        value = values[section][leaf] if leaf else values[section]
        table.add_row(name, _shown(value), description)
    Console(highlight=False).print(table)


def settings_page() -> str:
    """The reference of the settings, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Made from the code by `make docs`. Precedence: flag (`--set fetch.threads=8`), environment",
        "(`DEDUP_FETCH__THREADS=8`), file (TOML, `[fetch]` then `threads = 8`, named by `--config` or `DEDUP_CONFIG`),",
        "default.",
        "",
        "| setting | type | default | what it does |",
        "|---|---|---|---|",
    ]
    for name, (kind, default, description) in setting_names().items():
        lines.append(f"| `{name}` | {kind.replace('|', '&#124;')} | `{_shown(default)}` | {description} |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "(none)"
    return showable(str(value)) if value != "" else "(empty)"
