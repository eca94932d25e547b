"""The Dockerfiles and scripts: linted, made of locked packages, not run as root."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from compose_file import FOLDER, ROOT
from dedup_pipeline.config.pools import POOLS

DOCKERFILES = sorted(FOLDER.glob("*.Dockerfile"))
SCRIPTS = sorted(FOLDER.glob("*.sh"))
BIN = Path(sys.executable).parent
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;]+)", re.MULTILINE)


def by_name(path):
    return path.name


def pins(file):
    """The pinned versions of a requirements file: name -> every version it takes on some platform."""
    found = {}
    for name, version in PINNED.findall((ROOT / file).read_text()):
        found.setdefault(name.lower().replace("_", "-"), set()).add(version)
    return found


def instructions(dockerfile):
    """The instructions of a Dockerfile, continued lines joined."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    return [line.strip() for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_name)
def test_hadolint_has_nothing_to_say(dockerfile):
    done = subprocess.run([BIN / "hadolint", dockerfile], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_shellcheck_has_nothing_to_say(script):
    words = [BIN / "shellcheck", "--enable=all", "--exclude=SC2250,SC2310,SC2311,SC2312", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert script.stat().st_mode & 0o111, "not executable"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_name)
def test_the_image_is_not_run_as_root_and_holds_no_compiler(dockerfile):
    lines = instructions(dockerfile)
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    users = [line.split()[1] for line in last if line.startswith("USER")]
    assert users
    assert users[-1].split(":")[0] not in {"0", "root"}
    assert not any(re.search(r"\b(g\+\+|gcc|build-essential)\b", line) for line in last)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_name)
def test_packages_come_from_the_locks(dockerfile):
    installs = [line for line in instructions(dockerfile) if re.search(r"\bpip install\b", line)]
    assert installs
    for line in installs:
        locked = re.findall(r"--requirements /build/(\S+)", line)
        itself = line.endswith("uv pip install --no-deps /build")
        assert itself or locked or '"uv==${UV_VERSION}"' in line, line
        assert all(name.endswith(".txt") and (ROOT / name).exists() for name in locked)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_name)
def test_what_is_copied_exists_and_is_let_through(dockerfile):
    allowed = {
        line[1:] for line in (FOLDER / f"{dockerfile.name}.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = [
        word
        for line in instructions(dockerfile)
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert set(copied) == allowed


@pytest.mark.parametrize("name", ["cluster", "mlflow", "dev"])
def test_a_lock_holds_what_its_source_asks_for_in_the_versions_of_the_main_lock(name):
    asked, locked, main = pins(f"requirements-{name}.in"), pins(f"requirements-{name}.txt"), pins("requirements.txt")
    assert asked
    assert {package for package, version in asked.items() if locked.get(package) != version} == set(), (
        "call `make lock`"
    )
    assert {package for package in locked.keys() & main.keys() if not locked[package] <= main[package]} == set()


def test_the_server_of_mlflow_is_the_version_that_talks_to_it():
    assert pins("requirements-mlflow.txt")["mlflow"] == pins("requirements.txt")["mlflow"]
    assert not {"torch", "apache-airflow"} & pins("requirements-mlflow.txt").keys()


def test_missing_pools_are_made_and_those_that_are_there_are_left(tmp_path):
    there = tmp_path / "there.json"
    there.write_text(json.dumps({"default_pool": {"slots": 128}, "dedup_memory": {"slots": 3}}))
    done = subprocess.run(
        [sys.executable, FOLDER / "missing_pools.py", there], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert set(json.loads(done.stdout)) == set(POOLS) - {"dedup_memory"}
