"""Is what came an image? Judged by its content, whatever its type is said to be."""

from __future__ import annotations

from dataclasses import dataclass

from dedup_pipeline.pictures.decode import Limits, PictureError, check
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.wording import tidy


@dataclass(frozen=True)
class ContentCheck:
    """What some bytes are.

    Attributes:
        status: OK, or what is wrong.
        detail: a sentence on it; null for OK.
        width: pixels, as stored; null unless OK.
        height: pixels, as stored; null unless OK.
        format: the format's name; null unless OK.
    """

    status: FetchStatus
    detail: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None


def check_content(data: bytes, limits: Limits) -> ContentCheck:
    """Find out whether bytes are an image that decodes within some limits.

    Raises:
        ResourceError: this machine cannot tell now.
    """
    try:
        header = check(data, limits)
    except PictureError as error:
        return ContentCheck(error.status, tidy(str(error)))
    return ContentCheck(FetchStatus.OK, None, header.width, header.height, header.format)
