"""Motifs as they are printed on garments, bottles and cases: shapes, words, numbers, pieces of other products."""

from __future__ import annotations

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.augmentation.edits.overlay import lettering
from dedup_pipeline.augmentation.seller_edits import between, outline

_WORDS = (
    "ROMA",
    "OSLO",
    "CLUB",
    "No. 5",
    "WILD",
    "LOVE",
    "Sport",
    "86",
    "23",
    "7",
    "10",
    "A",
    "K",
    "XO",
    "free",
    "Lily",
)
_LEAST_SIDE = 8


def drawn_motif(
    other: Picture, width: int, generator: np.random.Generator, *, twin: bool = False
) -> tuple[Picture, Mask]:
    """Draw a motif.

    Args:
        other: (H, W, 3) uint8 RGB, a photo of which a piece may be taken.
        width: in pixels; at least 8 are drawn.
        generator: decides all else; it is advanced.
        twin: whether to draw the twin of the motif that an equal generator gives: of its kind and in its colours, and
            another word, shape or piece.

    Returns:
        The motif (h, w, 3) uint8 RGB, and where its ink is, (h, w) uint8, 255 on it.
    """
    width = max(_LEAST_SIDE, width)
    kind = generator.choice(["shape", "word", "rows", "piece"], p=[0.35, 0.3, 0.1, 0.25])
    colours, blended = generator.integers(0, 256, size=(2, 3)), generator.random() < 0.3
    form = generator.spawn(2)[int(twin)]
    if kind == "piece":
        return _piece(other, width, form)
    if kind == "shape":
        ink = _shape(width, form)
    elif kind == "word":
        ink = _word(width, form)
    else:
        ink = np.concatenate([_word(width, form) if form.random() < 0.5 else _bar(width, form) for _ in range(3)])
    share = np.zeros(ink.shape, np.float32)
    if blended:  # two colours, one running into the other
        share = np.repeat(np.linspace(0, 1, len(ink), dtype=np.float32)[:, None], ink.shape[1], axis=1)
    motif = colours[0] * (1 - share[..., None]) + colours[1] * share[..., None]
    return motif.round().astype(np.uint8), ink


def _shape(width: int, generator: np.random.Generator) -> Mask:
    """A disc, star, flower, heart or splinter, or the ring of one."""
    ink = np.zeros((width, width), np.uint8)
    corners = (np.array(outline(generator)) * 0.48 + 0.5) * width
    sixteenths = np.round(corners * 16).astype(np.int32)
    if generator.random() < 0.3:
        cv2.polylines(
            ink, [sixteenths], True, 255, max(2, round(width * between(generator, 0.06, 0.2))), cv2.LINE_AA, 4
        )
    else:
        cv2.fillPoly(ink, [sixteenths], 255, cv2.LINE_AA, 4)
    return ink


def _word(width: int, generator: np.random.Generator) -> Mask:
    drawn = lettering(str(generator.choice(_WORDS)), 64)
    height = max(4, min(width, round(drawn.shape[0] * width / drawn.shape[1])))
    return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _bar(width: int, generator: np.random.Generator) -> Mask:
    gap, bar = (max(1, round(width * between(generator, 0.05, 0.2))) for _ in range(2))
    return np.concatenate([np.full((bar, width), 255, np.uint8), np.zeros((gap, width), np.uint8)])


def _piece(other: Picture, width: int, generator: np.random.Generator) -> tuple[Picture, Mask]:
    """A round or square piece of the middle of another photo."""
    height, across = other.shape[:2]
    side = max(_LEAST_SIDE, round(min(height, across) * between(generator, 0.15, 0.5)))
    top = round((height - side) * between(generator, 0.25, 0.75))
    left = round((across - side) * between(generator, 0.25, 0.75))
    cut = other[max(0, top) : top + side, max(0, left) : left + side]
    piece = np.asarray(cv2.resize(cut, (width, width), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ink = np.full((width, width), 255, np.uint8)
    if generator.random() < 0.6:
        ink[:] = 0
        cv2.circle(ink, (width // 2, width // 2), width // 2 - 1, 255, -1, cv2.LINE_AA)
    return piece, ink
