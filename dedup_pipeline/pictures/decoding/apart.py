"""Decoding in a few child processes, to which anything may happen."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal, TypeVar, overload

import numpy as np

from dedup_pipeline.config.decode_limits import Limits
from dedup_pipeline.errors import ResourceError
from dedup_pipeline.pictures.decoding.budget import BUDGET
from dedup_pipeline.pictures.decoding.child import NO_MEMORY_EXIT, READY, REPLY, REQUEST, DecodeOutcome
from dedup_pipeline.pictures.decoding.formats import (
    COSTLY,
    DAMAGED,
    FORMATS,
    STATUSES,
    WORKING_SIDE,
    Header,
    Picture,
    UnreadableError,
)

_MOST_CHILDREN = 4

_FIRST_ROOM = 128_000_000  # bytes that nearly all pictures are content with
_PICTURES = 1000  # of one child: what a library has lost of its memory is given back now and then
_START_SECONDS = 120.0
_WALL, _ANSWER_SECONDS = 10.0, 60.0  # by the clock for each second of work, and beside it: others have work to do too
_OUT_OF_TIME = (signal.SIGPROF, signal.SIGXCPU)
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGSYS, signal.SIGTRAP)
_MOST_TEXT = 10_000
_MODULE = "dedup_pipeline.pictures.decoding.child"


B = TypeVar("B", bytearray, memoryview)


class _LostError(Exception):
    """A child ended while it was asked, or was ended as it did not answer.

    Args:
        code: its exit status, or the signal that ended it as a number below 0; None where it was not waited for longer.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class _Child:
    """A child process and the socket to it.

    Raises:
        ResourceError: it cannot be started.
    """

    def __init__(self) -> None:
        self.asked = 0
        try:
            self._socket, its = socket.socketpair()
            with its:
                self._process = subprocess.Popen(  # noqa: S603 - this program
                    [sys.executable, "-P", "-m", _MODULE],
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    cwd="/",
                    start_new_session=True,  # what stops this process by the keyboard is this process's matter
                )
            if self._receive(bytearray(len(READY)), time.monotonic() + _START_SECONDS) != READY:
                raise _LostError(None)
        except (OSError, MemoryError) as error:
            raise ResourceError(f"no process to decode pictures can be started: {error}; free memory") from error
        except _LostError as error:
            self.end()
            raise ResourceError(
                f"a process to decode pictures ended as it started (exit status {error.code}); free memory"
            ) from error

    def ask(self, data: bytes, room: int, limits: Limits, *, wanted: bool) -> Picture | Header | DecodeOutcome:
        """Have bytes decoded.

        Raises:
            UnreadableError: they make no picture.
            _LostError: there is no answer, and the child is no more.
        """
        self.asked += 1
        end = time.monotonic() + limits.seconds * _WALL + _ANSWER_SECONDS
        try:
            self._socket.settimeout(end - time.monotonic())
            self._socket.sendall(REQUEST.pack(wanted, limits.pixels, room, limits.seconds, len(data)))
            self._socket.sendall(data)
        except OSError:
            raise self._lost() from None
        outcome, width, height, length = REPLY.unpack(self._receive(bytearray(REPLY.size), end))
        if wanted and outcome == DecodeOutcome.PICTURE and 0 < width <= WORKING_SIDE and 0 < height <= WORKING_SIDE:
            pixels = np.empty((height, width, 3), dtype=np.uint8)
            self._receive(pixels.data.cast("B"), end)
            return pixels
        if length <= _MOST_TEXT:
            text = self._receive(bytearray(length), end).decode(errors="replace")
            if outcome in (DecodeOutcome.NO_ROOM, DecodeOutcome.NO_MEMORY):
                return DecodeOutcome(outcome)
            if outcome == DecodeOutcome.SOUND and not wanted and text in FORMATS:
                return Header(width, height, text)
            status, _, message = text.partition("\n")
            if outcome == DecodeOutcome.REFUSED and status in STATUSES:
                raise UnreadableError(status, message)
        self.end()
        raise _LostError(0)  # a decoder has made another program of it

    def end(self) -> None:
        """End it, whatever it is at."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def leave(self) -> None:
        """Leave it to the process that this one was forked from."""
        self._socket.close()
        self._process.returncode = 0  # not ours to wait for

    def _receive(self, into: B, end: float) -> B:
        """Fill a buffer with what it sends.

        Raises:
            _LostError: it ended, or sends nothing.
        """
        view = memoryview(into)
        try:
            while view:
                self._socket.settimeout(max(0.001, end - time.monotonic()))
                count = self._socket.recv_into(view)
                if not count:
                    raise self._lost()
                view = view[count:]
        except TimeoutError:
            self.end()
            raise _LostError(None) from None
        except OSError:
            raise self._lost() from None
        return into

    def _lost(self) -> _LostError:
        self.end()
        return _LostError(self._process.returncode)


class _Children:
    """The children of this process: started when they are wanted, kept, and replaced now and then."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._slots = threading.Semaphore(_MOST_CHILDREN)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    def read(self, data: bytes, limits: Limits, *, wanted: bool) -> Picture | Header:
        """Have a child read an image; see ``read_apart``."""
        with self._slots:
            last = False
            for room in (min(_FIRST_ROOM, limits.bytes), limits.bytes):
                with BUDGET.hold(room, limits.bytes):
                    try:
                        answer = self._ask(data, room, limits, wanted=wanted)
                    except UnreadableError as error:
                        # some decoders call it damage when they lack memory
                        if last or error.status != DAMAGED or room == limits.bytes:
                            raise
                    except _LostError as error:
                        if last or -(error.code or 0) in _OUT_OF_TIME:
                            raise _verdict(error, limits) from error
                    else:
                        if not isinstance(answer, DecodeOutcome):
                            return answer
                        if answer == DecodeOutcome.NO_MEMORY:
                            raise ResourceError(
                                f"this machine has not the {room:,} bytes that decoding a picture may take: "
                                "free memory, or lower fetch.decode_bytes"
                            )
                last = True
        raise UnreadableError(COSTLY, f"decoding it takes more than fetch.decode_bytes = {limits.bytes}")

    def _ask(self, data: bytes, room: int, limits: Limits, *, wanted: bool) -> Picture | Header | DecodeOutcome:
        child = self._take()
        keep = True
        try:
            return child.ask(data, room, limits, wanted=wanted)
        except UnreadableError:
            raise
        except BaseException:
            keep = False  # lost, or in the midst of an answer
            raise
        finally:
            self._give_back(child, keep=keep and child.asked < _PICTURES)

    def _take(self) -> _Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        child = _Child()
        with self._lock:
            self._all.add(child)
        return child

    def _give_back(self, child: _Child, *, keep: bool) -> None:
        with self._lock:
            if keep:
                self._idle.append(child)
                return
            self._all.discard(child)
        child.end()

    def end(self) -> None:
        """End all of them."""
        with self._lock:
            for child in self._all:
                child.end()

    def leave(self) -> None:
        """In a process that was forked: leave them to the one that started them."""
        for child in self._all:
            child.leave()
        self._begin()  # its lock may be held by a thread that is not here


