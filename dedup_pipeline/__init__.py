"""Finds the same product under other ids in catalog dumps."""

from importlib.metadata import version

__version__ = version("dedup-pipeline")
