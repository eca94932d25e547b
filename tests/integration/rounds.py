"""The rounds of the chaos harness: run, disturb, clear as a person would, and see what holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from apart import empty, mount_store
from deck import Deck, Plan
from disturbances import Disturbance, Kill, Scene, end_strays
from invariants import Mlflow, Names, differences, exports_of, unfinished

from conftest import QUICK
from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop
from dedup_pipeline.stack import Layout, Stack, TaskInstance
from dedup_pipeline.stack.failure import error_in
from dedup_pipeline.stack.services import variable

__all__ = ["Harness", "Plan"]

DUMP = "2018-10-05"
DAG = "catalog_dedup"
RETRIES = 3
ROOT = Path(__file__).parents[2]

# a lost worker and a lost scheduler are noticed after half a minute, not five: nobody wants to wait
_AIRFLOW = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    # on a machine that others use too, threads that wait for each other cost more than they bring
    "OMP_NUM_THREADS": "1",
    # a MLflow that is away is asked by the tasks for minutes, as ever: below, the harness itself asks once
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "7",
}
_LOOK_SECONDS = 0.3
_ROUND_SECONDS = 1200.0
_CLOSED_SECONDS = 60.0
_MOST_CLEARS = 4


@dataclass
class Outcome:
    """What came of a round.

    Attributes:
        name: of the round.
        kills: by task.
        others: what else happened.
        retries: tries of tasks beyond the first.
        cleared: how often failed tasks had to be cleared.
        seconds: from the trigger to the success.
        equal: whether the exports are those of the undisturbed run.
        broken: what did not hold, a sentence each.
    """

    name: str
    kills: Counter[str] = field(default_factory=Counter)
    others: list[str] = field(default_factory=list)
    retries: int = 0
    cleared: int = 0
    seconds: float = 0.0
    equal: bool = False
    broken: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Its row of the table."""
        kills = ", ".join(f"{task} ({times})" if times > 1 else task for task, times in sorted(self.kills.items()))
        others, equal = "; ".join(self.others), "equal" if self.equal else "not equal"
        return f"| {self.name} | {kills} | {others} | {self.retries} | {self.cleared} | {self.seconds:.0f} | {equal} |"


