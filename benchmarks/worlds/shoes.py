"""A world of shoes of the left and the right foot."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, spline
from dedup_pipeline.sample.rendering.photo import Shot

from .brush import (
    Shape,
    area,
    backdrop,
    cloth,
    develop,
    hue_colour,
    lay,
    rounded_box,
    shadow,
    shifted_colour,
    solid,
    strokes,
    table_top,
)
from .goods import MANY, Family, Product, goods, invented, picked

_SHOE = goods("SHO", "Sneakers", "Footwear>Men>Casual Shoes", "Mesh,Canvas,Synthetic", (599, 3999), whom="Men")


@dataclass(frozen=True)
class _Shoe:
    """A model of shoe in its colours.

    Attributes:
        cut: seed of its outline and panels.
        upper, panel, sole, mark: colours.
        logo: 0 to 4, what is on its outer side; 5 is the inner side, which has none.
    """

    cut: int
    upper: Colour
    panel: Colour
    sole: Colour
    mark: Colour
    logo: int


def shoes(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Models in several colours and marks, photographed from the left and from the right."""
    while True:
        shape = (int(generator.integers(520, 600)), int(generator.integers(700, 800)))
        if generator.random() < 0.6:
            ground = backdrop(shape, shifted_colour((238, 238, 238), generator, 6), generator, 0.1)
        else:
            wall = hue_colour(float(generator.random()), 0.1, 0.9)
            ground = table_top(shape, wall, shifted_colour((196, 186, 176), generator, 18), 0.6, generator)
        brand, cut = invented(generator), int(generator.integers(2**31))
        first = _colours(cut, int(generator.integers(5)), generator)
        models = [first, replace(first, logo=(first.logo + 1) % 5)]
        for _ in range(2):
            models.append(replace(_colours(cut, first.logo, generator), sole=first.sole))
        models.append(_colours(cut + 1, first.logo, generator))
        family: Family = []
        for model in models[:most]:
            faces = [1] if generator.random() < 0.5 else [1, -1]
            for face in faces:
                shown = model if face == 1 or generator.random() < 0.6 else replace(model, logo=5)
                title = picked(generator, (f"{brand} Running Shoes", "Men's Sneakers", f"{brand} Running Shoes"))
                family.append(Product(_photographed(shown, face, ground, generator), _SHOE, brand, title))
        yield family


def _colours(cut: int, logo: int, generator: np.random.Generator) -> _Shoe:
    tones: list[Colour] = [(30, 30, 34), (240, 240, 238), (128, 130, 134), (34, 44, 84)]
    tones += [
        hue_colour(float(generator.random()), generator.uniform(0.5, 0.9), generator.uniform(0.5, 0.9))
        for _ in range(4)
    ]
    order = generator.permutation(len(tones))[:4]
    soles: tuple[Colour, ...] = ((246, 246, 244), (36, 36, 38), (206, 164, 116))
    return _Shoe(cut, tones[order[0]], tones[order[1]], soles[generator.integers(3)], tones[order[2]], logo)


