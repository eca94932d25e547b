"""What a run over a dump would take on some workers: hours, tasks, memory, storage, and how it must be cut.

A dump too large for the memory of a worker is cut into shards, by category, each a dump of its own: index, match, group
and export then see one shard, and duplicates across shards are not found. Hours are those of the steps one after the
other, as the workflow does them; a step that is done for each shard is done for so many at once as there are workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.plan.costs import UnitCosts
from dedup_pipeline.plan.steps import BY_NAME, PIECE, STEPS, Drivers, Step, cells, joined, ordered, pieces, sought
from dedup_pipeline.plan.workload import Cluster, Workload
from dedup_pipeline.stages.index import library_for

_HOUR = 3600.0
_GIGABYTE = 1e9


@dataclass(frozen=True)
class StepPlan:
    """One step of the run.

    Attributes:
        step: its name.
        tasks: how many tasks do it, over all shards.
        at_once: how many of them a worker's cores and memory carry at a time.
        core_hours: in all.
        hours: on the clock.
        gigabytes: peak memory of one task.
        temporary_gigabytes: of one task, in the temporary folder of its machine, with the store in object storage.
        bound: what its hours are bound by: ``cores``, ``connections``, or ``one task`` where more cores do not help.
    """

    step: str
    tasks: int
    at_once: int
    core_hours: float
    hours: float
    gigabytes: float
    temporary_gigabytes: float
    bound: str


@dataclass(frozen=True)
class Plan:
    """The whole run.

    Attributes:
        steps: in walking order.
        shards: how many pieces the dump is cut into.
        shard_images: images of the largest.
        workflow_hours: what the workflow adds for starting tasks.
        stored: artifact to bytes, of all shards.
        notes: what a reader must know, a sentence each.
    """

    steps: list[StepPlan]
    shards: int
    shard_images: int
    workflow_hours: float
    stored: dict[str, float]
    notes: list[str]

    @property
    def hours(self) -> float:
        """In all."""
        return sum(step.hours for step in self.steps) + self.workflow_hours

    @property
    def core_hours(self) -> float:
        """In all."""
        return sum(step.core_hours for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "hours": self.hours,
            "core_hours": self.core_hours,
            "workflow_hours": self.workflow_hours,
            "shards": self.shards,
            "shard_images": self.shard_images,
            "stages": self.stage_hours(),
            "steps": [vars(step) for step in self.steps],
            "stored_bytes": self.stored,
            "stored_bytes_in_all": sum(self.stored.values()),
            "notes": self.notes,
        }

    def stage_hours(self) -> dict[str, float]:
        """Stage to hours on the clock."""
        found: dict[str, float] = {}
        for step in self.steps:
            stage = step.step.partition("-")[0]
            found[stage] = found.get(stage, 0.0) + step.hours
        return found


def make_plan(workload: Workload, cluster: Cluster, costs: UnitCosts, settings: Settings) -> Plan:
    """Estimate what a run would take.

    The model is there already: training is not part of it.

    Args:
        workload: the dump.
        cluster: the workers.
        costs: the unit costs.
        settings: ``ingest.chunk_rows``, ``fetch.pack_images``, ``fetch.threads``, ``fetch.connections_per_host``,
            ``fetch.rate_per_host``, ``index.library``, ``index.part_vectors``, ``match.calibration_photos``,
            ``match.hash_radius``, ``match.part_nodes``, ``workflow.max_mapped_tasks``.

    Raises:
        InputError: a worker has not even the memory of a task, or a shard that was asked for does not fit.
    """
    return _Estimator(workload, cluster, costs, settings).plan()


class _Estimator:
    def __init__(self, workload: Workload, cluster: Cluster, costs: UnitCosts, settings: Settings) -> None:
        self._load, self._cluster, self._costs, self._settings = workload, cluster, costs, settings
        most = self._most_images()
        if min(workload.shard_images, workload.images) > most:
            raise InputError(
                f"a shard of {workload.shard_images:,} images does not fit {cluster.memory:g} GB: give --shard-images "
                f"{most} or less, or --memory-per-worker more"
            )
        self._largest = min(workload.images, workload.shard_images or most)
        self._shards = -(-workload.images // self._largest)

    def plan(self) -> Plan:
        """The plan."""
        steps = [self._planned(step) for step in STEPS]
        overhead = self._costs.workflow
        slots = self._cluster.workers
        # tasks of a run follow each other; those of packs and parts start as slots become free
        mapped = sum(-(-one.tasks // (slots * one.at_once)) for one in steps if BY_NAME[one.step].each != "shard")
        rounds = -(-self._shards // slots) * overhead.tasks + mapped
        return Plan(
            steps,
            self._shards,
            self._largest,
            rounds * overhead.task_seconds / _HOUR,
            self._stored(self._load.images),
            self._notes(),
        )

    def _drivers(self, images: int) -> Drivers:
        """What the steps of a shard of so many images grow with, if each were one task."""
        catalog = self._costs.catalog
        vectors, nodes = images * catalog.vectors, images * catalog.nodes
        rows = self._load.rows * images / self._load.images
        return {
            "task": 1.0,
            "rows": float(self._load.rows),  # a shard's ingest reads the whole file
            "chunk": float(min(self._load.rows, self._settings.ingest.chunk_rows)),
            "images": float(images),
            "piece": float(min(max(rows, images), PIECE)),
            "passed": float(images * pieces(max(rows, images))),
            "vectors": vectors,
            "photos": min(nodes, self._settings.match.calibration_photos),
            "nodes": nodes,
            "cells": cells(vectors),
            "candidates": images * catalog.candidates,
            "ordered": ordered(images * catalog.candidates),
            "aligned": images * catalog.aligned,
            "records": rows + images,
        }

    def _of_one(self, step: Step, images: int) -> Drivers:
        """What one task of a step does and holds at a time, in a shard of so many images."""
        drivers = self._drivers(images)
        if step.each == "pack":
            return drivers | {"images": float(min(images, self._settings.fetch.pack_images))}
        if step.each == "file":
            own = min(drivers["vectors"], self._settings.index.part_vectors)
            library = library_for(self._settings.index.library, drivers["vectors"])
            return drivers | {"vectors": own} | sought(own, self._parts(step, drivers), library, self._settings.index)
        if step.each == "part" and drivers["nodes"] > 0:
            match, nodes = self._settings.match, drivers["nodes"]
            own = min(nodes, match.part_nodes)
            part = {name: drivers[name] * own / nodes for name in ("candidates", "aligned")}
            return drivers | part | {"joined": joined(own, nodes, match.hash_radius)}
        return drivers

    def _parts(self, step: Step, drivers: Drivers) -> int:
        """The files of the index, or the parts of the nodes, of a shard."""
        size, name = self._settings.match.part_nodes, "nodes"
        if step.each == "file":
            size, name = self._settings.index.part_vectors, "vectors"
        return max(1, math.ceil(drivers[name] / size))

    def _bytes(self, step: Step, images: int) -> float:
        return step.of(self._of_one(step, images), self._costs.memory[step.name])

    def _most_images(self) -> int:
        """The largest shard whose every task fits a worker."""
        room = self._cluster.memory * _GIGABYTE

        def fits(images: int) -> bool:
            return all(self._bytes(step, images) <= room for step in STEPS)

        if not fits(1):
            worst = max(STEPS, key=lambda step: self._bytes(step, 1))
            need = self._bytes(worst, 1) / _GIGABYTE
            raise InputError(
                f"'{worst.name}' needs {need:.1f} GB for this dump however it is cut, a worker has "
                f"{self._cluster.memory:g}: give --memory-per-worker more"
            )
        low, high = 1, self._load.images
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(middle) else (low, middle - 1)
        return low

    def _planned(self, step: Step) -> StepPlan:
        gigabytes = self._bytes(step, self._largest) / _GIGABYTE
        at_once = 1
        if step.each != "shard":
            at_once = max(1, min(self._cluster.cores, int(self._cluster.memory / max(gigabytes, 1e-9))))
        full, rest = divmod(self._load.images, self._largest)
        tasks, seconds, longest = self._of_shard(step, self._largest)
        tasks, seconds = tasks * full, seconds * full
        if rest:
            more, further, _ = self._of_shard(step, rest)
            tasks, seconds = tasks + more, seconds + further
        slots = self._cluster.workers * at_once
        # however the tasks follow each other: Graham 1966, "Bounds for certain multiprocessing anomalies"
        clock = longest + max(0.0, seconds - longest) / slots
        bound = "one task" if longest >= clock / 2 else "cores"
        waiting = self._waiting() if step.name == "fetch" else 0.0
        if waiting > clock:
            clock, bound = waiting, "connections"
        stored = self._stored(self._largest)
        temporary = sum(stored.get(name, 0.0) * times for name, times in step.disk) / _GIGABYTE
        return StepPlan(step.name, tasks, at_once, seconds / _HOUR, clock / _HOUR, gigabytes, temporary, bound)

    def _of_shard(self, step: Step, images: int) -> tuple[int, float, float]:
        """The tasks of a step for a shard of so many images, the core seconds of all of them, and of the longest."""
        drivers, unit = self._drivers(images), self._costs.seconds[step.name]
        most = self._settings.workflow.max_mapped_tasks
        if step.each == "shard":
            return 1, step.of(drivers, unit), step.of(drivers, unit)
        if step.each == "pack":
            new = math.ceil(images * self._load.new_images / self._load.images)
            packs = -(-new // self._settings.fetch.pack_images)
            tasks = min(packs, most)
            held = min(new, self._settings.fetch.pack_images) * -(-packs // tasks) if tasks else 0
            one = step.of({"task": float(tasks > 0), "images": float(min(new, held))}, unit)
            return tasks, step.of({"task": float(tasks), "images": float(new)}, unit), one
        parts = self._parts(step, drivers)
        tasks = min(parts, most)
        # every part reads all nodes, however many parts a task does; the last part is taken for a whole one
        part = step.of(self._of_one(step, images), unit)
        return tasks, part * parts, part * -(-parts // tasks)

    def _waiting(self) -> float:
        """Seconds of the fetch were its cores infinitely fast: by connections, and by the rate that hosts allow."""
        fetch, cluster = self._settings.fetch, self._cluster
        connections = min(fetch.threads, fetch.connections_per_host * cluster.hosts) * cluster.workers
        latency = cluster.latency or self._costs.fetching.latency
        seconds = self._load.new_images * latency / connections
        if fetch.rate_per_host:
            seconds = max(seconds, self._load.new_images / (fetch.rate_per_host * cluster.hosts * cluster.workers))
        return seconds

    def _stored(self, images: int) -> dict[str, float]:
        """Artifact to bytes of so many images; what every shard keeps of the rows is of its own."""
        whole = self._drivers(images)
        return {name: whole[one.driver] * one.bytes for name, one in sorted(self._costs.stored.items())}

    def _notes(self) -> list[str]:
        notes = []
        if self._shards > 1:
            notes.append(
                f"The dump does not fit a worker: cut it by category into {self._shards} shards of at most "
                f"{self._largest:,} images, each a dump of its own; duplicates across shards are not found."
            )
        if self._load.images > self._load.rows:
            notes.append(
                "One photo of each listing is fetched, in one size: a dump has no more images than rows. More are "
                "those of several dumps, or of several photos that are rows of their own."
            )
        here = self._settings.model_dump(mode="json")
        for name, value in self._costs.origin.settings.items():
            section, _, leaf = name.partition(".")
            now = here.get(section, {}).get(leaf)
            if now != value:
                notes.append(f"The unit costs are of {name}={value}, not {now}: measure them anew.")
        return notes
