"""Smooth outlines: the pieces of cloth, lines and knobs that a drawn product is made of.

Coordinates are garment units: x to the right with 0 at the middle of the garment, y downwards from the shoulder or
waist, about 1 unit for half the width of a wide garment.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""`(N, 2) float64`, x and y in garment units."""

Fabric = Literal["main", "second", "third", "trim", "inside", "metal", "stand"]


@dataclass(frozen=True)
class Piece:
    """A piece of cloth with a closed outline.

    Attributes:
        outline: `(N, 2)`, closed by itself.
        fabric: which cloth of the palette covers it.
        turn: rotation of the pattern on it, in degrees.
        lift: how strongly it throws a shadow on what lies below, 0 to 1.
    """

    outline: Points
    fabric: Fabric = "main"
    turn: float = 0.0
    lift: float = 0.5


@dataclass(frozen=True)
class Line:
    """A seam, a row of stitches, a cord or a zip.

    Attributes:
        path: `(N, 2)`, open.
        width: in garment units.
        kind: how it is drawn.
        fabric: colour of cords and zips; seams and stitches take the shade of the cloth below.
    """

    path: Points
    width: float = 0.008
    kind: Literal["seam", "stitch", "cord", "zip"] = "seam"
    fabric: Fabric = "trim"


@dataclass(frozen=True)
class Knob:
    """A button or a rivet: a small disc at `centre` (x, y) with `radius`, in garment units."""

    centre: tuple[float, float]
    radius: float = 0.018
    fabric: Fabric = "trim"


Layer = Piece | Line | Knob


@dataclass(frozen=True)
class Garment:
    """Layers from the lowest to the highest, and how softly the cloth falls (0 stiff to 1 flowing)."""

    layers: tuple[Layer, ...]
    drape: float


def spline(*points: tuple[float, float], samples: int = 12) -> Points:
    """Return a curve through all points: a uniform Catmull-Rom spline, `(samples * (n - 1) + 1, 2)`."""
    knots = np.asarray(points, dtype=np.float64)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = (np.arange(samples) / samples)[:, None]
    pieces = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = -before + 3 * start - 3 * end + after
        square = 2 * before - 5 * start + 4 * end - after
        pieces.append(0.5 * (2 * start + (end - before) * t + square * t**2 + cubic * t**3))
    return np.vstack([*pieces, knots[-1:]])


def straight(*points: tuple[float, float]) -> Points:
    """Return the corners of a polyline as `(N, 2)`."""
    return np.asarray(points, dtype=np.float64)


def joined(*curves: Points) -> Points:
    """Join curves end to end, with a corner wherever two of them meet."""
    return np.vstack(curves)


def shifted(points: Points, across: float, down: float) -> Points:
    """Move points by (across, down)."""
    return np.asarray(points + np.array([across, down]), dtype=np.float64)


def flipped(points: Points) -> Points:
    """Mirror left and right, and walk the other way round."""
    return np.ascontiguousarray((points * (-1.0, 1.0))[::-1])


def symmetric(right_half: Points) -> Points:
    """Close an outline from its right half, given from the upper to the lower middle."""
    return joined(right_half, flipped(right_half))


def mirrored(layer: Layer) -> Layer:
    """Return the layer on the other side of the middle line."""
    if isinstance(layer, Piece):
        return replace(layer, outline=flipped(layer.outline), turn=-layer.turn)
    if isinstance(layer, Line):
        return replace(layer, path=flipped(layer.path))
    return replace(layer, centre=(-layer.centre[0], layer.centre[1]))


def both_sides(*layers: Layer) -> list[Layer]:
    """Return each layer and its mirror image."""
    return [side for layer in layers for side in (layer, mirrored(layer))]


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0) -> Points:
    """Return an ellipse about (x, y) with half axes `across` and `down`, turned by `turn` degrees."""
    angle = np.linspace(0.0, 2 * np.pi, 36, endpoint=False)
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    u, v = across * np.cos(angle), down * np.sin(angle)
    return np.stack([x + u * cosine - v * sine, y + u * sine + v * cosine], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Return the corners of a rectangle, clockwise."""
    return straight((left, top), (right, top), (right, bottom), (left, bottom))
