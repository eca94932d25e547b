"""Who may be asked now: a cap on connections and a rate for each host, pauses for hosts that ask for them.

Threads never wait inside a host's limit: they take whatever work may start, so a slow or throttled host holds up its
own URLs only. A host begins with one connection and gets another with every answer that comes soon; one that lets
requests run out of time loses half of them each time. While hosts that answer have work, the others together hold half
of the threads at most. A host that goes on wasting time is given up.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Generic, TypeVar

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http.client import Answer
from dedup_pipeline.wording import tidy

logger = logging.getLogger(__name__)

LOST_IN_A_ROW = 10  # URLs of a host that fail for good, with no answer to any between, before the rest are not tried
STALLS_IN_A_ROW = 5  # times that a host lets its requests run out of time, with no answer between, before that
_SOON = 0.25  # share of fetch.total_timeout within which a host answers that gets more connections

Work = TypeVar("Work")


class HostOutcome(Enum):
    """How the host did, as far as its limits are concerned."""

    ANSWERED = "answered"
    FAILING = "failing"  # it answers that it cannot now, or breaks off
    THROTTLED = "throttled"  # it asks for fewer requests
    SILENT = "silent"  # no answer; the URL has tries left
    LOST = "lost"  # no answer, and no tries left


@dataclass
class _Host(Generic[Work]):
    """The state of one host."""

    allowed: float = 1.0  # connections; halved by every wave of throttling or timeouts, then slowly raised again
    ready: deque[Work] = field(default_factory=deque)
    later: list[tuple[float, int, Work]] = field(default_factory=list)  # a heap of (moment, tie-break, work)
    active: int = 0
    opens_at: float = 0.0  # when the next request may start, by rate and by pause
    cut_at: float = -math.inf  # when its connections were last halved
    trusted: bool = False  # whether it is given up or the last request brought a whole answer
    waves: int = 0  # pauses since the last answer that was none
    stalls: int = 0  # waves of timeouts since the last answer
    lost: int = 0  # URLs lost since the last answer
    wasted: float = 0.0  # seconds in which requests were under way that brought no whole answer
    wasted_until: float = -math.inf  # the moment up to which they are counted: of several at once each second is one
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
        settings: ``threads``, ``connections_per_host``, ``rate_per_host``, ``retries`` (how many pauses in a row a
            throttling host gets), ``backoff`` and ``max_backoff`` (how long they are), ``host_seconds`` (how long
            requests to a host may bring nothing), ``total_timeout`` (against which answers come soon or late).
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, _Host[Work]] = {}
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._trusted_work = 0  # of hosts that answer, not yet taken
        self._doubtful_active = 0  # requests under way to the others
        self.closed = False

    def put(self, host: str, work: Work, *, wait: float = 0.0) -> None:
        """Add work; after its wait in seconds it goes before what has not been tried yet."""
        with self._changed:
            state = self._hosts.setdefault(host, _Host())
            self._trusted_work += state.trusted
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
                full = self._trusted_work and self._doubtful_active >= max(1, self._settings.threads // 2)
                for host, state in self._hosts.items():
                    if full and not state.trusted:
                        continue
                    start = state.next_start(now)
                    if start <= now:
                        return self._start(host, state, now)
                    soonest = min(soonest, start)
                self._changed.wait(None if soonest == math.inf else soonest - now)
            return None

    def _start(self, host: str, state: _Host[Work], now: float) -> tuple[str, Work, Answer | None]:
        work = state.ready.popleft() if state.ready else heapq.heappop(state.later)[2]
        state.active += 1
        if state.trusted:
            self._trusted_work -= 1
        else:
            self._doubtful_active += 1
        if self._settings.rate_per_host:
            state.opens_at = max(now, state.opens_at) + 1 / self._settings.rate_per_host
        del self._hosts[host]  # to the end: the hosts take turns
        self._hosts[host] = state
        return host, work, state.given_up

    def release(self, host: str, outcome: HostOutcome, answer: Answer, started: float) -> None:
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
            self._doubtful_active -= not state.trusted
            if state.given_up:
                pass  # nobody asked the host; what was still under way changes nothing
            elif outcome is HostOutcome.THROTTLED:
                self._throttle(host, state, answer, started)
            else:
                self._note(host, state, outcome, answer, started)
            self._changed.notify()

    def _note(self, host: str, state: _Host[Work], outcome: HostOutcome, answer: Answer, started: float) -> None:
        """Take note of an answer, or of the lack of one."""
        now = time.monotonic()
        if outcome in (HostOutcome.ANSWERED, HostOutcome.FAILING):
            state.waves = state.stalls = state.lost = 0
        if outcome is HostOutcome.ANSWERED:
            if now - started <= _SOON * self._settings.total_timeout:  # more at once would only make it later
                growth = 1.0 if state.cut_at == -math.inf else 1 / state.allowed
                state.allowed = min(self._settings.connections_per_host, state.allowed + growth)
            self._trust(state, trusted=True)
            return
        self._trust(state, trusted=False)
        state.wasted += now - max(started, state.wasted_until)
        state.wasted_until = now
        if answer.status is FetchStatus.TIMEOUT:
            state.stalls += self._cut(state, started)
        state.lost += outcome is HostOutcome.LOST
        limit = self._settings.host_seconds
        if state.lost >= LOST_IN_A_ROW:
            self._give_up(host, state, replace(answer, http_status=None))
        elif state.stalls >= STALLS_IN_A_ROW:
            self._give_up(host, state, _timeout(f"{state.stalls} times in a row it brought no whole answer in time"))
        elif limit and state.wasted >= limit:
            detail = f"{state.wasted:.3g} s went by without a whole answer, of fetch.host_seconds = {limit:g}"
            self._give_up(host, state, _timeout(detail))

    def _trust(self, state: _Host[Work], *, trusted: bool) -> None:
        """Count a host among those that answer, or among the others."""
        if state.trusted is not trusted:
            state.trusted = trusted
            sign = 1 if trusted else -1
            self._trusted_work += sign * (len(state.ready) + len(state.later))
            self._doubtful_active -= sign * state.active
            self._changed.notify()  # it may make room for more than one

    def _cut(self, state: _Host[Work], started: float) -> bool:
        """Halve the connections of a host, unless the request is from before it was done last; whether it was done."""
        if started <= state.cut_at:
            return False
        state.cut_at = time.monotonic()
        state.allowed = max(1.0, state.allowed / 2)
        return True

    def _throttle(self, host: str, state: _Host[Work], answer: Answer, started: float) -> None:
        """Pause the host; answers to requests from before the last pause belong to that pause."""
        if self._cut(state, started):
            state.waves += 1
            if state.waves > self._settings.retries:
                self._give_up(host, state, answer)
        backoff = self._settings.backoff * 2.0 ** (state.waves - 1)
        pause = min(self._settings.max_backoff, max(answer.wait, backoff))
        state.opens_at = max(state.opens_at, time.monotonic() + pause)
        logger.debug("%s asks for fewer requests: pausing it for %.1f s", tidy(host), pause)

    def _give_up(self, host: str, state: _Host[Work], answer: Answer) -> None:
        if state.given_up is None:
            logger.warning("giving up %s: %s", tidy(host), answer.detail)
            state.given_up = answer
            self._trust(state, trusted=True)  # its work costs no time any more

    def close(self) -> None:
        """Let every thread that waits for work go."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def _timeout(detail: str) -> Answer:
    """The answer to what is not asked of a host that takes too long."""
    return Answer(FetchStatus.TIMEOUT, f"the host is given up: {detail}")
