"""Pictures within pictures: what is printed on shirts, cases, posters, covers and labels."""

from collections.abc import Callable

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse
from dedup_pipeline.sample.rendering.scene import smooth_noise

from .brush import Shape, area, backdrop, hue_colour, lay, shifted_colour, strokes
from .lettering import WORDS, bent, letters, place

Inks = tuple[Colour, Colour, Colour, Colour]
"""A ground and three colours that stand out from it and from each other."""


def draw_inks(generator: np.random.Generator) -> Inks:
    """Draw colours that go together."""
    hue, dark = float(generator.random()), bool(generator.random() < 0.35)
    step = float(generator.choice([0.08, 0.33, 0.5, 0.62]))
    ground = hue_colour(hue, generator.uniform(0.1, 0.5), 0.25 if dark else generator.uniform(0.85, 0.98))
    second = hue_colour(hue + step, generator.uniform(0.5, 0.9), generator.uniform(0.55, 0.95))
    third = hue_colour(hue + 2 * step, generator.uniform(0.3, 0.8), 0.95 if dark else generator.uniform(0.25, 0.55))
    fourth = (245, 240, 228) if dark else hue_colour(hue + 0.5, 0.6, 0.2)
    return ground, second, third, fourth


def artwork(shape: Shape, generator: np.random.Generator, inks: Inks | None = None) -> Picture:
    """Paint a picture of any kind, `(H, W, 3)`."""
    chosen = inks or draw_inks(generator)
    painters = (_hills, _discs, _leaves, _waves, _marble, _mosaic, _flowers, _arches, _city, _beast)
    light = backdrop(shape, chosen[0], generator, 0.2)
    painters[generator.integers(len(painters))](light, chosen, generator)
    return as_picture(light)


