"""Ending on request: Ctrl-C, a termination and a closed terminal are one thing, and cleaning up is not interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first request to end raise KeyboardInterrupt, and ignore all that follow: the process is ending."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _handle(dict.fromkeys(_REQUESTS, signal.SIG_IGN))
        raise KeyboardInterrupt

    former = _handle(dict.fromkeys(_REQUESTS, interrupt))
    try:
        yield
    except KeyboardInterrupt:
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
