"""Motifs that are printed on the chest of a plain garment."""

import numpy as np

from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.outlines import Fabric, Layer, Line, Piece, Points, box, ellipse, spline

_PLACES: dict[Kind, tuple[float, float]] = {
    "trouser": (0.3, 0.75),
    "short": (0.3, 0.55),
    "skirt": (0.0, 0.55),
    "hand-bag": (0.0, 0.5),
}
_CHEST = (0.0, 0.58)


def chest_motif(kind: Kind, generator: np.random.Generator) -> tuple[Layer, ...]:
    """Draw a motif at the place where the kind of product carries one, in the second and third colour."""
    size = generator.uniform(0.13, 0.24) * (0.45 if kind in {"trouser", "short"} else 1.0)
    centre = np.asarray(_PLACES.get(kind, _CHEST)) + generator.uniform(-0.02, 0.02, 2)
    drawers = (_burst, _rings, _mountains, _bars, _waves, _petals)
    layers = drawers[generator.integers(len(drawers))](generator)
    return tuple(_moved(layer, size, centre) for layer in layers)


def _moved(layer: Layer, size: float, centre: Points) -> Layer:
    if isinstance(layer, Piece):
        return Piece(layer.outline * size + centre, layer.fabric, layer.turn, lift=0.0)
    if isinstance(layer, Line):
        return Line(layer.path * size + centre, layer.width * size, layer.kind, layer.fabric)
    return layer


def _burst(generator: np.random.Generator) -> list[Layer]:
    points = int(generator.integers(5, 14))
    angle = np.arange(2 * points) * np.pi / points - np.pi / 2
    radius = np.where(np.arange(2 * points) % 2, generator.uniform(0.4, 0.8), 1.0)
    star = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    share = generator.uniform(0.25, 0.5)
    return [Piece(star, "second"), Piece(ellipse(0, 0, share, share), "third")]


def _rings(generator: np.random.Generator) -> list[Layer]:
    count = int(generator.integers(2, 5))
    fabrics: tuple[Fabric, Fabric] = ("second", "third")
    radii = np.linspace(1.0, 0.25, count)
    across = generator.uniform(0.7, 1.2)
    return [Piece(ellipse(0, 0, across * r, r), fabrics[index % 2]) for index, r in enumerate(radii)]


def _mountains(generator: np.random.Generator) -> list[Layer]:
    x = np.linspace(-1.2, 1.2, 9)
    ridge = np.stack([x, -generator.uniform(0.0, 0.9, 9) * (1.2 - np.abs(x))], axis=1)
    outline = np.vstack([ridge, [(1.2, 0.6), (-1.2, 0.6)]])
    sun = ellipse(generator.uniform(-0.6, 0.6), -0.75, 0.32, 0.32)
    return [Piece(sun, "third"), Piece(outline, "second")]


def _bars(generator: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for row, width in enumerate(generator.uniform(0.5, 1.5, int(generator.integers(3, 6)))):
        y = -0.7 + 0.36 * row
        layers.append(Piece(box(-width, y, width, y + 0.22), "second" if row % 2 else "third"))
    return layers


def _waves(generator: np.random.Generator) -> list[Layer]:
    height, lines = generator.uniform(0.1, 0.25), int(generator.integers(3, 6))
    layers: list[Layer] = []
    for row in range(lines):
        y = -0.7 + 1.4 * row / (lines - 1)
        points = [(float(x), float(y + height * (-1) ** step)) for step, x in enumerate(np.linspace(-1.3, 1.3, 8))]
        layers.append(Line(spline(*points), 0.16, "cord", "second" if row % 2 else "third"))
    return layers


def _petals(generator: np.random.Generator) -> list[Layer]:
    count, slim = int(generator.integers(4, 9)), generator.uniform(0.18, 0.34)
    layers: list[Layer] = []
    for turn in np.arange(count) * 360.0 / count:
        x, y = 0.6 * np.cos(np.radians(turn)), 0.6 * np.sin(np.radians(turn))
        layers.append(Piece(ellipse(float(x), float(y), 0.55, slim, float(turn)), "second"))
    return [*layers, Piece(ellipse(0, 0, 0.25, 0.25), "third")]
