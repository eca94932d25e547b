"""Processes of the stack: started in a session of their own, found again by a mark, stopped with all they started.

A mark is two environment variables, which every process that a service starts inherits: the stack's folder and the
service's name. So what an interrupted command left behind is found, also what moved to a process group of its own (as
Airflow's tasks do) or whose parent is gone, and no process that merely got a recycled id is ever touched. Airflow hides
the environment of its tasks from all but root; they are found by the session that they share with their service.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

FOLDER_MARK = "CATALOG_STACK_FOLDER"  # not DEDUP_*: those are settings, and an unknown one is refused
SERVICE_MARK = "CATALOG_STACK_SERVICE"

PATIENCE = 10.0  # seconds that a process has to end when it is asked to

_SAME_START = 1.0  # seconds by which two readings of one process's start may differ, as the clock is corrected
_ENOUGH_ROUNDS = 20


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, folder: Path, name: str
) -> subprocess.Popen[bytes]:
    """Start a program in the background, with a mark, in a session of its own, its output in a file.

    Args:
        command: the program and its arguments.
        environment: all of it.
        log: written anew; what an earlier start wrote is kept beside it, with `.1` at the end.
        folder: of the stack.
        name: of the service.
    """
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    marked = {**environment, FOLDER_MARK: str(folder), SERVICE_MARK: name}
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        child = subprocess.Popen(  # noqa: S603  # our own command lines
            command,
            env=marked,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            umask=0o077,  # what it writes holds passwords and keys
        )
    while child.poll() is None and not _shows_environment(child.pid):
        time.sleep(0.001)
    return child


def _shows_environment(pid: int) -> bool:
    """Whether a mark can be seen: for a moment after its start a process shows none, and a stop would pass it by."""
    try:
        return bool(psutil.Process(pid).environ())
    except psutil.Error:
        return True


def start_time(pid: int) -> float | None:
    """When a process started, in seconds of the epoch; None when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_running(pid: int, started: float) -> bool:
    """Whether a process still runs: this one, not another that got its id."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) <= _SAME_START
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def marked_processes(folder: Path, names: Iterable[str] | None = None) -> list[psutil.Process]:
    """The processes of a stack.

    Args:
        folder: of the stack.
        names: of the services; None takes all.
    """
    wanted = None if names is None else set(names)
    found, hidden, sessions = [], [], set()
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            environment = process.environ()
            if environment.get(FOLDER_MARK) != str(folder):
                continue
            if wanted is None or environment.get(SERVICE_MARK) in wanted:
                found.append(process)
                sessions.add(os.getsid(process.pid))
        except psutil.AccessDenied:
            hidden.append(process)
        except (psutil.Error, OSError):  # it ended meanwhile
            continue
    return found + [process for process in hidden if _session(process) in sessions]


def _session(process: psutil.Process) -> int | None:
    """The session of a process, which is that of the service that started it."""
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def stop_marked(folder: Path, names: Iterable[str] | None = None, *, patience: float = PATIENCE) -> int:
    """Stop processes of a stack: ask all, wait, then kill what is left and what that may have started.

    Args:
        folder: of the stack.
        names: of the services; None takes all.
        patience: seconds between asking and killing.

    Returns:
        How many processes there were at the first look.
    """
    names = None if names is None else list(names)
    found = marked_processes(folder, names)
    for process in found:
        _signal(process, kill=False)
    _, left = psutil.wait_procs(found, timeout=patience)
    for _ in range(_ENOUGH_ROUNDS):  # a process may have started another between the look and its end
        left = list({*left, *marked_processes(folder, names)})
        if not left:
            break
        for process in left:
            _signal(process, kill=True)
        _, left = psutil.wait_procs(left, timeout=2.0)
    return len(found)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        return  # it ended meanwhile
