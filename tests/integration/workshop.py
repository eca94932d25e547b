"""What the rounds without Airflow work with: the sample shop on a server, object storage, processes, a reference."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from invariants import Mlflow, Names, exports_of
from nursery import Ended, Nursery, Strike
from objects import ObjectStorage
from places import FOLDER, Place

from conftest import QUICK
from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop
from dedup_pipeline.stack.services import variable
from dedup_pipeline.stages.chain import STAGES
from dedup_pipeline.tracking.database import DATABASE, make_database

DUMP = "2018-10-05"
_NAMES = Names("catalog-dedup", "catalog-dedup-runs", "embedder")
# as small as they can be: what is tested is the chain, not how good it gets
_SETTINGS = QUICK | {
    "threads": "1",
    "train.max_photos": "60",
    "train.frozen_stages": "7",
    "train.epochs": "2",
    "match.part_nodes": "60",
    "match.calibration_photos": "40",
    "embed.runtime": "torch",
}


@dataclass(frozen=True)
class Chain:
    """The stages of one dump in one store, each run as a process of its own.

    Attributes:
        nursery: makes the processes.
        place: the store.
        catalog: the dump's file.
        environment: the settings.
        database: MLflow's.
        dump: the dump's id.
        model: ``train``, or ``champion`` where one is there already.
        recorded: how many runs over dumps its MLflow knows already.
    """

    nursery: Nursery
    place: Place
    catalog: Path
    environment: Mapping[str, str]
    database: Path
    dump: str = DUMP
    model: str = "train"
    recorded: int = 0

    @property
    def mlflow(self) -> Mlflow:
        """Its MLflow."""
        return Mlflow(f"sqlite:///{self.database}", _NAMES)

    def run(self, stage: str, strike: Strike | None = None) -> Ended:
        """Run a stage, or ``run`` for all in one process, to its end, whatever that is."""
        words = [stage, "--dump", self.dump]
        if stage in ("ingest", "run"):
            words += ["--catalog", str(self.catalog)]
        if stage in ("train", "run"):
            words += ["--model", self.model]
        return self.nursery.run(words, self.environment, strike)

    def undisturbed(self, stages: Iterable[str] = STAGES) -> dict[str, int]:
        """Run stages; how many writes each has begun.

        Raises:
            RuntimeError: one has failed.
        """
        writes = {}
        for stage in stages:
            ended = self.run(stage)
            if ended.status:
                raise RuntimeError(f"{stage} ended with status {ended.status}, undisturbed:\n{ended.said[-2000:]}")
            writes[stage] = ended.writes or 0
        return writes

    def exports(self) -> dict[str, bytes]:
        """Every exported file of its dump."""
        return exports_of(self.place, self.dump)


@dataclass(frozen=True)
class Reference:
    """A run that nobody disturbed.

    Attributes:
        chain: what was run.
        exports: what it exported.
        writes: how many writes each stage began.
        trained: its store and database as they were once the model was trained.
    """

    chain: Chain
    exports: dict[str, bytes]
    writes: dict[str, int]
    trained: Path


class Workshop:
    """All of it, while its ``with`` block lasts.

    Args:
        folder: holds everything.
        products: of the sample shop.
        say: tells a person.
    """

    def __init__(self, folder: Path, products: int, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self._products = products
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Render the shop, start the servers and the program that makes processes."""
        shop = self.folder / "shop"
        write_sample_shop(shop, products=self._products)
        with contextlib.ExitStack() as stack:
            images = stack.enter_context(ImageServer(shop))
            self.storage = stack.enter_context(ObjectStorage(self.folder / "s3.log"))
            self.nursery = stack.enter_context(Nursery(self.folder / "processes", self.storage.environment))
            self._stack = stack.pop_all()
        self.host = images.base_url.removeprefix("http://")
        self.catalog = self.folder / f"{DUMP}.csv"
        write_catalog(shop, images.base_url, self.catalog)
        make_database(self.folder / "empty")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self._stack.__exit__(kind, error, trace)

    def chain(self, name: str, store: str = FOLDER, **settings: str) -> Chain:
        """A chain in an empty store, with an empty MLflow.

        Args:
            name: of the store.
            store: ``folder`` or ``object``.
            **settings: over those of the workshop, with ``__`` for the dot.
        """
        return self._chain(name, store, self.folder / "empty" / DATABASE, settings)

    def trained(self, name: str, reference: Reference, catalog: Path, **settings: str) -> Chain:
        """A chain in a folder with nothing but the reference's model, for another dump."""
        chain = self._chain(name, FOLDER, reference.trained / DATABASE, settings)
        shutil.copytree(reference.trained / "models", Path(chain.place.url) / "models")
        return replace(chain, catalog=catalog, model="champion")

    def copy(self, name: str, reference: Reference, store: str = FOLDER) -> Chain:
        """A chain in a copy of the reference's finished store."""
        chain = self._chain(name, store, reference.chain.database, {})
        for path in reference.chain.place.names():
            if not path.startswith("locks/"):
                chain.place.write(path, reference.chain.place.read(path))
        return chain

    def reference(self) -> Reference:
        """Run the dump undisturbed, in a folder."""
        chain, trained = self.chain("reference"), self.folder / "trained"
        stages = list(STAGES)
        first, rest = stages[: stages.index("train") + 1], stages[stages.index("train") + 1 :]
        writes = chain.undisturbed(first)
        shutil.copytree(Path(chain.place.url) / "models", trained / "models")
        shutil.copy(chain.database, trained / DATABASE)
        writes |= chain.undisturbed(rest)
        self.say(f"undisturbed: {sum(writes.values())} writes")
        return Reference(chain, chain.exports(), writes, trained)

    def _chain(self, name: str, store: str, database: Path, settings: Mapping[str, str]) -> Chain:
        place = Place(str(self.folder / name)) if store == FOLDER else self.storage.place(name)
        own = self.folder / f"{name}.db"
        shutil.copy(database, own)
        chosen = _SETTINGS | {"fetch.allow_hosts": self.host, "tracking.uri": f"sqlite:///{own}", "store": place.url}
        chosen |= {setting.replace("__", "."): value for setting, value in settings.items()}
        environment = {variable(setting): value for setting, value in chosen.items()}
        return Chain(self.nursery, place, self.catalog, environment, own)


def last_of(ended: Ended) -> str:
    """The last line that a process printed."""
    return (ended.said.strip().splitlines() or ["it said nothing"])[-1]
