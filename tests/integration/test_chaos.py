"""One short round of the chaos harness: kills, time limits, a lost scheduler, MLflow away, a full disk in one run."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parent / "chaos.py"
# the moments that matter most; what a round costs is waiting for Airflow to start, to notice and to start again
KILLED = "fetch,embed,train once registered,train once promoted,record"
SHORT = ["airflow", "--store", "folder", "--rounds", "1", "--seed", "21", "--kills", "5", "--only", KILLED]
SHORT += ["--special", "scheduler,mlflow,disk", "--away-seconds", "20"]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_run_that_is_killed_starved_and_cut_off_ends_like_an_undisturbed_one(tmp_path):
    command = [sys.executable, str(CHAOS), *SHORT, "--folder", str(tmp_path / "chaos")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as harness:
        try:
            said, _ = harness.communicate()
        finally:
            harness.kill()  # the namespace goes with it, and everything in it
    assert harness.returncode == 0, said
    row = next(line for line in said.splitlines() if line.startswith("| round-1 |"))
    assert row.endswith("| equal |"), said
    killed = row.split("|")[2].strip()
    assert killed, f"no kill came in time:\n{said}"
