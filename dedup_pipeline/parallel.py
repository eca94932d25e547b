"""Work in threads with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from dedup_pipeline.allocation import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4  # items begun ahead per thread: enough to keep it busy, few enough to bound memory


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of ``size`` items, the last of which may be shorter."""
    stream = iter(items)
    while some := list(islice(stream, size)):
        yield some


def map_ahead(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Map in threads, in order, holding no more than a few items at a time.

    The first error of ``work`` is raised when its item's turn comes.
    """
    keep_freed_memory()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
