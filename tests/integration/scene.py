"""A run as it is seen from outside, and moments in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from invariants import Mlflow, half_written
from mlflow.exceptions import MlflowException
from objects import Gate
from places import Place

from dedup_pipeline.stack import AirflowClient, Run, Stack, TaskInstance


@dataclass
class Scene:
    """A run as the disturbances see it.

    Attributes:
        stack: Airflow and MLflow.
        store: where the store lies; a folder is a file system of its own.
        gate: before the object storage.
        mlflow: the round's part of MLflow.
        say: tells a person.
        seconds: what each task took in the undisturbed run.
        run: as it stood at the last look.
        tasks: the same.
        broken: what did not hold, a sentence each.
    """

    stack: Stack
    store: Place
    gate: Gate
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
    return any(name.endswith("/last.ckpt") for name in scene.store.names("trainings"))


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
        running = {key_of(task): task for task in scene.tasks if self._fits(task)}
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


def key_of(task: TaskInstance) -> tuple[str, int, int]:
    return task.task_id, task.map_index, task.try_number


def named(task: TaskInstance) -> str:
    return task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"
