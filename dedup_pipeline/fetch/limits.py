"""Who may be asked now: a cap on connections and a rate for each host, pauses for hosts that ask for them.

Threads never wait inside a host's limit: they take whatever work may start, so a slow or throttled host holds up its
own URLs only.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.fetch.client import Answer
from dedup_pipeline.wording import tidy

logger = logging.getLogger(__name__)

LOST_IN_A_ROW = 10  # URLs of a host that fail for good, with no answer to any between, before the rest are not tried

Work = TypeVar("Work")


class Outcome(Enum):
    """How the host did, as far as its limits are concerned."""

    ANSWERED = "answered"
    THROTTLED = "throttled"  # it asks for fewer requests
    SILENT = "silent"  # no answer; the URL has tries left
    LOST = "lost"  # no answer, and no tries left


@dataclass
class _Host(Generic[Work]):
    """The state of one host."""

    allowed: float  # connections; halved by every wave of throttling, then slowly raised again
    ready: deque[Work] = field(default_factory=deque)
    later: list[tuple[float, int, Work]] = field(default_factory=list)  # a heap of (moment, tie-break, work)
    active: int = 0
    opens_at: float = 0.0  # when the next request may start, by rate and by pause
    throttled_at: float = -math.inf
    waves: int = 0  # pauses since the last answer that was none
    lost: int = 0  # URLs lost since the last answer
    given_up: Answer | None = None

    def next_start(self, now: float) -> float:
        """The moment at which something can start; infinity when that is not known."""
        while self.later and self.later[0][0] <= now:
            self.ready.appendleft(heapq.heappop(self.later)[2])
        if self.given_up and (self.ready or self.later):
            return now
        if self.active >= max(1, int(self.allowed)):
            return math.inf
        if self.ready:
            return max(now, self.opens_at)
        return max(self.later[0][0], self.opens_at) if self.later else math.inf


class HostQueue(Generic[Work]):
    """Work by host, handed out no faster than each host allows.

    Args:
        settings: ``connections_per_host``, ``rate_per_host``, ``retries`` (how many pauses in a row a throttling host
            gets), ``backoff`` and ``max_backoff`` (how long they are).
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Host[Work]] = {}
        self._changed = threading.Condition()
        self._order = itertools.count()
        self.closed = False

    def put(self, host: str, work: Work, *, wait: float = 0.0) -> None:
        """Add work; after its wait in seconds it goes before what has not been tried yet."""
        with self._changed:
            state = self._hosts.setdefault(host, _Host(self._settings.connections_per_host))
            if wait > 0:
                heapq.heappush(state.later, (time.monotonic() + wait, next(self._order), work))
            else:
                state.ready.append(work)
            self._changed.notify()

    def take(self) -> tuple[str, Work, Answer | None] | None:
        """Wait for work that may start now: its host, itself, and the answer to give without asking, if any.

        Returns:
            None once the queue is closed. Otherwise ``release`` must follow.
        """
        with self._changed:
            while not self.closed:
                now = time.monotonic()
                soonest = math.inf
                for host, state in self._hosts.items():
                    start = state.next_start(now)
                    if start <= now:
                        return self._start(host, state, now)
                    soonest = min(soonest, start)
                self._changed.wait(None if soonest == math.inf else soonest - now)
            return None

    def _start(self, host: str, state: _Host[Work], now: float) -> tuple[str, Work, Answer | None]:
        work = state.ready.popleft() if state.ready else heapq.heappop(state.later)[2]
        state.active += 1
        if self._settings.rate_per_host:
            state.opens_at = max(now, state.opens_at) + 1 / self._settings.rate_per_host
        del self._hosts[host]  # to the end: the hosts take turns
        self._hosts[host] = state
        return host, work, state.given_up

    def release(self, host: str, outcome: Outcome, answer: Answer, started: float) -> None:
        """Say how the host did; its next work may start.

        Args:
            host: as ``take`` gave it.
            outcome: how it did.
            answer: what it answered.
            started: the ``time.monotonic`` moment at which the request began.
        """
        with self._changed:
            state = self._hosts[host]
            state.active -= 1
            if state.given_up:
                pass  # nobody asked the host; what was still under way changes nothing
            elif outcome is Outcome.ANSWERED:
                state.waves = state.lost = 0
                state.allowed = min(self._settings.connections_per_host, state.allowed + 1 / state.allowed)
            elif outcome is Outcome.THROTTLED:
                self._throttle(host, state, answer, started)
            elif outcome is Outcome.LOST:
                state.lost += 1
                if state.lost >= LOST_IN_A_ROW:
                    self._give_up(host, state, answer)
            self._changed.notify()

    def _throttle(self, host: str, state: _Host[Work], answer: Answer, started: float) -> None:
        """Pause the host; answers to requests from before the last pause belong to that pause."""
        now = time.monotonic()
        if started > state.throttled_at:
            state.throttled_at = now
            state.waves += 1
            state.allowed = max(1.0, state.allowed / 2)
            if state.waves > self._settings.retries:
                self._give_up(host, state, answer)
        backoff = self._settings.backoff * 2.0 ** (state.waves - 1)
        pause = min(self._settings.max_backoff, max(answer.wait, backoff))
        state.opens_at = max(state.opens_at, now + pause)
        logger.debug("%s asks for fewer requests: pausing it for %.1f s", tidy(host), pause)

    def _give_up(self, host: str, state: _Host[Work], answer: Answer) -> None:
        if state.given_up is None:
            logger.warning("giving up %s: %s", tidy(host), answer.detail)
            state.given_up = answer

    def close(self) -> None:
        """Let every thread that waits for work go."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
