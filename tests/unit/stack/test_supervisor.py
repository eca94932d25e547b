import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.processes import is_running, marked_processes, start_time
from dedup_pipeline.stack.supervisor import Service, Supervisor

HIDDEN_CHILD = """
import ctypes, os, signal, time
if not os.fork():
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    print("hidden", os.getpid(), flush=True)
time.sleep(600)
"""
SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
# as Airflow does: a child in a process group of its own, whose parent is gone, and which does not want to end
CHILD = """
import os, signal, time
os.setpgid(0, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deep", flush=True)
time.sleep(600)
"""
STUBBORN_GRANDCHILD = f"""
import subprocess, sys, time
middle = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
subprocess.run([sys.executable, "-c", middle, {CHILD!r}])
time.sleep(600)
"""


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_for_the_grandchild(layout, name):
    """Until it runs and the process between is gone: as many as two run before it has begun, too."""
    log = Supervisor(layout).log_file(name)
    wait_for(lambda: log.exists() and "deep" in log.read_text() and len(marked_processes(layout.folder)) == 2)


def test_a_started_service_runs_and_is_remembered(supervisor, layout, program):
    supervisor.start(program("sleeper", SLEEPS))
    assert supervisor.running() == {"sleeper"}
    assert Supervisor(layout).running() == {"sleeper"}  # another command sees it too
    wait_for(lambda: supervisor.log_file("sleeper").read_text() == "up\n")
    supervisor.check()


def test_stopping_leaves_nothing_behind(supervisor, layout, program):
    supervisor.start(program("parent", STUBBORN_GRANDCHILD))
    wait_for_the_grandchild(layout, "parent")
    assert supervisor.stop(patience=0.5) == 2
    assert marked_processes(layout.folder) == []
    assert not layout.state.exists()


def test_stopping_finds_what_hides_its_environment(supervisor, layout, program):
    """As Airflow's tasks do; only another user than root is kept out by it."""
    supervisor.start(program("parent", HIDDEN_CHILD))
    wait_for(lambda: "hidden" in supervisor.log_file("parent").read_text())
    child = int(supervisor.log_file("parent").read_text().split()[1])
    assert supervisor.stop(patience=0.5) == 2
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_one_service_can_be_stopped_and_started_again(supervisor, program):
    first, second = program("first", SLEEPS), program("second", SLEEPS)
    supervisor.start(first)
    supervisor.start(second)
    before = supervisor.started("second")
    assert supervisor.stop(["first"]) == 1
    assert supervisor.running() == {"second"}
    supervisor.check()  # what was stopped on purpose is not missed
    supervisor.start(first)
    assert supervisor.running() == {"first", "second"}
    assert supervisor.started("second") == before


def test_what_a_killed_command_left_is_stopped_by_the_next(layout, program, tmp_path):
    file = tmp_path / "left.py"
    file.write_text(STUBBORN_GRANDCHILD)
    command = f"""
import os, signal, sys
from pathlib import Path
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.supervisor import Service, Supervisor
Supervisor(Layout(Path({str(layout.folder)!r}))).start(Service("left", [sys.executable, {str(file)!r}], {{}}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == -signal.SIGKILL
    wait_for_the_grandchild(layout, "left")
    supervisor = Supervisor(layout)
    assert supervisor.running() == {"left"}
    layout.state.unlink()  # it is found without the file as well
    assert supervisor.stop(patience=0.5) == 2
    assert marked_processes(layout.folder) == []


def test_a_process_that_got_the_id_of_a_service_is_left_alone(supervisor, layout):
    other = subprocess.Popen([sys.executable, "-c", SLEEPS], stdout=subprocess.DEVNULL)
    try:
        facts = {"pid": other.pid, "started": start_time(other.pid) - 1000}
        layout.state.write_text(json.dumps({"services": {"scheduler": facts}}))
        assert supervisor.running() == set()
        assert supervisor.stop() == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_another_stack_is_left_alone(supervisor, tmp_path, program):
    other = Supervisor(Layout.at(tmp_path / "other"))
    other.start(program("sleeper", SLEEPS))
    try:
        assert supervisor.stop() == 0
        assert other.running() == {"sleeper"}
    finally:
        other.stop()


def test_a_service_that_dies_is_named_with_its_log_and_its_last_lines(supervisor, program):
    supervisor.start(program("mlflow", "print('port 5000 is on fire', flush=True)\nraise SystemExit(3)\n"))
    with pytest.raises(StackError) as caught:
        supervisor.wait("MLflow", lambda: False, 60)
    assert "mlflow ended with status 3" in str(caught.value)
    assert str(supervisor.log_file("mlflow")) in str(caught.value)
    assert "port 5000 is on fire" in str(caught.value)


def test_a_service_that_was_killed_is_told_from_one_that_failed(supervisor, program):
    supervisor.start(program("scheduler", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"))
    with pytest.raises(StackError, match="scheduler was killed by signal 9"):
        supervisor.wait("Airflow", lambda: False, 60)


def test_waiting_is_bounded(supervisor, program):
    supervisor.start(program("sleeper", SLEEPS))
    with pytest.raises(StackError, match=r"Airflow was not ready within 0 seconds: see the logs in .*logs"):
        supervisor.wait("Airflow", lambda: False, 0.3)


def test_a_program_that_is_missing_is_said(supervisor):
    with pytest.raises(StackError, match="mlflow cannot be started: /no/such/program: No such file"):
        supervisor.start(Service("mlflow", ["/no/such/program"], {}))


def test_a_program_that_does_one_thing_may_end_well_or_badly(supervisor, program):
    supervisor.start(program("migration", "print('done')\n"))
    supervisor.finish("migration", 60)
    supervisor.check()  # nobody misses it
    supervisor.start(program("migration", "raise SystemExit('no such table: dag')\n"))
    with pytest.raises(StackError, match="no such table: dag"):
        supervisor.finish("migration", 60)


def test_the_log_of_the_start_before_is_kept(supervisor, program):
    supervisor.start(program("migration", "print('first')\n"))
    supervisor.finish("migration", 60)
    supervisor.start(program("migration", "print('second')\n"))
    supervisor.finish("migration", 60)
    log = supervisor.log_file("migration")
    assert (log.read_text(), log.with_name("migration.log.1").read_text()) == ("second\n", "first\n")


def test_an_unreadable_state_file_is_no_obstacle(supervisor, layout, program):
    layout.state.write_text("{ half a fi")
    assert supervisor.running() == set()
    supervisor.start(program("sleeper", SLEEPS))
    assert supervisor.running() == {"sleeper"}


def test_a_process_is_known_by_its_id_and_its_start():
    own = psutil.Process()
    assert is_running(own.pid, own.create_time())
    assert not is_running(own.pid, own.create_time() - 60)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert start_time(child.pid) is None
    assert not is_running(child.pid, 0.0)


def test_two_commands_do_not_work_on_one_folder(layout):
    told = rf"another command \(process {os.getpid()}\) works on"
    with layout.locked(), pytest.raises(StackError, match=told), Layout(layout.folder).locked():
        pass
    with layout.locked():  # free again
        pass
