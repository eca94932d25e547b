"""Settings put together from flags, the environment, a file and the defaults.

Precedence, highest first: a flag (``--set fetch.threads=8``), the environment (``DEDUP_FETCH__THREADS=8``), the
settings file (TOML: ``[fetch]`` then ``threads = 8``), the default. An unknown name is refused with the nearest known
one; an earlier name is understood from each of them (``renamed.py``).
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from dedup_pipeline.config.names import setting_names
from dedup_pipeline.config.renamed import RENAMED, with_present_names
from dedup_pipeline.config.settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, Settings
from dedup_pipeline.errors import SettingsError


def load_settings(
    texts: Iterable[str] = (), *, values: Mapping[str, Any] | None = None, file: Path | None = None
) -> Settings:
    """Put the settings together from flags, environment, file and defaults.

    Args:
        texts: flags as ``name=value``.
        values: flags by dotted name, over the texts.
        file: a TOML file; by default the one that ``DEDUP_CONFIG`` names, if any.

    Raises:
        SettingsError: a name is unknown (the nearest known one is named), a value does not fit, or the file cannot be
            read.
    """
    known = (*setting_names(), *RENAMED)
    flags = {**_from_texts(texts), **(values or {})}
    for name in flags:
        _check_name(name, known, f"setting '{name}'")
    flags = with_present_names(flags)
    for variable in os.environ:
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != CONFIG_VARIABLE:
            name = variable[len(ENVIRONMENT_PREFIX) :].lower().replace("__", ".")
            _check_name(name, known, f"environment variable {variable}")
    path = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if path and not path.is_file():
        raise SettingsError(f"settings file '{path}' does not exist: name a TOML file or unset {CONFIG_VARIABLE}")
    try:
        return _with_file(path)(**_nested(flags))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            _check_name(name, known, f"setting '{name}'" + (f" in {path}" if path else ""))
        shown = repr(first["input"])[:200]
        raise SettingsError(f"setting {name} = {shown}: {first['msg']}; see `dedup settings`") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file '{path}' is not valid TOML: {error}") from None


def _with_file(path: Path | None) -> type[Settings]:
    """The settings class, reading its lowest source from ``path``."""
    return type("Settings", (Settings,), {"model_config": SettingsConfigDict(toml_file=path)})


def _from_texts(texts: Iterable[str]) -> dict[str, str]:
    flags = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise SettingsError(f"'{text}' is not name=value: write for example --set fetch.threads=8")
        flags[name.strip()] = value.strip()
    return flags


def _nested(flags: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flags.items():
        section, _, leaf = name.partition(".")
        if leaf:
            nested.setdefault(section, {})[leaf] = value
        else:
            nested[section] = value
    return nested


def _check_name(name: str, known: Iterable[str], where: str) -> None:
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, [name for name in names if name not in RENAMED], n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "`dedup settings` lists all"
    raise SettingsError(f"{where} is unknown: {hint}")
