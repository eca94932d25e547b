"""The files that a team acts on, and what they say."""

from dedup_pipeline.stages.export.exported import read_groups, read_pairs, read_summary
from dedup_pipeline.stages.export.stage import export

__all__ = ["export", "read_groups", "read_pairs", "read_summary"]
