"""What can happen to a run: a killed task, a killed scheduler, MLflow away, a full disk."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from invariants import Mlflow, half_written
from mlflow.exceptions import MlflowException

from dedup_pipeline.stack import AirflowClient, Run, Stack, TaskInstance
from dedup_pipeline.stack.failure import error_in
from dedup_pipeline.stack.processes import marked_processes

ALONE, WITH_WORKER, WORKER = "the task alone", "the task and its worker", "the worker, not the task"
_FULL = ("No space left", "no room")
_UNNOTICED_SECONDS = 90.0


@dataclass
class Scene:
    """A run as the disturbances see it.

    Attributes:
        stack: Airflow and MLflow.
        store: the store's folder, a file system of its own.
        mlflow: the round's part of MLflow.
        say: tells a person.
        seconds: what each task took in the undisturbed run.
        run: as it stood at the last look.
        tasks: the same.
        broken: what did not hold, a sentence each.
    """

    stack: Stack
    store: Path
    mlflow: Mlflow
    say: Callable[[str], None]
    seconds: Mapping[str, float]
    run: Run
    tasks: list[TaskInstance] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def airflow(self) -> AirflowClient:
        """Airflow's REST API."""
        return self.stack.airflow

    def look(self) -> None:
        """See how the run stands."""
        self.run = self.airflow.run(self.run.dag_id, self.run.run_id)
        self.tasks = self.airflow.task_instances(self.run)

    def expect_whole_files(self, after: str) -> None:
        """Note every file that bears its final name and cannot be read."""
        self.broken += [f"half-written after {after}: {sentence}" for sentence in half_written(self.store)]


@dataclass(frozen=True)
class Moment:
    """A moment in a task.

    Attributes:
        come: whether it has.
        seconds: how long it lasts.
    """

    come: Callable[[Scene], bool]
    seconds: float


def in_an_epoch(scene: Scene) -> bool:
    """Whether a training has finished an epoch, so that another is under way."""
    return any(scene.store.glob("trainings/*/last.ckpt"))


def registered(scene: Scene) -> bool:
    """Whether a training has registered its model, and has still to compare it with the champion."""
    try:
        return scene.mlflow.versions() > 0
    except MlflowException:
        return False


def promoted(scene: Scene) -> bool:
    """Whether a training has made its model champion, and has still to end its run and write its manifest."""
    try:
        return scene.mlflow.champion() is not None
    except MlflowException:
        return False


MOMENTS = {
    "train in an epoch": Moment(in_an_epoch, 2.0),
    "train once registered": Moment(registered, 1.0),
    "train once promoted": Moment(promoted, 0.0),
}


class Aim:
    """Waits for a random moment in a task.

    Args:
        task_id: the task; of a mapped one the first instance that is seen running.
        share: of the task's usual time that shall pass, or of the moment's.
        moment: what must hold; None takes the task's start.
        or_later: take any task that runs when the task is over already.
    """

    def __init__(self, task_id: str, share: float, moment: Moment | None = None, *, or_later: bool = False) -> None:
        self.task_id = task_id
        self._share = share
        self._moment = moment
        self._or_later = or_later
        self._late = False
        self._try: tuple[str, int, int] | None = None
        self._due: float | None = None

    def due(self, scene: Scene) -> TaskInstance | None:
        """The running task when its moment has come."""
        states = {task.state for task in scene.tasks if task.task_id == self.task_id}
        self._late = self._or_later and bool(states) and states <= {"success", "skipped"}
        running = {_key(task): task for task in scene.tasks if self._fits(task)}
        if self._try not in running:
            self._try, self._due = next(iter(sorted(running)), None), None
        if self._try is None:
            return None
        if self._due is None:
            if self._moment is not None and not self._moment.come(scene):
                return None
            usual = self._moment.seconds if self._moment else scene.seconds[self._try[0]]
            self._due = time.monotonic() + self._share * usual
        return running[self._try] if time.monotonic() >= self._due else None

    def _fits(self, task: TaskInstance) -> bool:
        wanted = self._late or task.task_id == self.task_id
        return wanted and task.state == "running" and task.pid is not None


