"""Is what came an image? Judged by its content, whatever its type is said to be."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from dedup_pipeline.imaging import PictureError, check, open_image
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.wording import tidy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judgement:
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


def judge(data: bytes, *, max_pixels: int) -> Judgement:
    """Find out whether bytes are an image that decodes; nothing is decoded past the pixel cap."""
    try:
        image = open_image(data, max_pixels=max_pixels)
        check(data, max_pixels=max_pixels)
    except PictureError as error:
        return Judgement(error.status, tidy(str(error)))
    except Exception as error:
        # a hostile file can make a decoder raise anything; it must cost one photo and not the pack
        logger.warning("a decoder failed", exc_info=True)
        return Judgement(FetchStatus.TRUNCATED, f"the picture is damaged: its decoder raised {type(error).__name__}")
    return Judgement(FetchStatus.OK, None, image.width, image.height, image.format)
