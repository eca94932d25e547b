"""The files that a team acts on."""

from dedup_pipeline.export.stage import export

__all__ = ["export"]
