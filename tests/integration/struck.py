"""Makes processes that are ``dedup`` and are struck while they write; a program for ``nursery``.

What takes long to import is imported once, here; every child is forked from that, and runs the command line as a
process of its own. Read from standard input, a line each: ``{"words", "environment", "log", "strike"}``. Written to
standard output, for each: ``{"pid"}`` at the start, ``{"status"}`` at the end.

A child counts what it writes to its store, and is struck at one of these writes, when half of it is written: by a
signal, as a kernel, a scheduler or a person sends it, or by an exception, as Python raises it when memory runs out.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

OUT_OF_MEMORY = "MemoryError"
_LEASE_SECONDS = 6.0  # a killed holder of a lock in object storage is waited for: nobody wants to wait a minute


class Strikes:
    """Counts the writes of this process, and strikes at one of them.

    Args:
        at: the number of the write, from 1; 0 strikes at none.
        how: the name of a signal, or of the exception.
        counted: a file that says at the end how many there were.
    """

    def __init__(self, at: int, how: str, counted: Path) -> None:
        self._at, self._how, self._counted = at, how, counted
        self._writes = 0
        self._lock = threading.Lock()

    def write(self, file: BinaryIO, content: Any) -> int:
        """Write, unless it is this one's turn: then half of it, and strike."""
        with self._lock:
            self._writes += 1
            turn = self._writes == self._at
        if not turn:
            return file.write(content)
        some = memoryview(content).cast("B")
        file.write(bytes(some[: len(some) // 2]))
        if self._how == OUT_OF_MEMORY:
            raise MemoryError("struck")
        os.kill(os.getpid(), signal.Signals[self._how])
        file.write(bytes(some[len(some) // 2 :]))  # another thread may be the one that a signal ends
        return len(some)

    def tell(self) -> None:
        """Write down how many writes there were."""
        self._counted.write_text(str(self._writes))


class _Struck:
    """A file whose writes are counted."""

    def __init__(self, file: BinaryIO, strikes: Strikes) -> None:
        self._file, self._strikes = file, strikes

    def write(self, content: Any) -> int:
        return self._strikes.write(self._file, content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def main() -> None:
    """Make children until nobody asks for any more."""
    for name in ("dedup_pipeline.cli", "dedup_pipeline.stages.display", "s3fs", "mlflow"):
        import_module(name)
    from dedup_pipeline.stages.chain import STAGES

    for name in STAGES.values():
        import_module(name)
    gc.collect()
    gc.freeze()  # a child shall not look through all of it
    _say({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _be_dedup(**asked)
        _say({"pid": child})
        _, status = os.waitpid(child, 0)
        _say({"status": os.waitstatus_to_exitcode(status)})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _be_dedup(words: list[str], environment: dict[str, str], log: str, strike: dict[str, Any]) -> None:
    """Run the command line in this process; ends with it."""
    os.setsid()
    with Path(log).open("ab") as file:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    _shorten_leases()
    strikes = Strikes(counted=Path(f"{log}.writes"), **strike)
    _count(strikes)
    sys.argv = ["dedup", *words]
    from dedup_pipeline.cli import main as dedup

    try:
        dedup()
    finally:
        strikes.tell()
    sys.exit(0)


def _count(strikes: Strikes) -> None:
    """Let everything that is written to a store go through the strikes."""
    from dedup_pipeline.store import Store

    writing = Store.writing

    @contextlib.contextmanager
    def counting(self: Store, path: str, **chosen: Any) -> Iterator[BinaryIO]:
        with writing(self, path, **chosen) as file:
            yield _Struck(file, strikes)  # type: ignore[misc]  # it has all that a file has

    Store.writing = counting  # type: ignore[method-assign]


def _shorten_leases() -> None:
    from dedup_pipeline.store import locks

    lease = locks._lease
    locks._lease = lambda store, name, seconds: lease(store, name, min(seconds, _LEASE_SECONDS))


if __name__ == "__main__":
    main()
