"""Finding the photo that a page shows: a screenshot of a shop's app, a card with a price, a photo in a border of words.

The furniture of a page (bars, buttons, lines of words, icons) says nothing of the product, and covers half of the
picture. So whoever looks at a picture looks at its photo. Three things are taken off, outermost first:

- a *page*: a canvas of one colour with one large rectangle on it, or on the screen of a phone one thick thing, and
  beside it nothing but thin things;
- a *border*: flat, on all four sides, with straight edges, whatever colours it runs through;
- a *banner*: a flat band with words along one edge.

All else is left as it is: two photos on one page are a pack, and a product beside its accessories is no page.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.pictures.decode import Picture, greatest, shrunk, spread_of

SIDE = 128
"""Pixels of the square on which a page is looked for."""

Ints = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]

_LEVELS = 32  # of each channel; a colour is a level and its neighbours
_COLOURS = 2  # of the canvas: the commonest is often the photo's own ground
_CANVAS = 0.12  # share of the picture that a canvas fills
_INK = 12  # levels by which things differ from the canvas: beyond what JPEG does to it
_THIN = 0.12  # of the picture's long side: furniture is thinner
_FEWEST = 3  # things beside the photo
_FURNISHED = 0.25  # share of the canvas that they cover at most
_LEAST_PHOTO, _MOST_PHOTO = 0.2, 0.92  # share of the picture
_ACROSS = 0.8  # of the page's width or height: a photo reaches so far
_STRAIGHT, _EDGE = 0.8, 3  # share of a rectangle's sides that is not canvas, so many pixels inside: corners are round
_SCREEN = 1.5  # height over width
_SHARP = 16  # levels by which a pixel differs from that two rows on: an edge
_BORDER_LINE = 0.7  # share of the photo's side that is the edge of a border: its corners may be round
_ALIKE = 0.9  # of the clearest edge
_WIDE = 26  # pixels of the square, the most that a border covers of a side
_BORDER_FLAT, _BORDER_CUT = 0.9, 0.004  # share of a border that is flat at least, and sharp at most: products are cut
_BANNER_LINE = 0.85  # share of the width that is the edge of a banner
_LOW, _HIGH = 6, 36  # pixels of the square, the height of a banner
_FEWEST_WORDS, _MOST_WORDS = 0.04, 0.55  # share of a banner that is not of its colour
_CLEAN = 0.12  # of its rims, at most
_LEAST_SIDE = 32  # pixels of a photo
_MOST_ROWS = 0.75  # of a screen that the photo and the canvas around it fill
_THICK = np.ones((11, 11), np.uint8)


def photo_of(picture: Picture, small: Picture | None = None) -> Picture:
    """The photo that a page shows; a picture that is no page is returned as it is.

    Args:
        picture: (H, W, 3) uint8 RGB.
        small: ``shrunk(picture, SIDE)``, where it is there already.

    Returns:
        (h, w, 3) uint8 RGB, a view of the picture.
    """
    photo = picture
    square = _Square(shrunk(picture, SIDE) if small is None else small, *picture.shape[:2])
    for find in (_on_page, _in_border, _over_banner):
        found = find(square)
        if found is None:
            continue
        rows, columns = (
            _inside(first, last, length)
            for first, last, length in zip(found[::2], found[1::2], photo.shape[:2], strict=True)
        )
        if min(rows.stop - rows.start, columns.stop - columns.start) < _LEAST_SIDE:
            break
        photo = photo[rows, columns]
        square = _Square(shrunk(photo, SIDE), *photo.shape[:2])
    return photo


class _Square:
    """A picture squashed to a square.

    Args:
        pixels: (SIDE, SIDE, 3) uint8 RGB.
        height: of the picture, in pixels.
        width: of the picture.
    """

    def __init__(self, pixels: Picture, height: int, width: int) -> None:
        self.pixels, self.height, self.width = pixels, height, width

    @cached_property
    def rows(self) -> Floats:
        """How much of each row is an edge along it, (SIDE,) 0 to 1: it lies between the row and the one before."""
        return _lines(cv2.absdiff(self.pixels[2:], self.pixels[:-2]), 1)

    @cached_property
    def columns(self) -> Floats:
        """The same of each column."""
        return _lines(cv2.absdiff(self.pixels[:, 2:], self.pixels[:, :-2]), 0)


def _lines(changes: cv2.typing.MatLike, axis: int) -> Floats:
    """The share of each row (axis 1) or column (axis 0) where a channel changes sharply, two short ends aside."""
    _, sharp = cv2.threshold(greatest(changes), _SHARP, 1, cv2.THRESH_BINARY)
    lines = np.zeros(SIDE, np.float32)
    lines[1:-1] = np.ravel(cv2.reduce(sharp, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F))
    return lines


def _inside(first: int, last: int, length: int) -> slice:
    """Pixels of a side, of pixels of the square; where it does not end with the picture, one of these inside."""
    start = -(-(first + 1) * length // SIDE) if first else 0
    return slice(start, (last - 1) * length // SIDE if last < SIDE else length)


def _in_border(square: _Square) -> Box | None:
    """What a border on all four sides leaves; its inner corners may be round."""
    edges, strengths = [], []
    for lines in (square.rows, square.columns):
        for near in (lines, lines[::-1]):
            clear = near[: _WIDE + 1] >= _ALIKE * near[:_WIDE].max()
            outermost = int(clear.argmax())  # a banner within has an edge too
            edges.append(outermost + 1 + int(clear[outermost + 1]))  # an edge is two lines wide
            strengths.append(float(near[:_WIDE].max()))
    top, bottom, left, right = edges[0], SIDE - edges[1], edges[2], SIDE - edges[3]
    spans = [(right - left) / SIDE] * 2 + [(bottom - top) / SIDE] * 2
    if any(strength < _BORDER_LINE * span for strength, span in zip(strengths, spans, strict=True)):
        return None
    around = np.ones((SIDE, SIDE), dtype=bool)
    around[max(0, top - _EDGE) : bottom + _EDGE, max(0, left - _EDGE) : right + _EDGE] = False
    changes = spread_of(square.pixels)[around]
    if not len(changes) or (changes <= _INK).mean() < _BORDER_FLAT or (changes > 2 * _SHARP).mean() > _BORDER_CUT:
        return None
    return top, bottom, left, right


def _over_banner(square: _Square) -> Box | None:
    """What a banner along the lower or the upper edge leaves."""
    lines = square.rows
    for row in np.flatnonzero(lines[-_HIGH:-_LOW] >= _BANNER_LINE) + SIDE - _HIGH:
        if _is_banner(square.pixels[row + 2 :]):
            return 0, int(row), 0, SIDE
    for row in np.flatnonzero(lines[_LOW:_HIGH] >= _BANNER_LINE)[::-1] + _LOW:
        if _is_banner(square.pixels[: row - 1]):
            return int(row) + 1, SIDE, 0, SIDE
    return None


def _is_banner(band: Picture) -> bool:
    """Whether a band (H, SIDE, 3) has one colour, and words on it that do not reach its rim."""
    colour = np.median(band.reshape(-1, 3), axis=0)
    ink = np.abs(band - colour).max(axis=2) > _INK
    rims = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    return bool(_FEWEST_WORDS <= ink.mean() <= _MOST_WORDS and max(rim.mean() for rim in rims) <= _CLEAN)


def _on_page(square: _Square) -> Box | None:
    """Where on the square of a page its photo is: top, bottom, left, right in pixels of the square."""
    is_screen = square.height >= _SCREEN * square.width
    if not is_screen and max(square.rows.max(), square.columns.max()) < _STRAIGHT * _ACROSS:
        return None  # the cheap answer for most pictures
    counts = cv2.calcHist([square.pixels], [0, 1, 2], None, [_LEVELS] * 3, [0, 256] * 3)
    for _ in range(_COLOURS):
        place = np.array(np.unravel_index(counts.argmax(), counts.shape))
        around = tuple(slice(max(0, level - 1), level + 2) for level in place.tolist())
        if counts[around].sum() < _CANVAS * SIDE * SIDE:
            break
        counts[around] = 0
        canvas = place * (256 // _LEVELS) + 128 // _LEVELS
        found = _photo_among(_Things(square.pixels, canvas), square.height, square.width)
        if found:
            return found
    return None


class _Things:
    """What lies on the canvas of a page.

    Args:
        pixels: (SIDE, SIDE, 3) uint8 RGB.
        canvas: (3,) its colour.

    Attributes:
        ink: (SIDE, SIDE) uint8, 255 where it is not canvas.
        labels: (SIDE, SIDE) int32, the number of each thing, from 1.
        boxes: (T, 5) left, top, width, height and area of each, in pixels.
    """

    def __init__(self, pixels: Picture, canvas: Ints) -> None:
        ink = cv2.bitwise_not(cv2.inRange(pixels, np.maximum(canvas - _INK, 0), np.minimum(canvas + _INK, 255)))
        self.ink = np.asarray(ink, dtype=np.uint8)
        _, self.labels, boxes, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
        self.boxes: Ints = np.asarray(boxes[1:], dtype=np.int64)


def _photo_among(things: _Things, height: int, width: int) -> Box | None:
    """The photo among the things on a page of some height and width in pixels."""
    if len(things.boxes) <= _FEWEST:
        return None
    return _rectangle(things, height, width) or (_shown_on_screen(things) if height >= _SCREEN * width else None)


def _rectangle(things: _Things, height: int, width: int) -> Box | None:
    """The largest thing, where it is a rectangle and all beside it is thin."""
    boxes = things.boxes
    left, top, wide, tall, _ = boxes[(boxes[:, 2] * boxes[:, 3]).argmax()].tolist()
    size = wide * tall / SIDE**2
    if not _LEAST_PHOTO <= size <= _MOST_PHOTO or max(wide, tall) < _ACROSS * SIDE:
        return None
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]
    inside = ((starts >= (left, top)) & (ends <= (left + wide, top + tall))).all(axis=1)
    beside = boxes[~inside]
    thickness = np.minimum(beside[:, 2] * width, beside[:, 3] * height) / SIDE
    if len(beside) < _FEWEST or thickness.max() > _THIN * max(height, width):
        return None
    if beside[:, 4].sum() > _FURNISHED * (SIDE**2 - wide * tall):
        return None
    part = things.ink[top : top + tall, left : left + wide]
    edges = (part[_EDGE], part[-1 - _EDGE], part[:, _EDGE], part[:, -1 - _EDGE])
    straight = min(cv2.countNonZero(edge) / edge.size for edge in edges) >= _STRAIGHT
    return (top, top + tall, left, left + wide) if straight else None


def _shown_on_screen(things: _Things) -> Box | None:
    """The rows around what is thick on a screen, from the nearest thin thing above to the nearest below.

    The photo's own ground has the colour of the canvas: where it ends cannot be seen.
    """
    held = np.bincount(things.labels[cv2.morphologyEx(things.ink, cv2.MORPH_OPEN, _THICK) > 0])[1:]
    thick = np.append(held > 0, np.zeros(len(things.boxes) - len(held), dtype=bool))
    if not thick.any():
        return None
    tops, bottoms = things.boxes[:, 1], things.boxes[:, 1] + things.boxes[:, 3]
    first, last = tops[thick].min(), bottoms[thick].max()
    above, below = bottoms[~thick & (bottoms <= first)], tops[~thick & (tops >= last)]
    if min(len(above), len(below)) < _FEWEST - 1:
        return None
    top, bottom = int(above.max()), int(below.min())
    return (top, bottom, 0, SIDE) if bottom - top <= _MOST_ROWS * SIDE else None
