"""Candidates and verdicts: which pictures show one product."""

from dedup_pipeline.stages.match.calibration import Calibration
from dedup_pipeline.stages.match.nodes import features_of
from dedup_pipeline.stages.match.stage import finish_match, match, match_part, plan_match
from dedup_pipeline.stages.match.views import align

__all__ = ["Calibration", "align", "features_of", "finish_match", "match", "match_part", "plan_match"]