_CHILDREN = _Children()
atexit.register(_CHILDREN.end)
os.register_at_fork(after_in_child=_CHILDREN.leave)


@overload
def read_apart(data: bytes, limits: Limits, *, wanted: Literal[True]) -> Picture: ...
@overload
def read_apart(data: bytes, limits: Limits, *, wanted: Literal[False]) -> Header: ...
def read_apart(data: bytes, limits: Limits, *, wanted: bool) -> Picture | Header:
    """Have a child process decode an image.

    A first try has little memory, so that several go on at once; the second all that there is, alone.

    Args:
        data: the file.
        limits: what it may take.
        wanted: whether the picture is wanted, or only whether there is one.

    Returns:
        The picture as of ``pictures.decode``, or its header.

    Raises:
        UnreadableError: the bytes make no picture, or take more work than they may.
        ResourceError: this machine cannot do it now.
    """
    return _CHILDREN.read(data, limits, wanted=wanted)


def _verdict(lost: _LostError, limits: Limits) -> Exception:
    """What it means that a child was lost over a picture, twice unless it was out of time."""
    if lost.code is None or -lost.code in _OUT_OF_TIME:
        return UnreadableError(
            COSTLY, f"decoding it takes more than {limits.seconds:g} s of a processor (fetch.decode_seconds)"
        )
    if -lost.code in _CRASHES:
        name = signal.Signals(-lost.code).name
        return UnreadableError(DAMAGED, f"the picture is damaged: its decoder crashed ({name})")
    if lost.code < 0 or lost.code == NO_MEMORY_EXIT:
        return ResourceError(f"the process that decoded a picture was ended from outside ({lost.code}); free memory")
    return UnreadableError(DAMAGED, f"the picture is damaged: its decoder ended with exit status {lost.code}")


def _environment() -> dict[str, str]:
    """All that a child is told: where to import from, and to take neither threads nor memory that it has no use for."""
    return {
        "PYTHONPATH": os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path),
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OPENCV_FOR_THREADS_NUM": "1",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "1048576",  # what is freed goes back at once, so that the next has all its room
    }
