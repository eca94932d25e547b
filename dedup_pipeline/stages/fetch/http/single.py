"""One picture by its URL, for a question rather than for a dump."""

from __future__ import annotations

import contextlib
import time

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.fetch.http.client import Client
from dedup_pipeline.stages.fetch.http.request import FetchRequest, FetchResult
from dedup_pipeline.wording import tidy


def fetch_one(url: str, settings: FetchSettings) -> bytes:
    """Fetch one image under the rules of a dump's: the same addresses refused, the same caps, tries and waits.

    Raises:
        InputError: it cannot be had, or is no image.
    """
    with contextlib.closing(Client(settings)) as client:
        request = FetchRequest.of(url)
        while True:
            answer = client.request(request.target)
            following = request.after(answer, settings)
            if isinstance(following, FetchResult):
                break
            time.sleep(max(following, min(answer.wait, settings.max_backoff)))
    if following.data is None:
        raise InputError(f"'{tidy(url)}' could not be fetched ({following.row['status']}): {following.row['detail']}")
    return following.data
