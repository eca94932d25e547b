"""One budget of memory for all threads of a process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator


class Budget:
    """Bytes that are held at once: whoever wants more than is left waits, in the order of arrival.

    Attributes:
        most: the most bytes that were held at once since it was last set.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, nothing held."""
        self.most = 0
        self._held = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition(threading.Lock())

    @contextlib.contextmanager
    def hold(self, size: int, of: int) -> Iterator[None]:
        """Hold some bytes for as long as the ``with`` block lasts.

        Args:
            size: of them; no more than ``of``, so that the largest can always go alone.
            of: the most that may be held at once, this one included.
        """
        self._take(size, of)
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                if self._waiting:
                    self._changed.notify_all()

    def _take(self, size: int, of: int) -> None:
        with self._changed:
            if self._waiting or self._held + size > of:
                self._wait(size, of)
            self._held += size
            self.most = max(self.most, self._held)

    def _wait(self, size: int, of: int) -> None:
        """Until it is this thread's turn: a large one is not overtaken for ever by small ones."""
        turn = object()
        self._waiting.append(turn)
        try:
            self._changed.wait_for(lambda: self._waiting[0] is turn and (self._held + size <= of or not self._held))
        finally:
            self._waiting.remove(turn)
            self._changed.notify_all()


BUDGET = Budget()
"""That of all decoding in this process."""
os.register_at_fork(after_in_child=BUDGET.reset)  # what is held by threads that are not here
