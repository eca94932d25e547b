"""A truth folder as a dump that can be run: its pictures are served while the run lasts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.sample.server import ImageServer, write_catalog
from dedup_pipeline.sample.shop import write_sample_shop
from dedup_pipeline.store import Store

PORT = 8907  # a fixed one, so that a second run finds the same URLs in the store
logger = logging.getLogger(__name__)


@contextlib.contextmanager
def serving_sample(settings: Settings) -> Iterator[tuple[Path, Settings]]:
    """Render the sample shop beside the store unless it is there, and serve its pictures on this machine only.

    Yields:
        The catalog file, and the settings that let its server be reached.

    Raises:
        InputError: the store is no folder of this machine, so there is no place beside it.
    """
    store = Store(settings.store)
    if not store.local:
        raise InputError(f"the sample shop needs a store in a folder, not {store.root}: leave out --store")
    folder = Path(store.root).parent / "sample"
    if not (folder / "counts.json").exists():
        write_sample_shop(folder, seed=settings.seed)
    file = folder / "catalog-local.csv"
    with serving_catalog(settings, folder, file) as served:
        yield file, served


@contextlib.contextmanager
def serving_catalog(settings: Settings, folder: Path, file: Path) -> Iterator[Settings]:
    """Serve the pictures of a truth folder on this machine only, and write its catalog with their addresses.

    Args:
        settings: the settings.
        folder: a truth folder, which is only read.
        file: where the catalog is written; its folder exists.

    Yields:
        The settings that let the server be reached.

    Raises:
        InputError: the folder has no pictures or no catalog.
    """
    with _server(folder) as server:
        write_catalog(folder, server.base_url, file)
        hosts = (*settings.fetch.allow_hosts, server.base_url.removeprefix("http://"))
        fetch = settings.fetch.model_copy(update={"allow_hosts": hosts})
        yield settings.model_copy(update={"fetch": fetch})


def _server(folder: Path) -> ImageServer:
    try:
        return ImageServer(folder, PORT)
    except OSError:
        logger.warning("port %d is taken; the catalog is served on another, and its pictures are new URLs", PORT)
        return ImageServer(folder)
