"""What can happen around the tasks: a lost scheduler, a service away, a full disk."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from pathlib import Path

import psutil
from disturbances import Disturbance
from scene import Aim, Scene, key_of, named

from dedup_pipeline.stack import Stack, TaskInstance
from dedup_pipeline.stack.failure import error_in
from dedup_pipeline.stack.processes import marked_processes

_FULL = ("No space left", "no room")
_UNNOTICED_SECONDS = 90.0


class RestartScheduler(Disturbance):
    """SIGKILL to the scheduler, alone or with the workers of LocalExecutor, and a new one."""

    def __init__(self, aim: Aim, *, with_workers: bool) -> None:
        super().__init__(aim)
        self._with_workers = with_workers
        self.name = "scheduler killed" + (" with its workers" if with_workers else "")

    def look(self, scene: Scene) -> None:
        """Kill it when it is time, and start it again at once."""
        task = self.aim.due(scene)
        if task is None:
            return
        supervisor = scene.stack.supervisor
        if self._with_workers:
            _kill_service(scene.stack, "scheduler")
        else:
            psutil.Process(supervisor.state()["services"]["scheduler"]["pid"]).kill()
        scene.say(f"{self.name} while {named(task)} ran")
        scene.expect_whole_files("the kill of the scheduler")
        began = time.monotonic()
        scene.stack.start("scheduler")
        scene.say(f"the scheduler is back after {time.monotonic() - began:.0f} s")
        self.hit = self.done = True


class TakeAway(Disturbance):
    """A service goes away and comes back after a time.

    Args:
        aim: when.
        service: what it is called.
        seconds: how long it is away.
    """

    def __init__(self, aim: Aim, service: str, seconds: float) -> None:
        super().__init__(aim)
        self.name = f"{service} away for {seconds:.0f} s"
        self._service = service
        self._seconds = seconds
        self._back: float | None = None

    @abstractmethod
    def take(self, scene: Scene) -> None:
        """Take it away."""

    @abstractmethod
    def give(self, scene: Scene) -> None:
        """Bring it back."""

    def look(self, scene: Scene) -> None:
        """Take it away when it is time; bring it back when that is over."""
        if self._back is not None:
            if time.monotonic() >= self._back:
                self.put_back(scene)
        elif (task := self.aim.due(scene)) is not None:
            self.take(scene)
            scene.say(f"{self.name}, while {named(task)} runs")
            scene.expect_whole_files(f"{self._service} was taken away")
            self._back = time.monotonic() + self._seconds
            self.hit = True

    def put_back(self, scene: Scene) -> None:
        """Bring it back, whatever the time."""
        if self._back is not None and not self.done:
            self.give(scene)
            scene.say(f"{self._service} is back")
            self.done = True


class TakeMlflowAway(TakeAway):
    """SIGKILL to the MLflow server, and a new one after a time."""

    def __init__(self, aim: Aim, seconds: float) -> None:
        super().__init__(aim, "MLflow", seconds)

    def take(self, scene: Scene) -> None:
        """Kill it."""
        _kill_service(scene.stack, "mlflow")

    def give(self, scene: Scene) -> None:
        """Start it."""
        scene.stack.start("mlflow")


class TakeStorageAway(TakeAway):
    """Every connection to the object storage is cut, whatever it carries, and none is let in for a time."""

    def __init__(self, aim: Aim, seconds: float) -> None:
        super().__init__(aim, "object storage", seconds)

    def take(self, scene: Scene) -> None:
        """Shut the gate."""
        scene.gate.shut()

    def give(self, scene: Scene) -> None:
        """Open it."""
        scene.gate.open()


class FillDisk(Disturbance):
    """A file that takes the store's last byte, until a task has failed of it."""

    def __init__(self, aim: Aim) -> None:
        super().__init__(aim)
        self.name = "disk full"
        self._since: float | None = None
        self._seen: set[tuple[str, int, int]] = set()

    def look(self, scene: Scene) -> None:
        """Fill when it is time, keep it full, and make room when a task has failed."""
        if self._since is None:
            task = self.aim.due(scene)
            if task is None:
                return
            self._since = time.monotonic()
            self._seen = {key_of(some) for some in scene.tasks if _has_failed(some)}
            taken = _fill(_ballast(scene))
            scene.say(f"took the store's last {taken / 2**20:.1f} MB while {named(task)} ran")
            return
        _fill(_ballast(scene))
        for task in scene.tasks:
            if _has_failed(task) and key_of(task) not in self._seen:
                self._seen.add(key_of(task))
                reason = error_in(scene.airflow.log(scene.run, task))
                if any(words in reason for words in _FULL):
                    scene.say(f"{named(task)} failed: {reason}")
                    scene.expect_whole_files("the full disk")
                    self.hit = True
        if self.hit or time.monotonic() - self._since > _UNNOTICED_SECONDS:
            self.put_back(scene)

    def put_back(self, scene: Scene) -> None:
        """Make room."""
        if self._since is not None and not self.done:
            _ballast(scene).unlink(missing_ok=True)
            scene.say("made room in the store" + ("" if self.hit else ": nothing had failed"))
            self.done = True


def _ballast(scene: Scene) -> Path:
    return Path(scene.store.url) / ".tmp-ballast"


def _fill(file: Path) -> int:
    """Write until nothing fits any more; how many bytes that were."""
    before = file.stat().st_size if file.exists() else 0
    with file.open("ab", buffering=0) as stream:
        for size in (2**20, 2**12, 1):
            try:
                while stream.write(bytes(size)) == size:
                    pass
            except OSError:  # there is no room for another one of this size
                continue
        return os.fstat(stream.fileno()).st_size - before


def _has_failed(task: TaskInstance) -> bool:
    return task.state in ("up_for_retry", "failed")


def end_strays(stack: Stack) -> int:
    """End the processes of former schedulers and workers, which may wait for ever for work; how many there were."""
    main = psutil.Process(stack.supervisor.state()["services"]["scheduler"]["pid"])
    family = {main.pid, *(child.pid for child in main.children(recursive=True))}
    strays = [found for found in marked_processes(stack.layout.folder, {"scheduler"}) if found.pid not in family]
    for stray in strays:
        stray.kill()
    return len(strays)


def _kill_service(stack: Stack, name: str) -> None:
    """Take a service away as a dead machine would: SIGKILL to all its processes at once."""
    found = marked_processes(stack.layout.folder, {name})
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=10)
    stack.supervisor.stop([name])
