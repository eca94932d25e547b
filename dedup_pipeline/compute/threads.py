"""Work in threads with bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from dedup_pipeline.compute.malloc import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")

_thread = threading.local()
_AHEAD = 4  # items begun ahead per thread: enough to keep it busy, few enough to bound memory


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of ``size`` items, the last of which may be shorter."""
    stream = iter(items)
    while some := list(islice(stream, size)):
        yield some


@contextmanager
def pool_of(threads: int, name: str = "") -> Iterator[ThreadPoolExecutor]:
    """A pool for a generator: what is begun when the block ends is waited for, what waits is not begun.

    A generator in a cycle is closed by whichever thread collects that, one of the pool's own too, which cannot wait for
    itself: there nobody waits.
    """
    mine = object()
    pool = ThreadPoolExecutor(threads, name, initializer=setattr, initargs=(_thread, "pool", mine))
    try:
        yield pool
    finally:
        pool.shutdown(wait=getattr(_thread, "pool", None) is not mine, cancel_futures=True)


def map_ahead(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Map in threads, in order, holding no more than a few items at a time.

    The first error of ``work`` is raised when its item's turn comes. What is begun then, or when the results are let
    go, is waited for; what waits is not begun.
    """
    keep_freed_memory()
    with pool_of(threads) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
