"""Aligning one picture with another: is what they share the same, and does either show more?"""

from dedup_pipeline.verdict.alignment.difference import ALIGNED, VERSION, aligned_evidence
from dedup_pipeline.verdict.alignment.patches import DEEP
from dedup_pipeline.verdict.alignment.registration import Registration, register
from dedup_pipeline.verdict.alignment.view import View, view_of

__all__ = ["ALIGNED", "DEEP", "VERSION", "Registration", "View", "aligned_evidence", "register", "view_of"]
