"""Groups: listings that are one product."""

from dedup_pipeline.group.stage import group

__all__ = ["group"]
