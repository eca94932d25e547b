"""Settings that were called otherwise before: the earlier names are understood for one release, with a warning."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from dedup_pipeline.errors import SettingsError

logger = logging.getLogger(__name__)

RENAMED: dict[str, str] = {
    "index.search_nodes": "index.search_k",
    "index.cells": "index.nlist",
    "index.probes": "index.nprobe",
    "train.spread": "train.koleo_weight",
    "train.least_gain_kept": "train.min_gain_kept",
    "match.laid_pairs": "match.aligned_pairs_per_photo",
    "match.least_probability": "match.min_probability",
    "workflow.most_mapped_tasks": "workflow.max_mapped_tasks",
}
"""Earlier name -> name. Keys and manifests in the store keep the earlier one: ``Section.stored``."""


def with_present_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of one source under the names that they have now.

    Args:
        values: by dotted name.

    Raises:
        SettingsError: the source gives a setting under both of its names.
    """
    for earlier in RENAMED.keys() & values.keys():
        if RENAMED[earlier] in values:
            raise SettingsError(f"setting '{earlier}' is now '{RENAMED[earlier]}': give only the latter")
        _warn(earlier, RENAMED[earlier])
    return {RENAMED.get(name, name): value for name, value in values.items()}


@cache  # once in a process, however often its settings are put together
def _warn(earlier: str, name: str) -> None:
    logger.warning("setting '%s' is now '%s': the earlier name goes with the next release", earlier, name)


def _by_section(sections: Mapping[str, Any]) -> dict[str, Any]:
    """What a source gives by section and name, under the present names."""
    found = dict(sections)
    for section, values in sections.items():
        if isinstance(values, Mapping):
            present = with_present_names({f"{section}.{name}": value for name, value in values.items()})
            found[section] = {name.removeprefix(f"{section}."): value for name, value in present.items()}
    return found


class Environment(EnvSettingsSource):
    """Environment variables, under any of the names that settings have had."""

    def __call__(self) -> dict[str, Any]:
        """The settings by section and name."""
        return _by_section(super().__call__())


class TomlFile(TomlConfigSettingsSource):
    """A settings file, under any of the names that settings have had."""

    def __call__(self) -> dict[str, Any]:
        """The settings by section and name."""
        return _by_section(super().__call__())
