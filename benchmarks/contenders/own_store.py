"""The store of a claim's data, for contenders that run a stage: each run gets a copy, as a stage writes into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from contender import Contest

from dedup_pipeline.config import Settings, load_settings

DUMP = "benchmark"


def fresh_store(contest: Contest, texts: Sequence[str] = ()) -> Settings:
    """The settings of a copy of the data's store, for one thread, with further settings as ``name=value``.

    Its files are links, as a store never changes one; but MLflow does.
    """
    source, folder = contest.data / "store", contest.results / "store"

    def copy(one: str, other: str) -> None:
        if Path(one).is_relative_to(source / "mlflow"):
            shutil.copy2(one, other)
        else:
            os.link(one, other)

    shutil.copytree(source, folder, copy_function=copy)
    return load_settings([f"store={folder}", "threads=1", *texts])


def reaching_store(contest: Contest) -> Settings:
    """``fresh_store``, with leave to reach the server beside it."""
    return reaching(contest, fresh_store(contest))


def reaching(contest: Contest, settings: Settings) -> Settings:
    """The same settings with leave to reach the server beside the contender."""
    host = f"127.0.0.1:{(contest.data / 'port.txt').read_text()}"
    return settings.model_copy(update={"fetch": settings.fetch.model_copy(update={"allow_hosts": (host,)})})