def _photographed(model: _Shoe, face: int, ground: Floats, generator: np.random.Generator) -> Shot:
    """Take a photo of a shoe that points left (1) or right (-1); the lamp stays where it is."""
    own, shape = np.random.default_rng(model.cut), (ground.shape[0], ground.shape[1])
    light = ground.copy()
    unit, tall, heel = 0.8 * shape[1], own.uniform(0.36, 0.44), own.uniform(0.3, 0.36)
    toe = own.uniform(0.12, 0.16)

    def at(points: Points) -> Points:
        return np.asarray((points * (face, 1.0)) * unit + (shape[1] / 2, 0.8 * shape[0]), dtype=np.float64)

    upper = np.vstack(
        [
            spline((-0.5, -0.04), (-0.49, -toe), (-0.3, -0.19), (-0.12, -0.27), (0.06, -tall)),
            spline((0.06, -tall), (0.2, -tall + 0.06), (0.36, -heel - 0.03), (0.44, -heel)),
            spline((0.44, -heel), (0.47, -0.2), (0.49, -0.06), (0.48, -0.02)),
        ]
    )
    thick = own.uniform(0.05, 0.09)
    sole = np.vstack(
        [
            spline((-0.52, -0.07), (-0.3, -0.05), (0.1, -0.05), (0.5, -0.08)),
            spline((0.51, -0.06), (0.5, thick), (0.3, thick), (-0.35, thick), (-0.5, thick - 0.03), (-0.52, -0.07)),
        ]
    )
    ground_line = area(at(ellipse(0.0, thick, 0.52, 0.03)), shape)
    shadow(light, ground_line, (8, 3), 8, 0.5)
    shadow(light, ground_line, (24, 8), 24, 0.3)
    body, weave = area(at(upper), shape), cloth(shape, own, 0.25)
    solid(light, body, model.upper, bevel=48, relief=weave)
    parts = (
        np.vstack(
            [
                spline((-0.52, -0.05), (-0.5, -toe - 0.02), (-0.34, -toe - 0.06)),
                spline((-0.34, -0.18), (-0.24, -0.1), (-0.26, -0.03)),
            ]
        ),
        np.vstack(
            [
                spline((0.5, -0.03), (0.52, -heel - 0.02), (0.34, -heel)),
                spline((0.34, -heel), (0.24, -0.18), (0.3, -0.03)),
            ]
        ),
    )
    for panel in parts:
        inside = np.asarray(area(at(panel), shape) * body, dtype=np.float32)
        solid(light, inside, model.panel, bevel=10, relief=dome_of(body), gloss=0.05)
    _mark(light, model, at, body, unit)
    for step in range(5):
        x, y = -0.2 + 0.055 * step, -0.235 - 0.03 * step * (tall / 0.3 - 0.4)
        lace = np.asarray(
            strokes([at(np.array([(x, y - 0.01), (x + 0.07, y + 0.06)]))], 0.016 * unit, shape), dtype=np.float32
        )
        solid(light, lace, model.sole, bevel=4)
    opening = area(
        at(
            spline(
                (0.06, -tall),
                (0.2, -tall + 0.03),
                (0.36, -heel - 0.05),
                (0.44, -heel),
                (0.3, -heel + 0.03),
                (0.16, -tall + 0.1),
                (0.06, -tall),
            )
        ),
        shape,
    )
    lay(light, 0.85 * opening, (44, 42, 44))
    bottom = area(at(sole), shape)
    solid(light, bottom, model.sole, bevel=14, gloss=0.08)
    line = strokes([at(spline((-0.5, 0.01), (0.0, 0.0), (0.5, 0.0)))], 0.008 * unit, shape)
    lay(light, 0.8 * line * bottom, model.panel)
    return develop(light, np.maximum(body, bottom), generator)


def dome_of(body: Floats) -> Floats:
    """Return the height of the upper below a panel, so that panels bend with it."""
    distance = cv2.distanceTransform((body > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    rest = 1.0 - np.clip(distance / 48, 0, 1)
    return np.asarray(cv2.GaussianBlur((48 * np.sqrt(1 - rest**2)).astype(np.float32), (0, 0), 6), dtype=np.float32)


def _mark(light: Floats, model: _Shoe, at: object, body: Floats, unit: float) -> None:
    """Put the mark of the brand on the outer side."""
    if not callable(at) or model.logo == 5:
        return
    shape: Shape = (light.shape[0], light.shape[1])
    swoosh = np.vstack(
        [spline((-0.16, -0.12), (0.0, -0.07), (0.28, -0.24)), spline((0.28, -0.24), (0.02, -0.12), (-0.16, -0.12))]
    )
    star = np.array(
        [
            (0.06 + r * np.cos(a), -0.16 + r * np.sin(a))
            for i, a in enumerate(np.arange(10) * np.pi / 5)
            for r in ((0.1, 0.045)[i % 2],)
        ]
    )
    shapes: tuple[list[Points], ...] = (
        [rounded_box(-0.08 + 0.085 * i, -0.26, -0.04 + 0.085 * i, -0.04, 0.01) for i in range(3)],
        [swoosh],
        [star],
        [ellipse(0.06, -0.15, 0.1, 0.085)],
        [np.array([(-0.1, -0.05), (0.06, -0.26), (0.22, -0.05), (0.14, -0.05), (0.06, -0.15), (-0.02, -0.05)])],
    )
    for points in shapes[model.logo]:
        inside = np.asarray(area(at(points), shape) * body, dtype=np.float32)
        solid(light, inside, model.mark, bevel=6, relief=0.5 * dome_of(body))
