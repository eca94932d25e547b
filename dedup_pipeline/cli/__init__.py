"""The command line `dedup`: a module for each kind of command, put together in `app.py`."""

from __future__ import annotations

from dedup_pipeline.cli.app import app, main

__all__ = ["app", "main"]
