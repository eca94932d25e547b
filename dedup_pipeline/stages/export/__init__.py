"""The files that a team acts on."""

from dedup_pipeline.stages.export.stage import export

__all__ = ["export"]
