"""What can happen to a task: it is killed, or told to end."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod

import psutil
from scene import Aim, Scene, key_of, named

ALONE, WITH_WORKER, WORKER = "the task alone", "the task and its worker", "the worker, not the task"
TERMINATED, INTERRUPTED, TIMED_OUT = "a termination", "an interrupt", "the end of its time limit"
# what a task is told by a signal; Airflow raises AirflowTaskTimeout in it from the handler of its alarm
_TOLD = {TERMINATED: signal.SIGTERM, INTERRUPTED: signal.SIGINT, TIMED_OUT: signal.SIGALRM}


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
    """SIGKILL to a task, its worker (Airflow's supervisor of the task), or both; or a signal that the task handles.

    Args:
        aim: when.
        way: who is killed, or what the task is told.
        times: how many tries of the task, one after the other.
        card: what it was dealt for.

    Attributes:
        struck: how often it has killed, or told.
    """

    def __init__(self, aim: Aim, way: str, times: int = 1, *, card: str) -> None:
        super().__init__(aim)
        self.way = way
        self.card = card
        self.name = f"{card} by {way}" if way in _TOLD else card
        self.struck = 0
        self._times = times
        self._last: tuple[str, int, int] | None = None

    def look(self, scene: Scene) -> None:
        """Kill when it is time, and look whether every file is whole."""
        task = self.aim.due(scene)
        if task is None or task.pid is None or key_of(task) == self._last:
            return
        try:
            victim = psutil.Process(task.pid)
            worker = victim.parent()
            if self.way in (WITH_WORKER, WORKER) and worker is not None:
                worker.kill()
            if self.way != WORKER:
                victim.send_signal(_TOLD.get(self.way, signal.SIGKILL))
        except psutil.NoSuchProcess:
            return  # it was faster
        self._last = key_of(task)
        name = named(task)
        scene.say(f"struck {name}, try {task.try_number}: {self.way}")
        scene.expect_whole_files(f"{name} was struck ({self.way})")
        self.struck += 1
        self.hit, self.done = True, self.struck >= self._times