class Harness:
    """All rounds, on one stack and one small file system.

    Args:
        folder: for the stack, the sample shop and the mounted store.
        plan: what shall happen.
        products: of the sample shop.
        megabytes: size of the store's file system.
    """

    def __init__(self, folder: Path, plan: Plan, *, products: int, megabytes: int) -> None:
        self._folder = folder
        self._plan = plan
        self._products = products
        self._store = folder / "store"
        self._names = folder / "names.toml"
        self._expected: dict[str, bytes] = {}
        self._outcomes: list[Outcome] = []
        self._began = time.monotonic()
        mount_store(self._store, megabytes)

    def run(self) -> list[str]:
        """Run until all rounds are over or something breaks; what broke, a sentence each."""
        shop = self._folder / "shop"
        write_sample_shop(shop, products=self._products)
        with ImageServer(shop) as images:
            environment = self._environment(images.base_url)
            self._rename("start")
            stack = Stack(self._folder / "stack", dags=ROOT / "dags", environment=environment, log=self.say)
            catalog = Layout.at(self._folder / "stack").catalogs / f"{DUMP}.csv"
            write_catalog(shop, images.base_url, catalog)
            os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
            self.say("starting Airflow and MLflow")
            held = False
            try:
                with stack:
                    self._play_all(stack, environment, catalog)
                held = not self._broken()
            finally:
                if not held:  # the mounted one goes with this program
                    shutil.copytree(self._store, self._folder / "kept-store", dirs_exist_ok=True)
        return self._broken()

    def say(self, text: str) -> None:
        """Tell a person."""
        sys.stdout.write(f"{time.monotonic() - self._began:7.1f} s  {text}\n")
        sys.stdout.flush()

    def table(self) -> str:
        """The rounds, as Markdown."""
        head = "| round | killed | what else | retries | cleared | seconds | exports |\n|---|---|---|---|---|---|---|"
        return "\n".join([head, *(outcome.row() for outcome in self._outcomes)])

    def _broken(self) -> list[str]:
        return [f"{outcome.name}: {sentence}" for outcome in self._outcomes for sentence in outcome.broken]

    def _environment(self, images: str) -> dict[str, str]:
        """The settings of Airflow and its tasks; a round's names are in a file, which a task reads at its start."""
        settings = QUICK | {
            "store": str(self._store),
            "fetch.allow_hosts": images.removeprefix("http://"),
            "match.part_nodes": "60",
            "train.max_photos": "60",
            "train.frozen_stages": "7",
            "workflow.retries": str(RETRIES),
            "workflow.retry_seconds": "1",
        }
        named = {variable(name): value for name, value in settings.items()}
        return named | {"DEDUP_CONFIG": str(self._names), **_AIRFLOW}

    def _rename(self, name: str) -> Names:
        """Let the next run call its things in MLflow otherwise, so that it meets no champion of an earlier one."""
        names = Names.of(name)
        self._names.write_text(names.settings())
        return names

    def _reference(self, stack: Stack, environment: dict[str, str], catalog: Path) -> dict[str, float]:
        """The run that nobody disturbs, and at the same time one in one process; what each task took, in seconds."""
        store, log = self._folder / "one-process", self._folder / "one-process.log"
        alone = self._in_one_process(store, log, catalog, environment | {variable("tracking.uri"): stack.mlflow_url})
        scene, outcome = self._play(stack, "undisturbed", {}, [])
        self._expected = exports_of(self._store, DUMP)
        outcome.equal = bool(self._expected)
        if alone.wait():
            outcome.broken.append(f"`dedup run` ended with status {alone.returncode}: see {log}")
            return {}
        different = differences(self._expected, exports_of(store, DUMP))
        self.say(f"`dedup run` gave {'other' if different else 'the same'} bytes")
        if different:
            outcome.broken.append(f"`dedup run` gives other bytes of {', '.join(different)}")
        return _usual_seconds(scene.tasks)

    def _in_one_process(
        self, store: Path, log: Path, catalog: Path, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start the same work without Airflow, on a store of its own and under names of its own in MLflow."""
        names = self._folder / "one-process.toml"
        names.write_text(Names.of("one-process").settings())
        words = ["run", "--catalog", str(catalog), "--dump", DUMP, "--model", "train", "--store", str(store)]
        command = [sys.executable, "-m", "dedup_pipeline", *words]
        with log.open("wb") as file:
            return subprocess.Popen(
                command, env=os.environ | environment | {"DEDUP_CONFIG": str(names)}, stdout=file, stderr=file
            )

    def _play_all(self, stack: Stack, environment: dict[str, str], catalog: Path) -> None:
        """The undisturbed run, then the rounds until something breaks."""
        stack.airflow.set_paused(DAG, False)
        seconds = self._reference(stack, environment, catalog)
        deck = Deck(self._plan, sorted(seconds), RETRIES)
        for number in range(1, self._plan.rounds + 1):
            if self._broken():
                return
            self._disturbed(stack, seconds, deck, number)

    def _disturbed(self, stack: Stack, seconds: dict[str, float], deck: Deck, number: int) -> None:
        """A round with its disturbances."""
        dealt = deck.deal(number)
        _, outcome = self._play(stack, f"round-{number}", seconds, dealt)
        late = deck.take_back(dealt)
        if late:
            self.say(f"came too late: {', '.join(late)}")
        different = differences(self._expected, exports_of(self._store, DUMP))
        outcome.equal = not different
        if different:
            outcome.broken.append(f"the exports differ in {', '.join(different)}")

    def _play(
        self, stack: Stack, name: str, seconds: dict[str, float], dealt: Sequence[Disturbance]
    ) -> tuple[Scene, Outcome]:
        """Trigger a run on an empty store, disturb it, wait for its success, and see what holds."""
        outcome = Outcome(name)
        self._outcomes.append(outcome)
        empty(self._store)
        mlflow = Mlflow(stack.mlflow_url, self._rename(name))
        began = time.monotonic()
        run = stack.airflow.trigger(DAG, {"dump": DUMP, "model": "train"})
        self.say(f"{name}: {run.run_id}")
        scene = Scene(stack, self._store, mlflow, self.say, seconds, run, broken=outcome.broken)
        self._follow(scene, dealt, outcome)
        outcome.seconds = time.monotonic() - began
        outcome.kills = Counter({kill.name: kill.struck for kill in dealt if isinstance(kill, Kill) and kill.hit})
        outcome.others = [some.name for some in dealt if some.hit and not isinstance(some, Kill)]
        outcome.retries = sum(max(0, task.try_number - 1) for task in scene.tasks)
        left = f"{end_strays(stack)} stray processes and {unfinished(self._store)} unfinished files are left"
        if scene.run.state == "success":
            _judge(scene)
            models = ", ".join(f"{count} {state}" for state, count in scene.mlflow.logged_models().items())
            left += f", logged models: {models}"
        self.say(f"{name}: {scene.run.state} after {outcome.seconds:.0f} s; {left}")
        return scene, outcome

    def _follow(self, scene: Scene, dealt: Sequence[Disturbance], outcome: Outcome) -> None:
        """Watch a run until it has succeeded, clearing what failed for good."""
        until = time.monotonic() + _ROUND_SECONDS
        while True:
            scene.look()
            if scene.run.ended:
                for disturbance in dealt:
                    disturbance.put_back(scene)
                if scene.run.state == "success":
                    return
                if outcome.cleared >= _MOST_CLEARS:
                    outcome.broken.append(f"the run still fails after {outcome.cleared} clears")
                    return
                self._clear(scene, outcome)
            for disturbance in dealt:
                if not disturbance.done:
                    disturbance.look(scene)
            if time.monotonic() > until:
                outcome.broken.append(f"the run is {scene.run.state} after {_ROUND_SECONDS:.0f} s")
                return
            time.sleep(_LOOK_SECONDS)

    def _clear(self, scene: Scene, outcome: Outcome) -> None:
        """Do what a person does when a run has failed: see why, and clear the failed tasks."""
        failed = [task for task in scene.tasks if task.state == "failed"]
        for task in failed:
            reason = error_in(scene.airflow.log(scene.run, task))
            self.say(f"{task.task_id} has failed for good at try {task.try_number}: {reason}")
            if not outcome.cleared and task.try_number <= RETRIES:
                outcome.broken.append(f"{task.task_id} failed for good with tries left: {reason}")
        _expect_closed_runs(scene)
        scene.airflow.clear(scene.run, sorted({task.task_id for task in failed}))
        outcome.cleared += 1
        scene.look()


def _expect_closed_runs(scene: Scene) -> None:
    """When all tries are gone, no MLflow run may stay open."""
    until = time.monotonic() + _CLOSED_SECONDS
    while left := scene.mlflow.open_runs():
        if time.monotonic() > until:
            scene.broken.append(f"MLflow run '{left[0]}' stays open though its task has failed for good")
            return
        time.sleep(1.0)


def _judge(scene: Scene) -> None:
    """See whether MLflow, the links to it and the store are as after an undisturbed run."""
    scene.broken += scene.mlflow.broken()
    scene.expect_whole_files("the run")
    for task in scene.tasks:
        if task.task_id in ("train", "record"):
            link = scene.airflow.links(scene.run, task).get("MLflow run", "")
            if link.rpartition("/")[-1] not in scene.mlflow.run_ids():
                scene.broken.append(f"the link of {task.task_id} leads to '{link}'")


def _usual_seconds(tasks: Sequence[TaskInstance]) -> dict[str, float]:
    """What a try of each task took, the longest of mapped ones; skipped tasks are left out."""
    took: dict[str, float] = {}
    for task in tasks:
        if isinstance(task.start, datetime) and isinstance(task.end, datetime) and task.state == "success":
            took[task.task_id] = max(took.get(task.task_id, 0.0), (task.end - task.start).total_seconds())
    return took
