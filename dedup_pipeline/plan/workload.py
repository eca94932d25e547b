"""What is to be done, and by whom: a dump, and the workers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dedup_pipeline.errors import InputError


@dataclass(frozen=True)
class Workload:
    """A dump.

    Attributes:
        rows: of the catalog.
        images: distinct images that its rows show.
        new_images: of these, how many no earlier dump has brought.
        shard_images: cut it into shards of at most so many images; 0 leaves it to the memory of the workers.
    """

    rows: int
    images: int
    new_images: int
    shard_images: int = 0

    def __post_init__(self) -> None:
        """Refuse what no dump can be.

        Raises:
            InputError: with a sentence.
        """
        if self.rows < 1:
            raise InputError(f"a dump of {self.rows} rows is none: give --rows 1 or more")
        if self.images < 1:
            raise InputError(f"with {self.images} images there is nothing to compare: give --images 1 or more")
        if not 0 <= self.new_images <= self.images:
            raise InputError(
                f"{self.new_images} new images of {self.images} cannot be: give --new-images between 0 and --images"
            )
        if self.shard_images < 0:
            raise InputError(f"a shard of {self.shard_images} images cannot be: give --shard-images 1 or more")


@dataclass(frozen=True)
class Cluster:
    """The workers.

    Attributes:
        workers: how many.
        cores: of each.
        memory: gigabytes (10^9 bytes) of each.
        hosts: that serve the photos.
        latency: seconds of a request; None takes that of the measurement.
    """

    workers: int = 1
    cores: int = 2
    memory: float = 16.0
    hosts: int = 1
    latency: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no cluster can be.

        Raises:
            InputError: with a sentence.
        """
        for flag, value in (("--workers", self.workers), ("--cores-per-worker", self.cores), ("--hosts", self.hosts)):
            if value < 1:
                raise InputError(f"{flag} {value} cannot be: give 1 or more")
        if not (self.memory > 0 and math.isfinite(self.memory)):
            raise InputError(f"--memory-per-worker {self.memory:g} cannot be: give gigabytes above 0")
        if self.latency is not None and not (self.latency > 0 and math.isfinite(self.latency)):
            raise InputError(f"--latency {self.latency:g} cannot be: give seconds above 0")
