"""Options that many commands have, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dedup_pipeline.config import Settings, load_settings

Store = Annotated[
    str | None, typer.Option("--store", help="Store: the folder or URL that holds all data.", metavar="URL")
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", metavar="FILE")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="A setting; see `dedup settings`.", metavar="NAME=VALUE")]
Dump = Annotated[str, typer.Option("--dump", help="Id of the dump, such as 2018-10-05.", metavar="ID")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Categories = Annotated[
    list[str] | None,
    typer.Option(
        "--category",
        help="Keep only listings whose most specific category is this one; may be repeated.",
        metavar="NAME",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", help="Model to use: train, champion, auto or a version.", metavar="WHICH")
]


def settings_from(store: str | None, config: Path | None, sets: list[str] | None, **flags: object) -> Settings:
    """The settings under some flags; a flag that was not given is None.

    Args:
        store: folder or URL of the store.
        config: settings file.
        sets: texts NAME=VALUE.
        flags: values by the setting's name with two underscores for the dot: ``train__model``.

    Raises:
        InputError: a setting does not exist or its value does not fit.
    """
    values = {name.replace("__", "."): value for name, value in flags.items() if value is not None}
    if store is not None:
        values["store"] = store
    return load_settings(sets or (), values=values, file=config)
