"""A small sample shop on a local server, and the command line as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop

# a training of seconds, not minutes: what is tested is the chain, not how good it gets
QUICK = {
    "train.image_px": "64",
    "train.epochs": "3",
    "train.products_per_batch": "8",
    "train.views_per_product": "2",
    "match.calibration_photos": "60",
    "fetch.pack_images": "30",
    "fetch.backoff": "0.05",
}


@dataclass(frozen=True)
class Shop:
    """A served sample shop.

    Attributes:
        folder: the truth folder.
        catalog: its dump, with the server's addresses.
        host: the server's ``name:port``.
    """

    folder: Path
    catalog: Path
    host: str


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A sample shop of 60 products."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    write_sample_shop(folder, products=60)
    with ImageServer(folder) as server:
        catalog = folder.parent / "dump-2018-10-05.csv"
        write_catalog(folder, server.base_url, catalog)
        yield Shop(folder, catalog, server.base_url.removeprefix("http://"))


class Dedup:
    """The command ``dedup`` on one store.

    Args:
        store: the store.
        host: the image server that may be reached.
    """

    def __init__(self, store: Path, host: str) -> None:
        self.store = store
        self._settings = [f"{name}={value}" for name, value in {**QUICK, "fetch.allow_hosts": host}.items()]

    def command(self, *words: str) -> list[str]:
        """The words of a call, with the store and the quick settings where the verb takes them."""
        sets = [part for setting in self._settings for part in ("--set", setting)]
        return [sys.executable, "-m", "dedup_pipeline", *words, "--store", str(self.store), *sets]

    def environment(self) -> dict[str, str]:
        """This process's environment without settings of its own."""
        return {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}

    def __call__(self, *words: str, status: int = 0) -> str:
        """Call it, and expect a status; returns what it printed."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.environment(), timeout=600, check=False
        )
        assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def exports(self, dump: str = "2018-10-05") -> dict[str, bytes]:
        """Every exported file."""
        return {file.name: file.read_bytes() for file in (self.store / "exports" / dump).iterdir()}


@pytest.fixture(scope="session")
def dedup_in(shop):
    """Makes the command ``dedup`` on a store of one's own."""
    return lambda store: Dedup(store, shop.host)


@pytest.fixture(scope="session")
def undisturbed(shop, dedup_in, tmp_path_factory):
    """A store after one run that nothing disturbed."""
    dedup = dedup_in(tmp_path_factory.mktemp("undisturbed") / "store")
    dedup("run", "--catalog", str(shop.catalog), "--model", "train")
    return dedup