class Disturbance(ABC):
    """Something that happens once in a run.

    Args:
        aim: when.

    Attributes:
        name: for the table.
        done: whether nothing is left to do.
        hit: whether it has happened.
    """

    name: str

    def __init__(self, aim: Aim) -> None:
        self.aim = aim
        self.done = self.hit = False

    @abstractmethod
    def look(self, scene: Scene) -> None:
        """Do it when its moment has come; called often."""

    def put_back(self, scene: Scene) -> None:  # noqa: B027  # most take nothing away
        """Give back what was taken away; called when the run has ended."""


class Kill(Disturbance):
    """SIGKILL to a task, its worker (Airflow's supervisor of the task), or both.

    Args:
        aim: when.
        way: who is killed.
        times: how many tries of the task, one after the other.
        card: what it was dealt for.

    Attributes:
        struck: how often it has killed.
    """

    def __init__(self, aim: Aim, way: str, times: int = 1, *, card: str) -> None:
        super().__init__(aim)
        self.way = way
        self.card = self.name = card
        self.struck = 0
        self._times = times
        self._last: tuple[str, int, int] | None = None

    def look(self, scene: Scene) -> None:
        """Kill when it is time, and look whether every file is whole."""
        task = self.aim.due(scene)
        if task is None or task.pid is None or _key(task) == self._last:
            return
        try:
            victim = psutil.Process(task.pid)
            worker = victim.parent()
            if self.way != ALONE and worker is not None:
                worker.kill()
            if self.way != WORKER:
                victim.kill()
        except psutil.NoSuchProcess:
            return  # it was faster
        self._last = _key(task)
        name = _named(task)
        scene.say(f"killed {name}, try {task.try_number}: {self.way}")
        scene.expect_whole_files(f"the kill of {name}")
        self.struck += 1
        self.hit, self.done = True, self.struck >= self._times


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
        scene.say(f"{self.name} while {_named(task)} ran")
        scene.expect_whole_files("the kill of the scheduler")
        began = time.monotonic()
        scene.stack.start("scheduler")
        scene.say(f"the scheduler is back after {time.monotonic() - began:.0f} s")
        self.hit = self.done = True


class TakeMlflowAway(Disturbance):
    """SIGKILL to the MLflow server, and a new one after a time."""

    def __init__(self, aim: Aim, seconds: float) -> None:
        super().__init__(aim)
        self.name = f"MLflow away for {seconds:.0f} s"
        self._seconds = seconds
        self._back: float | None = None

    def look(self, scene: Scene) -> None:
        """Take it away when it is time; bring it back when that is over."""
        if self._back is not None:
            if time.monotonic() >= self._back:
                self._bring_back(scene)
        elif self.aim.due(scene) is not None:
            _kill_service(scene.stack, "mlflow")
            scene.say(f"{self.name}, while {self.aim.task_id} runs")
            self._back = time.monotonic() + self._seconds
            self.hit = True

    def put_back(self, scene: Scene) -> None:
        """Bring it back, whatever the time."""
        if self._back is not None and not self.done:
            self._bring_back(scene)

    def _bring_back(self, scene: Scene) -> None:
        scene.stack.start("mlflow")
        scene.say("MLflow is back")
        self.done = True


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
            self._seen = {_key(some) for some in scene.tasks if _has_failed(some)}
            taken = _fill(_ballast(scene))
            scene.say(f"took the store's last {taken / 2**20:.1f} MB while {_named(task)} ran")
            return
        _fill(_ballast(scene))
        for task in scene.tasks:
            if _has_failed(task) and _key(task) not in self._seen:
                self._seen.add(_key(task))
                reason = error_in(scene.airflow.log(scene.run, task))
                if any(words in reason for words in _FULL):
                    scene.say(f"{_named(task)} failed: {reason}")
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
    return scene.store / ".tmp-ballast"


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


def _key(task: TaskInstance) -> tuple[str, int, int]:
    return task.task_id, task.map_index, task.try_number


def _named(task: TaskInstance) -> str:
    return task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"


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