def _hills(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    radius = generator.uniform(0.1, 0.2) * width
    sun = ellipse(generator.uniform(0.25, 0.75) * width, generator.uniform(0.2, 0.4) * height, radius, radius)
    lay(light, area(sun, (height, width)), inks[3])
    x = np.linspace(0, width, 60)
    for step, level in enumerate(np.linspace(0.4, 0.85, int(generator.integers(3, 6)))):
        phase, count = generator.uniform(0, 6.28, 2), generator.uniform(1, 4, 2)
        ridge = level + 0.1 * np.sin(count[0] * 2 * x / width + phase[0]) + 0.04 * np.sin(9 * x / width + phase[1])
        outline = np.vstack([np.stack([x, ridge * height], axis=1), [(width, height), (0, height)]])
        tone = shifted_colour(inks[1 + step % 2], generator, 14)
        lay(light, area(outline, (height, width)), tone)


def _discs(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    for step in range(int(generator.integers(4, 9))):
        radius = generator.uniform(0.08, 0.3) * min(height, width)
        centre = generator.uniform(0.1, 0.9, 2) * (width, height)
        shape = ellipse(centre[0], centre[1], radius, radius)
        if generator.random() < 0.4:
            angle = np.arange(4) * np.pi / 2 + generator.uniform(0, 1.5)
            shape = centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        lay(light, 0.9 * area(shape, (height, width)), inks[1 + step % 3])


def _leaves(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    for step in range(int(generator.integers(2, 5))):
        root = np.array([generator.uniform(0.2, 0.8) * width, height * 1.02])
        top = np.array([generator.uniform(0.1, 0.9) * width, generator.uniform(0.08, 0.4) * height])
        t = np.linspace(0, 1, 20)[:, None]
        stem = root + t * (top - root) + np.sin(np.pi * t) * generator.normal(0, 0.08) * (width, 0)
        lay(light, strokes([stem], 0.008 * width, (height, width)), inks[3])
        size, slim = generator.uniform(0.09, 0.2) * width, generator.uniform(0.25, 0.5)
        for place_, point in enumerate(stem[3:]):
            turn = float(np.degrees(np.arctan2(*(top - root)[::-1])) + (48 if place_ % 2 else -48))
            middle = point + 0.8 * size * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
            leaf = ellipse(middle[0], middle[1], size, slim * size, turn)
            lay(light, area(leaf, (height, width)), shifted_colour(inks[1 + step % 2], generator, 10))


def _waves(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    bands = int(generator.integers(5, 14))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    field = y / height + 0.1 * smooth_noise(height, width, (3, 3), generator) + generator.uniform(-0.7, 0.7) * x / width
    index = (np.floor(field * bands).astype(int) + 100) % 4
    light[...] = np.asarray(inks, dtype=np.float32)[index]
    light[...] = cv2.GaussianBlur(light, (0, 0), 0.7)


def _marble(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    field = smooth_noise(height, width, (3, 3), generator) + 0.5 * smooth_noise(height, width, (7, 6), generator)
    for colour, level in zip(inks[1:], (0.0, 0.7, -0.8), strict=True):
        vein = np.exp(-(((field - level) / 0.12) ** 2))
        lay(light, np.asarray(0.85 * vein, dtype=np.float32), colour)


def _mosaic(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    columns = int(generator.integers(3, 7))
    rows = max(2, round(columns * height / width))
    kind = int(generator.integers(3))
    for row in range(rows):
        for column in range(columns):
            left, top = column * width / columns, row * height / rows
            across, down = width / columns, height / rows
            cell = np.array([(left, top), (left + across, top), (left + across, top + down), (left, top + down)])
            lay(light, area(cell, (height, width)), inks[generator.integers(4)])
            corner = cell[generator.integers(4)]
            own = cell[[0, 1, 2]] if kind == 0 else ellipse(corner[0], corner[1], across, down)
            own = ellipse(left + across / 2, top + down / 2, across / 3, down / 3) if kind == 2 else own
            inside = area(np.clip(own, cell[0], cell[2]), (height, width))
            lay(light, inside, inks[generator.integers(4)])


def _flowers(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    for step in range(int(generator.integers(3, 9))):
        size = generator.uniform(0.1, 0.22) * min(height, width)
        centre, petals = generator.uniform(0.1, 0.9, 2) * (width, height), int(generator.integers(4, 9))
        for turn in np.arange(petals) * 360 / petals + generator.uniform(0, 60):
            middle = centre + 0.6 * size * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
            petal = ellipse(middle[0], middle[1], 0.6 * size, 0.3 * size, float(turn))
            lay(light, area(petal, (height, width)), shifted_colour(inks[1 + step % 2], generator, 12))
        lay(light, area(ellipse(centre[0], centre[1], 0.25 * size, 0.25 * size), (height, width)), inks[3])


def _arches(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    for _ in range(int(generator.integers(1, 4))):
        centre, size = generator.uniform(0.2, 0.8) * width, generator.uniform(0.25, 0.5) * width
        foot = generator.uniform(0.6, 1.0) * height
        for step, share in enumerate(np.linspace(1.0, 0.3, int(generator.integers(3, 6)))):
            angle = np.linspace(np.pi, 2 * np.pi, 30)
            top = foot - 0.6 * size
            curve = np.stack([centre + share * size * np.cos(angle), top + share * size * np.sin(angle)], axis=1)
            outline = np.vstack([curve, [(centre + share * size, foot), (centre - share * size, foot)]])
            lay(light, area(outline, (height, width)), inks[(step + 1) % 4])


def _city(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    left = -0.05 * width
    while left < width:
        wide, top = generator.uniform(0.08, 0.2) * width, generator.uniform(0.25, 0.75) * height
        tone = inks[1 + int(generator.integers(2))]
        house = np.array([(left, top), (left + wide, top), (left + wide, height), (left, height)])
        lay(light, area(house, (height, width)), shifted_colour(tone, generator, 10))
        step = wide / 4
        for y in np.arange(top + step, height, 1.5 * step):
            for x in (left + 0.7 * step, left + 2.2 * step):
                pane = ellipse(x + step / 2, y, step / 2.4, step / 2.4)
                if generator.random() < 0.6:
                    lay(light, area(pane, (height, width)), inks[3])
        left += wide * 1.03


def _beast(light: Floats, inks: Inks, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    size = 0.3 * min(height, width)
    for alpha, ink in beast((height, width), (width / 2, 0.55 * height), size, generator):
        lay(light, alpha, inks[ink])


def beast(
    shape: Shape, centre: tuple[float, float], size: float, generator: np.random.Generator
) -> list[tuple[Floats, int]]:
    """Draw the face of an animal: coverages with the number of their ink, from the lowest to the highest."""
    x, y = centre
    ears, wide = generator.uniform(0.3, 1.0), generator.uniform(0.8, 1.15)
    lean, long = generator.uniform(0.25, 0.7), generator.uniform(0.75, 1.1)
    parts: list[tuple[Points, int]] = []
    round_ears = generator.random() < 0.4
    for side in (-1, 1):
        root = (x + side * lean * size, y - 0.65 * size)
        if round_ears:
            parts.append((ellipse(root[0], root[1], 0.4 * size, 0.4 * size), 1))
        else:
            tip = (root[0] + side * 0.2 * size, root[1] - ears * size)
            base = [(root[0] - 0.35 * size, root[1] + 0.2 * size), tip, (root[0] + 0.35 * size, root[1] + 0.2 * size)]
            parts.append((np.asarray(base), 1))
    parts.append((ellipse(x, y, wide * size, long * size), 1))
    if generator.random() < 0.6:
        parts.append((ellipse(x, y + 0.4 * size, 0.5 * size, 0.45 * size), 2))
    eye, gap = generator.uniform(0.1, 0.24) * size, generator.uniform(0.3, 0.5) * size
    for side in (-1, 1):
        parts.append((ellipse(x + side * gap, y - 0.15 * size, eye, eye), 0))
        parts.append((ellipse(x + side * gap, y - 0.15 * size, 0.55 * eye, 0.55 * eye), 3))
    nose = np.array([(x - 0.16 * size, y + 0.22 * size), (x + 0.16 * size, y + 0.22 * size), (x, y + 0.4 * size)])
    parts.append((nose, 3))
    if generator.random() < 0.5:
        for row in (-0.5, -0.72):
            parts.append((ellipse(x, y + row * size * long, 0.3 * size, 0.06 * size), 3))
    return [(area(points, shape), ink) for points, ink in parts]


def motif(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    """Draw a print for a shirt: coverages `(side, side)` with the number of their ink (1 to 3)."""
    drawers: tuple[Callable[[int, np.random.Generator], list[tuple[Floats, int]]], ...] = (
        _emblem, _animal_print, _slogan, _number, _scene_print, _animal_print,
    )  # fmt: skip
    return drawers[generator.integers(len(drawers))](side, generator)


def _word(generator: np.random.Generator) -> str:
    return WORDS[generator.integers(len(WORDS))]


def _line(
    side: int, text: str, middle: float, height: float, generator: np.random.Generator, *, rise: float = 0.0
) -> Floats:
    drawn = bent(letters(text, height * side, bold=float(generator.uniform(0.02, 0.08))), rise)
    share = min(1.0, 0.98 * side / drawn.shape[1])
    small = cv2.resize(drawn, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    canvas = np.zeros((side, side, 3), dtype=np.float32)
    place(canvas, np.asarray(small, dtype=np.float32), (side / 2, middle * side), (1, 1, 1))
    return np.ascontiguousarray(canvas[..., 0])


def _emblem(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    points, inner = int(generator.integers(3, 15)), generator.uniform(0.45, 0.95)
    angle = np.arange(2 * points) * np.pi / points - np.pi / 2
    radius = side * 0.46 * np.where(np.arange(2 * points) % 2, inner, 1.0)
    star = side / 2 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    ring = ellipse(side / 2, side / 2, 0.36 * side * inner, 0.36 * side * inner)
    text = _line(side, _word(generator), 0.5, generator.uniform(0.12, 0.2), generator)
    return [(area(star, (side, side)), 1), (area(ring, (side, side)), 2), (text, 3)]


def _animal_print(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    layers = beast((side, side), (side / 2, 0.5 * side), 0.3 * side, generator)
    inked = [(alpha, max(1, ink)) for alpha, ink in layers]
    return [*inked, (_line(side, _word(generator), 0.91, 0.15, generator), 2)]


def _slogan(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    lines = int(generator.integers(2, 4))
    rise = float(generator.choice([0.0, 0.0, 0.5]))
    tops = np.linspace(0.2, 0.8, lines)
    return [
        (_line(side, _word(generator), top, 0.62 / lines, generator, rise=rise), 1 + i % 2)
        for i, top in enumerate(tops)
    ]


def _number(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    digits = _line(side, f"{generator.integers(10, 100)}", 0.56, 0.58, generator)
    return [(digits, 1), (_line(side, _word(generator), 0.1, 0.16, generator, rise=0.3), 2)]


def _scene_print(side: int, generator: np.random.Generator) -> list[tuple[Floats, int]]:
    shape = (side, side)
    disc = area(ellipse(side / 2, 0.46 * side, 0.42 * side, 0.42 * side), shape)
    x = np.linspace(0, side, 40)
    layers = [(disc, 1)]
    for level, ink in zip(np.sort(generator.uniform(0.35, 0.75, 3)), (2, 3, 2), strict=True):
        steep, phase = generator.uniform(3, 14), generator.uniform(0, 6)
        ridge = side * (level + 0.07 * np.abs(np.sin(steep * x / side + phase)))
        hill = np.vstack([np.stack([x, ridge], axis=1), [(side, side), (0, side)]])
        layers.append((np.asarray(disc * area(hill, shape), dtype=np.float32), ink))
    return [*layers, (_line(side, _word(generator), 0.94, 0.11, generator), 1)]
