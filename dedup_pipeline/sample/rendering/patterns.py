"""Patterns of cloth, drawn on a square tile that repeats without a seam."""

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, shifted
from dedup_pipeline.sample.rendering.palette import Palette

Pattern = Literal[
    "solid", "melange", "stripes", "pinstripes", "gingham", "plaid", "dots", "floral", "paisley", "chevron", "leaves",
    "diamonds", "tie-dye", "blocks", "print",
]  # fmt: skip

TILE = 384
"""Side of a tile in pixels; one tile pixel is one picture pixel, more or less."""


def draw_tile(pattern: Pattern, palette: Palette, generator: np.random.Generator) -> Picture:
    """Draw a pattern; the geometry depends on the generator only, so that recolours have the very same motifs.

    Returns:
        `(TILE, TILE, 3) uint8` RGB that can be repeated in both directions.
    """
    if _PAINTERS[pattern] is _solid:
        return np.full((TILE, TILE, 3), palette.main, dtype=np.uint8)
    canvas = np.full((2 * TILE, 2 * TILE, 3), palette.main, dtype=np.uint8)
    _PAINTERS[pattern](canvas, palette, generator)
    return np.ascontiguousarray(cv2.resize(canvas, (TILE, TILE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _solid(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    """Leave the cloth plain."""


def _melange(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    grain = generator.standard_normal((TILE // 2, TILE * 2)).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.resize(grain, (2 * TILE, 2 * TILE)), (0, 0), 1.2)
    weight = np.clip(0.5 + 0.45 * soft, 0.0, 0.75)[..., None] * generator.uniform(0.5, 0.9)
    light = np.minimum(255.0, 60.0 + 0.85 * np.asarray(palette.main, dtype=np.float32))
    canvas[...] = (canvas + (light - canvas) * weight).astype(np.uint8)


def _stripes(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count = int(generator.choice([4, 6, 8, 12, 16]))
    period, share = canvas.shape[0] / count, generator.uniform(0.2, 0.6)
    upright, twin = generator.random() < 0.3, generator.random() < 0.4
    for row in range(count):
        start = row * period
        _band(canvas, start, start + share * period, palette.second, upright=upright)
        if twin:
            middle = start + (share + 1.0) / 2 * period
            _band(canvas, middle - 0.06 * period, middle + 0.06 * period, palette.third, upright=upright)


def _pinstripes(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count = int(generator.choice([16, 24, 32]))
    for start in np.arange(count) * canvas.shape[0] / count:
        _band(canvas, start, start + 4, palette.second, upright=True)


def _gingham(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count = int(generator.choice([8, 12, 16, 24]))
    _woven(canvas, palette.second, count, share=0.5, opacity=0.55)


def _plaid(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count = int(generator.choice([3, 4, 6]))
    _woven(canvas, palette.second, count, share=generator.uniform(0.3, 0.5), opacity=0.6)
    _woven(canvas, palette.third, count, share=0.06, opacity=0.8, offset=generator.uniform(0.55, 0.8))
    if generator.random() < 0.6:
        _woven(canvas, palette.trim, 2 * count, share=0.05, opacity=0.7, offset=0.2)


def _dots(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count = int(generator.choice([6, 8, 12, 16]))
    radius = generator.uniform(0.14, 0.34)
    for x, y in _lattice(count):
        _shape(canvas, ellipse(0, 0, radius, radius) * canvas.shape[0] / count, (x, y), palette.second)


def _floral(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    side = canvas.shape[0]
    petals, size = int(generator.integers(4, 8)), generator.uniform(0.035, 0.075) * side
    for x, y, turn, scale in _scattered(generator, int(generator.integers(14, 30))):
        for petal in range(petals):
            angle = turn + petal * 360.0 / petals
            offset = size * scale * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            outline = ellipse(0, 0, 0.62 * size * scale, 0.36 * size * scale, angle) + 0.6 * offset
            _shape(canvas, outline, (x, y), palette.second)
        _shape(canvas, ellipse(0, 0, 0.27 * size * scale, 0.27 * size * scale), (x, y), palette.third)
        leaf = ellipse(1.5 * size * scale, 0, 0.5 * size * scale, 0.17 * size * scale)
        _shape(canvas, _turned(leaf, turn + 25), (x, y), palette.trim)


def _paisley(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    size = generator.uniform(0.06, 0.11) * canvas.shape[0]
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    drop = np.stack([np.sin(angle) * (0.55 - 0.45 * np.cos(angle)), -np.cos(angle)], axis=1)
    drop[:, 0] += 0.35 * np.maximum(0.0, -drop[:, 1]) ** 2
    for x, y, turn, scale in _scattered(generator, int(generator.integers(10, 20))):
        outline = _turned(drop * size * scale, turn)
        for share, colour in ((1.0, palette.second), (0.72, palette.main), (0.5, palette.third), (0.22, palette.trim)):
            _shape(canvas, outline * share, (x, y), colour)


def _chevron(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    rows, columns = int(generator.choice([6, 8, 12])), int(generator.choice([6, 8, 12]))
    side = canvas.shape[0]
    height, half = side / rows, side / columns / 2
    rise = generator.uniform(0.4, 1.0) * height
    x = np.arange(-1, 2 * columns + 2) * half
    zigzag = np.where(np.arange(len(x)) % 2, rise, 0.0)
    for row in range(-2, rows + 1):
        low, high = row * height + zigzag, row * height + zigzag + 0.5 * height
        outline = np.vstack([np.stack([x, low], 1), np.stack([x, high], 1)[::-1]])
        _fill(canvas, outline, palette.second if row % 2 else palette.third)


def _leaves(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    size = generator.uniform(0.05, 0.1) * canvas.shape[0]
    along = np.linspace(0, np.pi, 14)
    half = np.stack([np.cos(along), 0.32 * np.sin(along)], 1)
    leaf = np.vstack([half, -half])
    for index, (x, y, turn, scale) in enumerate(_scattered(generator, int(generator.integers(24, 46)))):
        colour = (palette.second, palette.third, palette.second)[index % 3]
        _shape(canvas, _turned(leaf * size * scale, turn), (x, y), colour)
        _shape(canvas, _turned(leaf * (0.95, 0.12) * size * scale, turn), (x, y), palette.main)


def _diamonds(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    count, tall = int(generator.choice([6, 8, 12])), generator.uniform(0.5, 1.0)
    step = canvas.shape[0] / count
    diamond = np.array([[0, -0.5 * tall], [0.5, 0], [0, 0.5 * tall], [-0.5, 0]]) * step
    for x, y in _lattice(count):
        _shape(canvas, diamond * 0.95, (x, y), palette.second)
        _shape(canvas, diamond * 0.45, (x, y), palette.third)


def _tie_dye(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    coarse = generator.standard_normal((9, 9)).astype(np.float32)
    coarse[-1], coarse[:, -1] = coarse[0], coarse[:, 0]
    field = cv2.resize(coarse, (2 * TILE, 2 * TILE), interpolation=cv2.INTER_CUBIC)
    weight = (1.0 / (1.0 + np.exp(-4.0 * field)))[..., None]
    canvas[...] = (canvas + (np.asarray(palette.second, dtype=np.float32) - canvas) * weight).astype(np.uint8)


def _blocks(canvas: Picture, palette: Palette, generator: np.random.Generator) -> None:
    first, second = np.sort(generator.uniform(0.15, 0.85, 2)) * canvas.shape[0]
    _band(canvas, first, second, palette.second, upright=False)
    if generator.random() < 0.6:
        _band(canvas, second, second + 0.08 * canvas.shape[0], palette.third, upright=False)


def _band(canvas: Picture, start: float, end: float, colour: Colour, *, upright: bool) -> None:
    low, high = round(start), max(round(start) + 1, round(end))
    if upright:
        canvas[:, low:high] = colour
    else:
        canvas[low:high] = colour


def _woven(canvas: Picture, colour: Colour, count: int, *, share: float, opacity: float, offset: float = 0.0) -> None:
    """Lay bands in both directions, each letting the cloth shine through, so that crossings are darker."""
    period = canvas.shape[0] / count
    covered = (np.arange(canvas.shape[0]) / period + offset) % 1.0 < share
    for view in (canvas, canvas.swapaxes(0, 1)):
        view[covered] = (view[covered] + (np.asarray(colour, dtype=np.float32) - view[covered]) * opacity).astype(
            np.uint8
        )


def _lattice(count: int) -> list[tuple[float, float]]:
    step = 2 * TILE / count
    return [((column + 0.5 * (row % 2)) * step, (row + 0.5) * step) for row in range(count) for column in range(count)]


def _scattered(generator: np.random.Generator, count: int) -> list[tuple[float, float, float, float]]:
    """Return places (x, y), turns in degrees and scales that keep a distance from each other, also across the seam."""
    side, kept = 2.0 * TILE, np.empty((0, 2))
    for candidate in generator.uniform(0, side, (count * 6, 2)):
        gap = np.abs(kept - candidate)
        gap = np.minimum(gap, side - gap)
        if len(kept) < count and (not len(kept) or np.hypot(*gap.T).min() > 0.75 * side / np.sqrt(count)):
            kept = np.vstack([kept, candidate])
    turns, scales = generator.uniform(0, 360, len(kept)), generator.uniform(0.75, 1.25, len(kept))
    return [(float(x), float(y), float(t), float(s)) for (x, y), t, s in zip(kept, turns, scales, strict=True)]


def _turned(points: Points, degrees: float) -> Points:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]), dtype=np.float64)


def _shape(canvas: Picture, outline: Points, centre: tuple[float, float], colour: Colour) -> None:
    """Fill an outline about a centre, again on the other side where it crosses the seam."""
    side = canvas.shape[0]
    placed = outline + centre
    low, high = placed.min(axis=0), placed.max(axis=0)
    for x in (0, side if low[0] < 0 else -side if high[0] > side else 0):
        for y in (0, side if low[1] < 0 else -side if high[1] > side else 0):
            _fill(canvas, shifted(placed, x, y), colour)


def _fill(canvas: Picture, outline: Points, colour: Colour) -> None:
    cv2.fillPoly(canvas, [np.rint(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


_PAINTERS: dict[Pattern, Callable[[Picture, Palette, np.random.Generator], None]] = {
    "solid": _solid,
    "melange": _melange,
    "stripes": _stripes,
    "pinstripes": _pinstripes,
    "gingham": _gingham,
    "plaid": _plaid,
    "dots": _dots,
    "floral": _floral,
    "paisley": _paisley,
    "chevron": _chevron,
    "leaves": _leaves,
    "diamonds": _diamonds,
    "tie-dye": _tie_dye,
    "blocks": _blocks,
    "print": _solid,
}
PATTERNS: tuple[Pattern, ...] = tuple(_PAINTERS)
