"""Ending on request: Ctrl-C, a termination and a closed terminal are one thing, and cleaning up is not interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(SystemExit):
    """Somebody asked the process to end; what it works on is left so that another can go on.

    It is no KeyboardInterrupt, which Lightning and Click turn into ends of their own, and no error: nothing that
    handles errors shall catch it. A process that nobody asks about it ends with the status that shells know.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first request to end raise Interrupted, and ignore all that follow: the process is ending.

    What the process was started to ignore, as by nohup, it goes on to ignore.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        _handle(dict.fromkeys(_REQUESTS, signal.SIG_IGN))
        raise Interrupted(number)

    heeded = [request for request in _REQUESTS if signal.getsignal(request) is not signal.SIG_IGN]
    former = _handle(dict.fromkeys(heeded, interrupt))
    try:
        yield
    except Interrupted:
        raise  # without the former handlers, so that impatience does not turn the end into a crash
    except BaseException:
        _handle(former)
        raise
    else:
        _handle(former)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore requests to end; what is done meanwhile is bounded in time."""
    former = _handle(dict.fromkeys(_REQUESTS, signal.SIG_IGN))
    try:
        yield
    finally:
        _handle(former)


def _handle(handlers: Mapping[signal.Signals, Any]) -> dict[signal.Signals, Any]:
    """Set handlers; returns the former ones. Does nothing in a thread that signals do not reach."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {request: signal.signal(request, handler) for request, handler in handlers.items()}
