"""Waiting for a dump's file without a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from dedup_pipeline.addresses import with_secrets_of
from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import DedupError


class DumpTrigger(BaseTrigger):
    """Fires when a file is there, or when the time is up.

    Args:
        catalog: path or fsspec URL of the file, without the secrets that `ingest.dumps` has.
        until: when to give up, in seconds of the epoch.
        poll_seconds: seconds between two looks.
    """

    def __init__(self, catalog: str, until: float, poll_seconds: float) -> None:
        super().__init__()
        self.catalog, self.until, self.poll_seconds = catalog, until, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer finds and makes it."""
        named = {"catalog": self.catalog, "until": self.until, "poll_seconds": self.poll_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", named

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the file is there; a place that cannot be asked is asked again."""
        from dedup_pipeline.stages.ingest import is_there

        catalog = with_secrets_of(self.catalog, load_settings().ingest.dumps)
        while True:
            try:
                found = await asyncio.to_thread(is_there, catalog)
            except DedupError as error:
                self.log.warning("%s", error)
                found = False
            if found or time.time() >= self.until:
                yield TriggerEvent(found)
                return
            await asyncio.sleep(min(self.poll_seconds, max(0.1, self.until - time.time())))
