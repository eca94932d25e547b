import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.demo import Demo
from dedup_pipeline.stack.operate import airflow, down, up
from dedup_pipeline.stack.processes import marked_processes


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def test_down_stops_what_runs_and_says_so(supervisor, layout, program, console):
    supervisor.start(program("mlflow", "import time\ntime.sleep(600)\n"))
    down(layout.folder, console)
    down(layout.folder, console)
    assert console.file.getvalue().splitlines() == [
        f"stopped; runs, models and the store stay in {layout.folder}",
        f"nothing runs in {layout.folder}",
    ]
    assert marked_processes(layout.folder) == []


def test_down_makes_no_folder(tmp_path, console):
    down(tmp_path / "nowhere", console)
    assert not (tmp_path / "nowhere").exists()


def test_up_does_not_touch_a_folder_that_another_command_works_on(layout, tmp_path, console):
    with layout.locked(), pytest.raises(StackError, match="another command"):
        up(layout.folder, tmp_path, console)


def test_a_demo_removes_what_the_one_before_left(layout, tmp_path, console):
    (layout.folder / "store" / "dumps").mkdir(parents=True)
    (layout.catalogs / "sample.csv").write_text("old")
    with pytest.raises(StackError, match="no folder"):
        Demo(layout.folder, tmp_path / "nowhere", console).run()
    assert not layout.store.exists()
    assert list(layout.catalogs.iterdir()) == []
    assert marked_processes(layout.folder) == []  # the sample shop that was being rendered


def test_the_command_fails_with_one_sentence(tmp_path):
    words = [sys.executable, "-m", "dedup_pipeline", "up", "--folder", str(tmp_path / "stack"), "--dags", "nowhere"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert done.stderr == f"dedup: no folder {tmp_path}/nowhere: name the one with the Dag files by --dags\n"


def test_airflows_own_command_needs_a_stack_that_runs(tmp_path):
    with pytest.raises(StackError, match="no stack runs in"):
        airflow(tmp_path / "none", tmp_path, ["version"])
    assert not (tmp_path / "none").exists()
