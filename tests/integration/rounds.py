"""The rounds in Airflow: run, disturb, clear as a person would, and see what holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from apart import mount_store
from deck import Deck, Plan
from disturbances import Disturbance, Kill
from invariants import Mlflow, Names, differences, exports_of
from objects import ObjectStorage
from outages import end_strays
from outcomes import Outcome
from places import FOLDER, Place
from scene import Scene

from conftest import QUICK
from dedup_pipeline.config import CONFIG_VARIABLE
from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop
from dedup_pipeline.stack import Layout, Stack, TaskInstance
from dedup_pipeline.stack.failure import error_in
from dedup_pipeline.stack.services import variable

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
_ROUND_SECONDS = 1800.0
_CLOSED_SECONDS = 60.0
_MOST_CLEARS = 4


class Harness:
    """All rounds, on one stack; their stores lie in a small file system or in object storage.

    Args:
        folder: for the stack, the sample shop and the mounted store.
        plan: what shall happen.
        outcomes: where what came of each round is added.
        say: tells a person.
        products: of the sample shop.
        megabytes: size of the file system.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        outcomes: list[Outcome],
        say: Callable[[str], None],
        *,
        products: int,
        megabytes: int,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._plan = plan
        self._outcomes, self._earlier = outcomes, len(outcomes)
        self._say = say
        self._products = products
        self._mounted = Place(str(folder / "store"))
        self._names = folder / "names.toml"
        self._expected: dict[str, bytes] = {}
        mount_store(Path(self._mounted.url), megabytes)

    def run(self) -> None:
        """Run until all rounds are over or something breaks."""
        shop = self._folder / "shop"
        write_sample_shop(shop, products=self._products)
        with ImageServer(shop) as images, ObjectStorage(self._folder / "s3.log") as self._storage:
            environment = self._environment(images.base_url)
            # for the stack too: where the store lies is in the file, so it does not settle that itself
            os.environ[CONFIG_VARIABLE] = str(self._names)
            self._rename("start", self._mounted)
            dags = ROOT / "dags"
            stack = Stack(self._folder / "stack", dags=dags, environment=environment, personal=True, log=self._say)
            catalog = Layout.at(self._folder / "stack").catalogs / f"{DUMP}.csv"
            write_catalog(shop, images.base_url, catalog)
            os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
            self._say("starting Airflow and MLflow")
            held = False
            try:
                with stack:
                    self._play_all(stack, environment, catalog)
                held = not self._broken()
            finally:
                if not held:  # the mounted one goes with this program, the storage's with its server
                    self._keep()

    def _keep(self) -> None:
        """Keep what lies in the stores, for a person to look into."""
        shutil.copytree(self._mounted.url, self._folder / "kept-store", dirs_exist_ok=True)
        kept, stored = Place(str(self._folder / "kept-objects")), self._storage.place("")
        for name in stored.names():
            kept.write(name, stored.read(name))

    def _broken(self) -> bool:
        return any(outcome.broken for outcome in self._outcomes[self._earlier :])

    def _environment(self, images: str) -> dict[str, str]:
        """The settings of Airflow and its tasks; a round's own are in a file, which a task reads at its start."""
        settings = QUICK | {
            "threads": "1",
            "fetch.allow_hosts": images.removeprefix("http://"),
            "match.part_nodes": "60",
            "train.max_photos": "60",
            "train.frozen_stages": "7",
            "workflow.retries": str(RETRIES),
            "workflow.retry_seconds": "1",
        }
        named = {variable(name): value for name, value in settings.items()}
        return named | {CONFIG_VARIABLE: str(self._names), **_AIRFLOW, **self._storage.environment}

    def _rename(self, name: str, store: Place) -> Names:
        """Let the next run work in a store, and call its things in MLflow otherwise than any run before."""
        names = Names.of(name)
        self._names.write_text(f'store = "{store.url}"\n{names.settings()}')
        return names

    def _place(self, number: int) -> Place:
        """The empty store of a round."""
        if self._plan.store_of(number) != FOLDER:
            return self._storage.place(f"round-{number}")
        self._mounted.empty()
        return self._mounted

    def _reference(self, stack: Stack, environment: dict[str, str], catalog: Path) -> dict[str, float]:
        """The run that nobody disturbs, and at the same time one in one process; what each task took, in seconds."""
        store, log = Place(str(self._folder / "one-process")), self._folder / "one-process.log"
        alone = self._in_one_process(store, log, catalog, environment | {variable("tracking.uri"): stack.mlflow_url})
        scene, outcome = self._play(stack, "undisturbed", self._mounted, {}, [])
        self._expected = exports_of(self._mounted, DUMP)
        outcome.equal = bool(self._expected)
        if alone.wait():
            outcome.broken.append(f"`dedup run` ended with status {alone.returncode}: see {log}")
            return {}
        different = differences(self._expected, exports_of(store, DUMP))
        self._say(f"`dedup run` gave {'other' if different else 'the same'} bytes")
        if different:
            outcome.broken.append(f"`dedup run` gives other bytes of {', '.join(different)}")
        return _usual_seconds(scene.tasks)

    def _in_one_process(
        self, store: Place, log: Path, catalog: Path, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start the same work without Airflow, on a store of its own and under names of its own in MLflow."""
        names = self._folder / "one-process.toml"
        names.write_text(Names.of("one-process").settings())
        words = ["run", "--catalog", str(catalog), "--dump", DUMP, "--model", "train", "--store", store.url]
        command = [sys.executable, "-m", "dedup_pipeline", *words]
        with log.open("wb") as file:
            return subprocess.Popen(
                command, env=os.environ | environment | {CONFIG_VARIABLE: str(names)}, stdout=file, stderr=file
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
        dealt, store = deck.deal(number), self._place(number)
        _, outcome = self._play(stack, f"round-{number}", store, seconds, dealt)
        late = deck.take_back(dealt)
        if late:
            self._say(f"came too late: {', '.join(late)}")
        different = differences(self._expected, exports_of(store, DUMP))
        outcome.equal = not different
        if different:
            outcome.broken.append(f"the exports differ in {', '.join(different)}")

    def _play(
        self, stack: Stack, name: str, store: Place, seconds: Mapping[str, float], dealt: Sequence[Disturbance]
    ) -> tuple[Scene, Outcome]:
        """Trigger a run on an empty store, disturb it, wait for its success, and see what holds."""
        outcome = Outcome(name)
        self._outcomes.append(outcome)
        mlflow = Mlflow(stack.mlflow_url, self._rename(name, store))
        began = time.monotonic()
        run = stack.airflow.trigger(DAG, {"dump": DUMP, "model": "train"})
        self._say(f"{name}: {run.run_id}, in {store.url}")
        scene = Scene(stack, store, self._storage.gate, mlflow, self._say, seconds, run, broken=outcome.broken)
        self._follow(scene, dealt, outcome)
        outcome.seconds = time.monotonic() - began
        outcome.struck = Counter({kill.name: kill.struck for kill in dealt if isinstance(kill, Kill) and kill.hit})
        outcome.others = [some.name for some in dealt if some.hit and not isinstance(some, Kill)]
        outcome.retries = sum(max(0, task.try_number - 1) for task in scene.tasks)
        left = f"{end_strays(stack)} stray processes and {store.unfinished()} unfinished files are left"
        if scene.run.state == "success":
            _judge(scene)
            models = ", ".join(f"{count} {state}" for state, count in scene.mlflow.logged_models().items())
            left += f", logged models: {models}"
        self._say(f"{name}: {scene.run.state} after {outcome.seconds:.0f} s; {left}")
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
            self._say(f"{task.task_id} has failed for good at try {task.try_number}: {reason}")
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
