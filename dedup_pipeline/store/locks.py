"""Locks of a store: whoever holds a name works alone on what the name stands for.

What is guaranteed depends on the store.

* In a folder the kernel holds the lock (``flock``): between processes and between threads, on one machine and on a
  network file system that passes such locks on. It ends with its process, however that ends. The lock's file stays.
* In an object store a lock is a lease: an object that its holder renews, and that another takes over when it has seen
  no renewal for LEASE_SECONDS by its own clock, so clocks need not agree. A holder that is killed is waited for so
  long. A holder that is cut off or held up for longer may work on beside its successor; the log tells. Nothing is lost
  then, as files of the store appear whole or not at all and equal work writes equal bytes, but work may be done twice.
  The store must refuse to create an object that is there (S3 and its kin do), and list at once what was written.

A lock never decides what is written, only who writes it. It is not re-entrant: a thread that asks for what it holds
gets an error instead of waiting for itself. Locks are taken in this order, and never two of one line, so nobody waits
in a circle.

1. ``dumps/<dump_id>/<stage>/manifest…``, ``trainings/<run_key>/manifest``: the work of a stage
2. ``trainings/<run_key>/run``: a training
3. ``registry``: comparing with the champion, moving its alias, noting a calibration
4. ``planning``: which pack holds which URL; ``packs/<pack_id>/…``: one file beside a pack; ``mlflow``: making its
   database
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from dedup_pipeline.errors import NotReadyError, StoreError
from dedup_pipeline.store import Store

logger = logging.getLogger(__name__)

REGISTRY = "registry"
LEASE_SECONDS = 60.0
_POLL_SECONDS = 1.0


class _HeldLocks(threading.local):
    """The locks of a thread."""

    def __init__(self) -> None:
        self.names: set[tuple[str, str]] = set()


_held_locks = _HeldLocks()


@contextlib.contextmanager
def locked(store: Store, name: str, *, lease_seconds: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold a lock while the block lasts; wait, interruptibly and as long as it takes, until it is free.

    Args:
        store: where.
        name: what is locked, words separated by '/'.
        lease_seconds: in an object store: how long a holder may be silent before another takes over.

    Raises:
        StoreError: the lock cannot be written.
        RuntimeError: this thread holds it already.
    """
    if (store.root, name) in _held_locks.names:
        raise RuntimeError(f"lock '{name}' of {store.root} is held by this thread already")
    lock = _flock(store, name) if store.local else _lease(store, name, lease_seconds)
    with lock:
        _held_locks.names.add((store.root, name))
        try:
            yield
        finally:
            _held_locks.names.discard((store.root, name))


def _note() -> dict[str, Any]:
    """Who this is, for those who wait."""
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _log_waiting(store: Store, name: str, holder: bytes | dict[str, Any]) -> None:
    try:
        known = json.loads(holder) if isinstance(holder, bytes) else holder
        who = f"process {known['pid']} on {known['host']}"
    except (ValueError, KeyError):
        who = "another process"  # it has the lock and has not said who it is yet
    logger.info("waiting for '%s' of %s, held by %s", name, store.root, who)


# a folder


@contextlib.contextmanager
def _flock(store: Store, name: str) -> Iterator[None]:
    path = Path(store.root) / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise _unusable(path, error) from error
    with file:
        _wait_for(file, path, lambda: _log_waiting(store, name, path.read_bytes()))
        try:
            with contextlib.suppress(OSError):  # the note is a courtesy: a full disk must not deny the lock
                file.truncate(0)
                file.write(json.dumps(_note()).encode())
            yield
        finally:
            # a child that was forked in between shares the lock: closing the file would leave it with the child
            fcntl.flock(file, fcntl.LOCK_UN)


def _wait_for(file: IO[bytes], path: Path, on_wait: Callable[[], None]) -> None:
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be locked: {error}; the store's folder must be writable and support flock")


# an object store


@contextlib.contextmanager
def _lease(store: Store, name: str, seconds: float) -> Iterator[None]:
    lease = _Lease(store, name, seconds)
    lease.take()
    stop = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=(stop,), name=f"lease {name}", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.give_back()


class _Lease:
    """The objects of one lock: ``locks/<name>.lock/<number>``, of which the highest number is the holder's.

    Whoever finds the highest free, or silent for too long, creates the next number; only one can. The highest is never
    removed, so numbers only rise, and a number that was created late is seen to be overtaken.
    """

    def __init__(self, store: Store, name: str, seconds: float) -> None:
        self._store, self._name, self._seconds = store, name, seconds
        self._folder = f"locks/{name}.lock"
        self._mine = ""
        self._state: dict[str, Any] = {}

    def take(self) -> None:
        """Wait until the lock is free or its holder silent for too long, then take it."""
        seen: tuple[str, object] | None = None
        since = 0.0
        told = False
        while True:
            highest, holder = self._highest()
            if holder is None or holder["free"]:
                if self._create_after(highest):
                    return
            elif (highest, holder["renewals"]) != seen:
                seen, since = (highest, holder["renewals"]), time.monotonic()
            elif time.monotonic() - since > self._seconds:
                logger.warning("'%s' of %s has had no sign of its holder: taken over", self._name, self._store.root)
                if self._create_after(highest):
                    return
            if holder is not None and not holder["free"] and not told:
                _log_waiting(self._store, self._name, holder)
                told = True
            time.sleep(min(_POLL_SECONDS, self._seconds / 10))

    def keep(self, stop: threading.Event) -> None:
        """Renew the lease until told to stop, or until it is lost."""
        while not stop.wait(self._seconds / 3):
            try:
                if self._overtaken():
                    logger.error("'%s' of %s was taken over by another process", self._name, self._store.root)
                    return
                self._state["renewals"] += 1
                self._store.write_json(self._path(self._mine), self._state)
            except Exception:  # whatever the store's client raises: the next renewal may still come in time
                logger.exception("the lease '%s' of %s was not renewed", self._name, self._store.root)

    def give_back(self) -> None:
        """Say that the lock is free; who cannot is waited for like one that was killed."""
        try:
            if not self._overtaken():
                self._store.write_json(self._path(self._mine), self._state | {"free": True})
        except Exception:  # it must not hide how the work has ended
            logger.exception("the lease '%s' of %s was not given back", self._name, self._store.root)

    def _create_after(self, highest: str) -> bool:
        self._mine = f"{int(highest or 0) + 1:012d}"
        self._state = _note() | {"token": uuid.uuid4().hex, "renewals": 0, "free": False}
        if not self._store.create_json(self._path(self._mine), self._state):
            return False
        names = self._store.names(self._folder)
        if names[-1] != self._mine:
            self._store.remove(self._path(self._mine))
            return False
        for name in names[:-1]:
            self._store.remove(self._path(name))
        return True

    def _highest(self) -> tuple[str, dict[str, Any] | None]:
        """The highest number and what its object says; no number without a holder so far."""
        while names := self._store.names(self._folder):
            with contextlib.suppress(NotReadyError):  # a newer holder has just removed it
                return names[-1], self._store.read_json(self._path(names[-1]))
        return "", None

    def _overtaken(self) -> bool:
        return self._store.names(self._folder)[-1:] != [self._mine]

    def _path(self, number: str) -> str:
        return f"{self._folder}/{number}"
