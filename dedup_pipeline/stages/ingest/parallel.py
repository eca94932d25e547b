"""Work on several threads, results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from dedup_pipeline.compute.threads import pool_of

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(items: Iterable[Item], work: Callable[[Item], Result], threads: int) -> Iterator[Result]:
    """The results of ``work`` on each item, in order.

    Items are made one after another on a thread of their own, work is done on others, and the caller's thread is left
    to whoever takes the results. At most ``threads`` + 2 items are held at a time.
    """
    source = iter(items)
    waiting: deque[Future[Result]] = deque()
    with pool_of(1, "ingest-read") as reader, pool_of(threads, "ingest-work") as pool:
        coming = reader.submit(_next, source)
        while (found := coming.result()) is not None:
            coming = reader.submit(_next, source)
            waiting.append(pool.submit(work, found[0]))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _next(source: Iterator[Item]) -> tuple[Item] | None:
    for item in source:
        return (item,)
    return None
