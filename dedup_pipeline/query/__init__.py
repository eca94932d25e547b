"""Questions about single pictures: are these two one product, what is near to this one?"""

from dedup_pipeline.query.lookup import Near, lookup
from dedup_pipeline.query.verify import Verdict, verify

__all__ = ["Near", "Verdict", "lookup", "verify"]
