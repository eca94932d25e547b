"""The command, asked to end while it trains: it says so by its status and a sentence, and leaves nothing half-done."""

import fcntl
import os
import signal
import subprocess
import time

import pytest
from test_chain import DUMP, _mlflow_states

PATIENCE = 300.0


@pytest.mark.slow
def test_a_training_that_is_asked_to_end_says_so_and_goes_on_later(undisturbed, dedup_in, shop, tmp_path):
    dedup = dedup_in(tmp_path / "store")
    run = ("run", "--catalog", str(shop.catalog), "--model", "train")
    for words, request, status in (
        (run, signal.SIGINT, 130),
        (("train", "--dump", DUMP, "--model", "train"), signal.SIGTERM, 143),
    ):
        said, ended = _asked_to_end(dedup, words, request)
        assert ended == status, said
        assert said.splitlines()[-1].startswith(f"dedup: stopped by {request.name}; ")
        assert "Traceback" not in said
        assert not (dedup.store / "dumps" / DUMP / "train" / "manifest.json").exists()
        assert _mlflow_states(dedup.store) == {"train": ["KILLED"]}
        assert not list(dedup.store.rglob(".tmp-*"))
        _expect_free_locks(dedup.store)
    dedup(*run)
    assert dedup.exports() == undisturbed.exports()
    assert _mlflow_states(dedup.store) == {"train": ["FINISHED"], "record": ["FINISHED"]}


def _asked_to_end(dedup, words, request):
    """Call the command, ask it to end when the next epoch's checkpoint is there; what it said, and its status."""
    before = _checkpoint(dedup.store)
    process = subprocess.Popen(
        dedup.command(*words),
        env=dedup.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + PATIENCE
        while _checkpoint(dedup.store) == before:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "no epoch ended"
            time.sleep(0.005)
        process.send_signal(request)
        _, said = process.communicate(timeout=PATIENCE)
        with pytest.raises(ProcessLookupError):  # nothing that it started is left
            os.killpg(process.pid, 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return said, process.returncode


def _checkpoint(store):
    """When the checkpoint was written last; None while there is none."""
    return max((file.stat().st_mtime_ns for file in (store / "trainings").rglob("*.ckpt")), default=None)


def _expect_free_locks(store):
    files = list((store / "locks").rglob("*.lock"))
    assert files
    for path in files:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
