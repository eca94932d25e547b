"""Reading a dump: which one and where, its listings, their families, and rejects."""

from dedup_pipeline.stages.ingest.locate import (
    Dump,
    check_inside,
    choose_dump,
    date_in,
    dumps_there,
    file_of,
    given_dump,
    is_there,
)
from dedup_pipeline.stages.ingest.stage import ingest

__all__ = [
    "Dump",
    "check_inside",
    "choose_dump",
    "date_in",
    "dumps_there",
    "file_of",
    "given_dump",
    "ingest",
    "is_there",
]
