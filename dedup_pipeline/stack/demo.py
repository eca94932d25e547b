"""The demo: everything from nothing, one run of the sample shop through Airflow, its score, and everything stopped."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import requests
from rich.console import Console

from dedup_pipeline.addresses import showable
from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import StackError
from dedup_pipeline.evaluate import read_predictions, score, to_dict
from dedup_pipeline.evaluate.terminal import show_score
from dedup_pipeline.sample import write_catalog
from dedup_pipeline.signals import interruptible, uninterrupted
from dedup_pipeline.stack.airflow_api import AirflowClient
from dedup_pipeline.stack.display import RunDisplay, summarise
from dedup_pipeline.stack.failure import reason_of
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.ports import LOOPBACK, choose_port
from dedup_pipeline.stack.records import Run
from dedup_pipeline.stack.services import images_service, variable
from dedup_pipeline.stack.stack import Stack
from dedup_pipeline.stack.supervisor import Supervisor
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of

DAG = "catalog_dedup"
DUMP = "sample"
IMAGES_PORT = 8907
_RENDER_SECONDS = 300.0
_RUN_SECONDS = 3600.0
_LOOK_SECONDS = 2.0  # each look costs the API server a tenth of a second that the training would use


class Demo:
    """One demo.

    Args:
        folder: the demo's own. What an earlier demo left running is stopped, and what it left there is removed.
        dags: the folder with the Dag files.
        console: to write to.
        products: of the sample shop.
        seed: of the sample shop.
    """

    def __init__(self, folder: Path, dags: Path, console: Console, *, products: int = 260, seed: int = 7) -> None:
        self._layout = Layout.at(folder)
        self._dags = dags
        self._console = console
        self._shop = {"products": products, "seed": seed}
        self._began = time.monotonic()

    def run(self) -> None:
        """Run it from start to end.

        Raises:
            StackError: the stack did not start, or the run failed; says which task, and why.
            SettingsError: the settings in the environment do not fit.
        """
        with self._layout.locked(), interruptible():
            load_settings()  # bad ones are told before anything is removed
            supervisor = Supervisor(self._layout)
            left = supervisor.stop()
            if left:
                self._say(f"stopped {left} processes that an interrupted demo left running")
            self._clear()
            port = choose_port(IMAGES_PORT)
            if port != IMAGES_PORT:
                self._say(f"port {IMAGES_PORT} is taken; the sample shop takes {port}")
            host = f"{LOOPBACK}:{port}"
            hosts = ",".join([*load_settings().fetch.allow_hosts, host])
            stack = Stack(
                self._layout.folder, dags=self._dags, environment={variable("fetch.allow_hosts"): hosts}, log=self._say
            )
            try:
                self._start(stack, port)
                self._show(stack.airflow, self._follow(stack))
            finally:
                with uninterrupted():
                    self._say("stopping what was started")
                    stack.stop()
        self._say("done")

    def _say(self, text: str) -> None:
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}", soft_wrap=True, markup=False)

    def _clear(self) -> None:
        """Remove what an earlier demo left, so that this one is real and meets no half-done run."""
        here = self._layout
        for place in (here.airflow, here.mlflow, here.store, here.catalogs, here.sample):
            shutil.rmtree(place, ignore_errors=True)
        Layout.at(here.folder)

    def _start(self, stack: Stack, port: int) -> None:
        self._say("rendering the sample shop; starting Airflow and MLflow")
        stack.supervisor.start(images_service(self._layout, port, **self._shop))
        stack.start()
        self._say(f"Airflow is at {stack.airflow_url}, login admin, password {stack.password}")
        self._say(f"MLflow is at {showable(stack.mlflow_url)}")
        url = f"http://{LOOPBACK}:{port}"
        stack.supervisor.wait("the sample shop", lambda: _answers(url), _RENDER_SECONDS)
        write_catalog(self._layout.sample, url, self._layout.catalogs / f"{DUMP}.csv")
        self._say(f"the sample shop's pictures are at {url}")

    def _follow(self, stack: Stack) -> Run:
        """Trigger the run, and show it until it ends."""
        airflow = stack.airflow
        airflow.set_paused(DAG, False)
        run = airflow.trigger(DAG, {"dump": DUMP})
        self._say(f"triggered {DAG}: {stack.airflow_url}/dags/{DAG}/runs/{run.run_id}")
        order = airflow.task_order(DAG)
        until = time.monotonic() + _RUN_SECONDS
        with RunDisplay(self._console, self._began) as display:
            while True:
                run = airflow.run(DAG, run.run_id)
                lines = summarise(order, airflow.task_instances(run))
                if run.ended:
                    display.finish(lines)
                    break
                display.show(lines)
                stack.supervisor.check()
                if time.monotonic() >= until:
                    raise StackError(f"the run did not end within {_RUN_SECONDS / 60:.0f} minutes")
                time.sleep(_LOOK_SECONDS)
        if run.state != "success":
            raise StackError(reason_of(airflow, run))
        return run

    def _show(self, airflow: AirflowClient, run: Run) -> None:
        """The summary: groups, files, score, MLflow runs."""
        store = Store(str(self._layout.store))
        groups, exported = (result_of(store, DUMP, stage) for stage in ("group", "export"))
        duplicates = Path(store.url(exported.outputs["duplicates"]))
        read = read_predictions(duplicates)
        result = score(self._layout.sample, read.pairs, scored=read.scored, crowds=read.crowds)
        show_score(to_dict(result), by_edit=False)
        counts = groups.counts
        self._line("found", f"{counts['groups']} groups of duplicates, with {counts['listings']} listings")
        self._line("JSON", str(duplicates))
        beside = sorted(Path(path).name for path in exported.outputs.values())
        self._line("beside it", ", ".join(name for name in beside if name != duplicates.name))
        for task in airflow.task_instances(run):
            for name, address in airflow.links(run, task).items():
                self._line(name, f"{address} (task {task.task_id})")
        self._line("look again", f"dedup up --folder {self._layout.folder} starts this Airflow and MLflow again")

    def _line(self, name: str, text: str) -> None:
        self._console.print(f"{name:<12} {text}", soft_wrap=True, markup=False)


def _answers(url: str) -> bool:
    """Whether a server answers, whatever it says."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            session.get(url, timeout=5)
        except requests.RequestException:
            return False
        return True
