"""docker/compose.yaml as Compose reads it: anchors merged, variables put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docker"

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?P<rest>[^}]*)\})")


def compose() -> dict[str, Any]:
    """The file, with its merge keys resolved and its variables as they stand."""
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def variables(value: Any) -> dict[str, set[str]]:
    """The variables in a value: name -> what follows it between the braces, such as ``:?message``."""
    found: dict[str, set[str]] = {}
    for text in texts(value):
        for match in _VARIABLE.finditer(text):
            if match["name"]:
                found.setdefault(match["name"], set()).add(match["rest"])
    return found


def interpolated(value: Any, known: Mapping[str, str]) -> Any:
    """A value with its variables put in, ``$$`` as ``$``; a KeyError names one that is not known."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: known[match["name"]] if match["name"] else "$", value)
    if isinstance(value, Mapping):
        return {name: interpolated(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, known) for inner in value]
    return value


def read_env(file: Path) -> dict[str, str]:
    """The variables of an ``.env`` file, as Compose reads one: comments left out, quotes taken off."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
