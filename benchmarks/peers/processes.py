"""Environments of peers, and measured runs in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "OPENCV_FOR_THREADS_NUM",
    )
}
_STAMP = ".requirements"
_INTERVAL = 0.05  # seconds between two looks at the memory
_MEGABYTE = 1_000_000


class PeerError(Exception):
    """A peer cannot be installed or did not end well; its text is one sentence for its row."""


@dataclass(frozen=True)
class Usage:
    """What a run took.

    Attributes:
        seconds: from start to end on the clock, imports included.
        cpu_seconds: of the process and of those it waited for.
        megabytes: highest sum of the resident memory of the process and all below it, looked at 20 times a second.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float


def environment(requirements: Path, cache: Path) -> Path:
    """Make an environment with pinned requirements, unless it is there; return its Python.

    Args:
        requirements: a requirements file; one environment is made for each.
        cache: where environments are kept, in a folder of the file's name.

    Raises:
        PeerError: uv is missing, or failed.
    """
    folder = cache / requirements.stem
    python, stamp = folder / "bin" / "python", folder / _STAMP
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise PeerError("uv is not installed: call `make setup`")
    shutil.rmtree(folder, ignore_errors=True)
    _install([uv, "--quiet", "--system-certs", "venv", "--python", sys.executable, str(folder)])
    _install([uv, "--quiet", "--system-certs", "pip", "install", "--python", str(python), "-r", str(requirements)])
    stamp.write_text(wanted)
    return python


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"its environment cannot be made: {_last_line(done.stderr)}")


def measured(command: list[str], log: Path, seconds: float, further: Mapping[str, str] = MappingProxyType({})) -> Usage:
    """Run a command with one thread per library.

    Args:
        command: the program and its arguments.
        log: where to write what it says.
        seconds: after so many it is killed.
        further: variables of its environment.

    Raises:
        PeerError: it ended with another status than 0, or was killed.
    """
    with log.open("wb") as output:
        start = time.monotonic()
        process = psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | _ONE_THREAD | further)
        before = os.times()
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(process))
            if time.monotonic() - start > seconds:
                _kill(process)
                raise PeerError(f"it was not done after {seconds:.0f} seconds")
            time.sleep(_INTERVAL)
        took = time.monotonic() - start
    after = os.times()
    if process.returncode:
        said = _last_line(log.read_text(errors="replace"))
        raise PeerError(f"it ended with status {process.returncode}: {said}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Usage(round(took, 1), round(cpu, 1), round(peak / _MEGABYTE))


def _tree(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Popen) -> int:
    """Bytes of resident memory of a process and all below it; those that ended meanwhile count nothing."""
    total = 0
    for member in _tree(process):
        try:
            total += member.memory_info().rss
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return total


def _kill(process: psutil.Popen) -> None:
    for member in reversed(_tree(process)):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
