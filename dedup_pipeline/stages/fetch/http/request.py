"""One URL from its first request to its result: redirects, further tries, waits."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.pictures.perceptual import image_id
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http.addresses import AddressError, Target, read_url
from dedup_pipeline.stages.fetch.http.client import Answer
from dedup_pipeline.stages.fetch.http.host_queue import HostOutcome

_MOST_THROTTLES = 50  # a server that throttles one URL for ever, while it answers others, gets no more tries
_NO_ANSWER = (FetchStatus.TIMEOUT, FetchStatus.UNREACHABLE)


@dataclass(frozen=True)
class FetchResult:
    """The result of a URL: a row of FETCHES, and the image's bytes when it is one."""

    row: dict[str, Any]
    data: bytes | None

    @property
    def url(self) -> str:
        """The URL as the dump has it."""
        return str(self.row["url"])

    @property
    def ok(self) -> bool:
        """Whether it is an image."""
        return self.data is not None


@dataclass
class FetchRequest:
    """A URL under way.

    Attributes:
        url: as the dump has it.
        target: where the next request goes.
        tries: how often it was begun, apart from throttled answers.
        throttles: how often the server asked to come later.
        hops: the URLs that redirects led through in this try.
    """

    url: str
    target: Target
    tries: int = 0
    throttles: int = 0
    hops: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, url: str) -> FetchRequest:
        """Begin a request.

        Raises:
            AddressError: the URL is of no form that may be requested.
        """
        return cls(url, read_url(url))

    def outcome(self, answer: Answer, settings: FetchSettings) -> HostOutcome:
        """What an answer says about the host."""
        if answer.status is FetchStatus.THROTTLED:
            return HostOutcome.THROTTLED
        if answer.status in _NO_ANSWER:  # also of a body that stops: a host must not hold on to us by its headers
            final = not answer.again or self.tries >= settings.retries
            return HostOutcome.LOST if final else HostOutcome.SILENT
        return HostOutcome.FAILING if answer.again else HostOutcome.ANSWERED

    def after(self, answer: Answer, settings: FetchSettings) -> float | FetchResult:
        """What follows an answer: a wait in seconds before ``target`` is requested (again), or the result."""
        if answer.location is not None:
            return self._follow(answer, settings)
        if answer.status is FetchStatus.THROTTLED:
            self.throttles += 1
            if self.throttles < _MOST_THROTTLES:
                return 0.0  # the host's own pause holds it back; behind the rest, which it must not starve
            return self.result(answer)
        if not answer.again or self.tries >= settings.retries:
            return self.result(answer)
        self.tries += 1
        self.hops = []
        self.target = read_url(self.url)
        if answer.status is FetchStatus.TIMEOUT:
            return 0.0  # it has waited long enough, and goes behind what its host may answer sooner
        longest = min(settings.max_backoff, settings.backoff * 2.0 ** (self.tries - 1))
        jitter = random.uniform(0.0, longest)  # noqa: S311 - spreads the tries, guards nothing
        return max(0.001, answer.wait, jitter)

    def _follow(self, answer: Answer, settings: FetchSettings) -> float | FetchResult:
        self.hops.append(self.target.url)
        if len(self.hops) > settings.max_redirects:
            detail = f"there are more redirects than fetch.max_redirects = {settings.max_redirects}"
            return self.result(Answer(FetchStatus.REDIRECTS, detail, answer.http_status))
        try:
            self.target = read_url(urljoin(self.target.url, answer.location))
        except ValueError:
            return self.result(Answer(FetchStatus.REDIRECTS, "a redirect leads to no URL", answer.http_status))
        except AddressError as error:
            return self.result(Answer(FetchStatus.REDIRECTS, f"a redirect leads nowhere: {error}", answer.http_status))
        if self.target.url in self.hops:
            return self.result(Answer(FetchStatus.REDIRECTS, "the redirects go in a circle", answer.http_status))
        return 0.0

    def result(self, answer: Answer, *, asked: bool = True) -> FetchResult:
        """The result, when nothing follows an answer; ``asked`` is false when no request was made for it."""
        return fetched(self.url, answer, attempts=self.tries + self.throttles + asked)


def fetched(url: str, answer: Answer, *, attempts: int) -> FetchResult:
    """Put a result together."""
    data = answer.data
    row = {
        "url": url,
        "status": str(answer.status),
        "detail": answer.detail,
        "http_status": answer.http_status,
        "image_id": None if data is None else image_id(data),
        "size": None if data is None else len(data),
        "width": answer.width,
        "height": answer.height,
        "format": answer.format,
        "attempts": attempts,
        "fetched_at": datetime.now(UTC).replace(microsecond=0),
    }
    return FetchResult(row, data)
