"""Telling drawn pictures of text from photos: size charts, "free shipping" banners, logos with a name, cards of words.

Such a picture says nothing of the product. It has few flat colours, hardly any pixel that is neither flat nor on a
sharp edge, and letters: small marks of different shapes, of about one height, side by side on one of the flat colours.
A photo fails on its texture, a print or a pattern of few colours on the letters, and a photo with a seller's name in
its corner on its colours.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from dedup_pipeline.pictures import photo_region
from dedup_pipeline.pictures.decode import Picture, halved, shrunk, spread_of
from dedup_pipeline.pictures.perceptual import Square, square

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SIDES = (320, 640, 1280)  # pixels of the long side at most, until letters are readable: a tall chart is narrow
_FLAT, _SHARP = 12, 64  # levels that a channel varies by within 3 x 3 pixels: at most, at least
_MOST_TEXTURE = 0.25  # share of the pixels that are neither; of photos on white 0.08 to 0.27, of cards 0.01 to 0.19
_COLOURS = 4
_LEAST_COVERED = 0.997  # share of the flat pixels that have one of so many colours; of photos on white 0.90 to 0.99
_LEAST_COVERED_SQUARE = 0.995  # of the square, where letters have no pixel of their own; of cards 1.0
_LEVELS = 32  # of each channel; a colour is a level and its neighbours
_FEWEST_LETTERS, _MOST_MARKS = 4, 1200  # more are a pattern; and all pairs of them are looked at
_PAPER = 0.08  # share of the picture that a colour fills on which letters are looked for
_INK = 56  # levels by which letters differ from their paper
_LETTER_HEIGHTS = (5, 0.3)  # pixels, share of the height
_SHAPE = 0.12  # letters whose fill and width agree so far have one shape: dots and stripes have only one


def is_text_card(picture: Picture, square: Picture) -> bool:
    """Whether a picture is drawn text and no photo.

    Args:
        picture: (H, W, 3) uint8 RGB.
        square: what ``perceptual.square`` made of it; its colours tell most photos, those of a small picture the rest.
    """
    if _covered(square) < _LEAST_COVERED_SQUARE or _covered(_small(picture, _SIDES[0] // 2)) < _LEAST_COVERED:
        return False
    for side in _SIDES:
        small = _small(picture, side)
        spread = spread_of(small)
        flat = spread <= _FLAT
        covered, papers = _palette(small, flat) if flat.any() else (0.0, [])
        if covered < _LEAST_COVERED:
            return False
        textured = cv2.countNonZero(cv2.inRange(spread, _FLAT + 1, _SHARP - 1))
        drawn = textured <= _MOST_TEXTURE * flat.size
        if drawn and sum(_letters_on(small, paper) for paper in papers) >= _FEWEST_LETTERS:
            return True
        if max(picture.shape[:2]) <= side:
            return False
    return False


def photo_or_card(picture: Picture) -> tuple[Picture, Square, bool]:
    """What of a picture is looked at: a card of text whole, else the photo that it shows.

    Returns:
        That, the ``perceptual.square`` of the picture, and whether the picture is a card.
    """
    small = shrunk(picture, photo_region.SIDE)
    squared = square(small)
    if is_text_card(picture, squared):
        return picture, squared, True
    return photo_region.photo_of(picture, small), squared, False


def _small(picture: Picture, side: int) -> Picture:
    """The picture (H, W, 3) within so many pixels; halves first, which is far cheaper than to shrink well otherwise."""
    while max(picture.shape[:2]) >= 2 * side and min(picture.shape[:2]) > 1:
        picture = halved(picture)
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _covered(picture: Picture) -> float:
    """The share of the flat pixels that few colours cover; 0 where nothing is flat."""
    flat = spread_of(picture) <= _FLAT
    return _palette(picture, flat)[0] if flat.any() else 0.0


def _palette(picture: Picture, flat: Mask) -> tuple[float, list[Ints]]:
    """The share of the flat pixels that the commonest colours cover, and which of these (3,) are papers."""
    counts = cv2.calcHist([picture], [0, 1, 2], flat.view(np.uint8), [_LEVELS] * 3, [0, 256] * 3)
    total, papers, covered = counts.sum(), [], 0.0
    for _ in range(_COLOURS):
        place = np.array(np.unravel_index(counts.argmax(), counts.shape))
        around = tuple(slice(max(0, level - 1), level + 2) for level in place.tolist())
        held = float(counts[around].sum())
        counts[around] = 0
        covered += held
        if held >= _PAPER * flat.size:
            papers.append(place * (256 // _LEVELS) + 128 // _LEVELS)
    return covered / float(total), papers


def _letters_on(picture: Picture, paper: Ints) -> int:
    """How many marks on a paper of some colour (3,) stand in lines of three and more, and are not all of one shape."""
    ink = cv2.bitwise_not(cv2.inRange(picture, np.maximum(paper - _INK, 0), np.minimum(paper + _INK, 255)))
    marks = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:].astype(np.int64)
    left, top, width, height, area = marks.T
    least, most = _LETTER_HEIGHTS
    sized = (height >= least) & (height <= most * len(picture)) & (width <= 2 * height)
    filled = (area >= 0.12 * height * width) & (area <= 0.95 * height * width + 3)
    left, top, width, height, area = marks[sized & filled].T
    if not _FEWEST_LETTERS - 1 <= len(left) <= _MOST_MARKS:
        return 0
    lines = connected_components(csr_matrix(_beside(left, top, width, height)), directed=False)[1]
    shapes = np.round(np.stack([area / (height * width), width / height], axis=1) / _SHAPE)
    letters = 0
    for line in np.unique(lines):
        members = lines == line
        many, distinct = int(members.sum()), len(np.unique(shapes[members], axis=0))
        if many >= 3 and distinct >= min(3, 0.4 * many):
            letters += many
    return letters


def _beside(left: Ints, top: Ints, width: Ints, height: Ints) -> Mask:
    """(M, M) which of M marks, (M,) each in pixels, are of about one height, in one line and close together."""
    right, bottom = left + width, top + height
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    lower, higher = np.minimum(height[:, None], height), np.maximum(height[:, None], height)
    near = (overlap > 0.6 * lower) & (higher < 1.8 * lower) & (gap < 1.2 * lower) & (gap > -0.2 * lower)
    np.fill_diagonal(near, False)
    return np.asarray(near)
