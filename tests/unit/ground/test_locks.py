"""Locks: leases, and who is told of what; that one at a time holds a lock is in unit/store."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.testing import at_once

HOLD = """
import sys, time
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store import Store

with locked(Store(sys.argv[1]), "work"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    """A local store and one behind fsspec, as an object store would be."""
    if request.param == "folder":
        return Store(str(tmp_path / "store"))
    return Store(f"memory://{tmp_path.name}")


@pytest.fixture
def remote(tmp_path):
    return Store(f"memory://{tmp_path.name}")


def test_a_killed_holder_frees_the_lock_and_the_waiting_is_told_once(tmp_path, caplog):
    store = Store(str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        caplog.set_level(logging.INFO, "dedup_pipeline.store.locks")

        def wait():
            with locked(store, "work"):
                assert holder.poll() is not None or holder.wait(5) == -signal.SIGKILL

        def kill_when_waited_for():
            while not caplog.messages:
                time.sleep(0.01)
            os.kill(holder.pid, signal.SIGKILL)

        at_once(wait, kill_when_waited_for)
    (message,) = caplog.messages
    assert "waiting for 'work'" in message
    assert f"held by process {holder.pid} on " in message


def test_a_silent_lease_is_taken_over(remote):
    silent = {"host": "gone", "pid": 1, "token": "x", "renewals": 3, "free": False}
    assert remote.create_json("locks/work.lock/000000000007", silent)
    started = time.monotonic()
    with locked(remote, "work", lease_seconds=0.3):
        assert time.monotonic() - started >= 0.3
        assert remote.names("locks/work.lock") == ["000000000008"]


def test_a_renewed_lease_is_waited_for(remote):
    order, held = [], threading.Event()

    def long_work():
        with locked(remote, "work", lease_seconds=0.8):
            held.set()
            time.sleep(2.4)  # three leases
            order.append("first")

    def impatient():
        held.wait()
        with locked(remote, "work", lease_seconds=0.8):
            order.append("second")

    at_once(long_work, impatient)
    assert order == ["first", "second"]


def test_a_lost_lease_is_not_given_back_over_its_successor(remote, caplog):
    with locked(remote, "work", lease_seconds=0.2):
        successor = {"host": "other", "pid": 2, "token": "y", "renewals": 0, "free": False}
        assert remote.create_json("locks/work.lock/000000000002", successor)
        time.sleep(0.3)
    assert remote.read_json("locks/work.lock/000000000002") == successor
    assert "was taken over" in caplog.text


def test_a_stage_that_is_asked_for_twice_at_once_works_once(store):
    begun, results = [], []

    def work():
        begun.append(1)
        time.sleep(0.2)
        store.write_bytes("dumps/d/x/out", b"result")
        return Done({"out": "dumps/d/x/out"}, {"rows": 3})

    def run():
        results.append(run_stage(store, "d", "x", inputs={}, version=1, work=work))

    at_once(run, run)
    assert len(begun) == 1
    assert sorted(result.reused for result in results) == [False, True]
    assert results[0].counts == results[1].counts


def test_the_work_of_a_part_may_run_another_part(store):
    def part(name, work):
        return run_stage(store, "d", "x", part=name, inputs={}, version=1, work=work)

    inner = Done({}, {"rows": 1})
    assert part("outer", lambda: Done({}, part("inner", lambda: inner).counts)).counts == {"rows": 1}
