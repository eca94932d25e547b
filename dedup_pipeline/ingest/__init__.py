"""Reading a dump: listings, their families, and rejects."""

from dedup_pipeline.ingest.stage import ingest

__all__ = ["ingest"]
