"""The threads that fetch: they take requests that may start, make one request each time and hand results over."""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Self

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.stages.fetch.http.addresses import AddressError
from dedup_pipeline.stages.fetch.http.client import Answer, Client
from dedup_pipeline.stages.fetch.http.host_queue import HostQueue
from dedup_pipeline.stages.fetch.http.request import FetchRequest, FetchResult, fetched

_LEAVE_SECONDS = 1.0


class FetchWorkers:
    """Fetches URLs with a number of threads while its ``with`` block lasts.

    Args:
        settings: threads, limits, tries.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._requests: HostQueue[FetchRequest] = HostQueue(settings)
        # bounded: when the store is slow, fetching waits for it and not memory
        self._results: queue.Queue[FetchResult | BaseException] = queue.Queue(maxsize=2 * settings.threads)
        self._ready: list[FetchResult] = []
        self._threads = [
            threading.Thread(target=self._work, name=f"fetch-{number}", daemon=True)
            for number in range(settings.threads)
        ]

    def __enter__(self) -> Self:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the threads; a request under way is not waited for."""
        self._requests.close()
        leave = time.monotonic() + _LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, leave - time.monotonic()))
        self._client.close()

    def send(self, url: str) -> None:
        """Have a URL fetched."""
        try:
            request = FetchRequest.of(url)
        except AddressError as error:
            self._ready.append(fetched(url, Answer(error.status, str(error)), attempts=0))
            return
        self._requests.put(request.target.site, request)

    def next_result(self, timeout: float) -> FetchResult | None:
        """The next result, or None when there is none within so many seconds.

        Raises:
            Exception: what a thread failed with, which is a defect and not a failed URL.
        """
        if self._ready:
            return self._ready.pop()
        try:
            result = self._results.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(result, BaseException):
            raise result
        return result

    def _work(self) -> None:
        try:
            while (taken := self._requests.take()) is not None:
                self._ask(*taken)
        except BaseException as error:  # noqa: BLE001 - raised again by `next_result`
            self._hand_over(error)

    def _ask(self, host: str, request: FetchRequest, given_up: Answer | None) -> None:
        started = time.monotonic()
        answer = given_up or self._client.request(request.target)
        outcome = request.outcome(answer, self._settings)
        follows = request.result(answer, asked=False) if given_up else request.after(answer, self._settings)
        self._requests.release(host, outcome, answer, started)
        if isinstance(follows, FetchResult):
            self._hand_over(follows)
        else:
            self._requests.put(request.target.site, request, wait=follows)

    def _hand_over(self, result: FetchResult | BaseException) -> None:
        while not self._requests.closed:
            try:
                self._results.put(result, timeout=0.5)
            except queue.Full:
                continue
            return
