"""Fetching: from the photos of a dump to packs of images, politely, safely, and each URL once."""

from dedup_pipeline.stages.fetch.http.single import fetch_one
from dedup_pipeline.stages.fetch.pack import fetch_pack
from dedup_pipeline.stages.fetch.plan import pack_seconds, plan_fetch, planned_packs
from dedup_pipeline.stages.fetch.stage import fetch, finish_fetch

__all__ = ["fetch", "fetch_one", "fetch_pack", "finish_fetch", "pack_seconds", "plan_fetch", "planned_packs"]
