"""What a training is known by; light to import, for whoever finds it done or needs none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dedup_pipeline.config import Settings
from dedup_pipeline.store import digest

VERSION = 2  # raise it when the same photos and settings train another model
Earlier = Mapping[str, Mapping[str, str]]
"""Dump to stage to the key of the stage's result."""


def run_key(settings: Settings, earlier: Earlier) -> str:
    """The digest of all that the weights depend on; the order of the dumps is not among it."""
    return digest("train", VERSION, earlier, settings.seed, deciding(settings), settings.match.placeholder_families)


def deciding(settings: Settings) -> dict[str, Any]:
    """The settings that decide the weights."""
    return settings.train.stored(exclude={"model", "promote", "min_gain_kept"})
