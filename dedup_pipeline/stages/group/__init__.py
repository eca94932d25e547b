"""Groups: listings that are one product."""

from dedup_pipeline.stages.group.stage import group

__all__ = ["group"]
