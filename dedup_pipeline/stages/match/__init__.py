"""Candidates and verdicts: which pictures show one product."""

from dedup_pipeline.stages.match.calibrate import Calibration
from dedup_pipeline.stages.match.nodes import looks_of
from dedup_pipeline.stages.match.stage import finish_match, match, match_part, plan_match
from dedup_pipeline.stages.match.views import align

__all__ = ["Calibration", "align", "finish_match", "looks_of", "match", "match_part", "plan_match"]
