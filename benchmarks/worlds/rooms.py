"""A world of furniture: sofas and chairs before one wall, in other fabrics, with other cushions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, spline
from dedup_pipeline.sample.rendering.palette import COLOURS, Palette, make_palette
from dedup_pipeline.sample.rendering.patterns import PATTERNS, TILE, Pattern, draw_tile
from dedup_pipeline.sample.rendering.photo import Shot
from dedup_pipeline.sample.rendering.scene import smooth_noise

from .artwork import artwork
from .brush import Shape, area, backdrop, cloth, develop, hue_colour, lay, on_quad, rounded_box, shadow, solid, strokes
from .goods import MANY, Family, Product, goods, invented, picked

_SOFA = goods("SOF", "Sofa", "Home>Furniture>Living Room>Sofas", "Velvet,Linen,Polyester", (4999, 49999))
_CLOTHS: tuple[Pattern, ...] = ("solid", "solid", "melange", "stripes", "plaid", "floral", "chevron")


@dataclass(frozen=True)
class _Sofa:
    """A sofa: seats, cloth and its colours, form of the arms and legs, its cushions."""

    seats: int
    cloth: Pattern
    palette: Palette
    arms: int
    legs: Colour
    cushions: tuple[tuple[Pattern, Palette, int], ...]
    seed: int


def furniture(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Rooms in which one sofa after another is photographed."""
    while True:
        shape = (int(generator.integers(560, 660)), int(generator.integers(740, 860)))
        room, brand = _room(shape, generator), invented(generator)
        sofa, used = _drawn(generator), list[str]()
        family: Family = []
        for _ in range(min(most, int(generator.integers(5, 9)))):
            chance = generator.random()
            if chance < 0.4:
                colours = [name for name in generator.permutation(list(COLOURS)).tolist() if name not in used]
                used.append(colours[0])
                sofa = replace(sofa, palette=make_palette(colours[0], generator))
            elif chance < 0.6:
                sofa = replace(sofa, cushions=_cushions(generator))
            elif chance < 0.75:
                sofa = replace(sofa, cloth=_CLOTHS[generator.integers(len(_CLOTHS))])
            else:
                sofa = _drawn(generator)
            title = picked(generator, ("Fabric Sofa", f"{brand} Living Room Sofa", "Fabric Sofa"))
            family.append(Product(_shot(room, sofa, generator), _SOFA, brand, title))
        yield family


def _drawn(generator: np.random.Generator) -> _Sofa:
    legs: tuple[Colour, ...] = ((60, 44, 36), (176, 132, 90), (36, 36, 38), (206, 176, 112))
    return _Sofa(
        seats=int(generator.integers(1, 4)),
        cloth=_CLOTHS[generator.integers(len(_CLOTHS))],
        palette=make_palette(picked(generator, tuple(COLOURS)), generator),
        arms=int(generator.integers(3)),
        legs=legs[generator.integers(4)],
        cushions=_cushions(generator),
        seed=int(generator.integers(2**31)),
    )


def _cushions(generator: np.random.Generator) -> tuple[tuple[Pattern, Palette, int], ...]:
    return tuple(
        (
            PATTERNS[generator.integers(len(PATTERNS) - 1)],
            make_palette(picked(generator, tuple(COLOURS)), generator),
            int(generator.integers(2**31)),
        )
        for _ in range(int(generator.integers(1, 4)))
    )


def _room(shape: Shape, generator: np.random.Generator) -> Floats:
    """Paint a wall, a floor of boards that run away from the camera, a rug, a picture, a lamp and a plant."""
    height, width = shape
    edge = 0.66 * height
    light = backdrop(shape, hue_colour(float(generator.random()), generator.uniform(0.03, 0.3), 0.86), generator, 0.3)
    if generator.random() < 0.4:
        step = width / generator.integers(12, 30)
        stripe = (np.arange(width) % step < step / 2).astype(np.float32) * 0.05
        light *= (1.0 - stripe)[None, :, None]
    boards = np.full(
        (400, 900, 3), hue_colour(0.07, generator.uniform(0.25, 0.5), generator.uniform(0.45, 0.8)), dtype=np.float32
    )
    grain = 1.0 + 0.07 * smooth_noise(400, 900, (5, 160), generator)
    levels = generator.normal(1.0, 0.06, 19)[np.arange(900) // 50]
    gap = np.where(np.arange(900) % 50 < 2, 0.7, 1.0)
    floor: Picture = np.clip(boards * (grain * (levels * gap)[None, :])[..., None], 0, 255).astype(np.uint8)
    corners = np.array([(-0.1 * width, edge), (1.1 * width, edge), (1.7 * width, height), (-0.7 * width, height)])
    paint, inside = on_quad(floor, corners, shape)
    lay(light, inside, paint)
    skirting = area(rounded_box(-5, edge - 16, width + 5, edge, 1), shape)
    solid(light, skirting, (240, 238, 234), bevel=4)
    rug = area(ellipse(0.5 * width, 0.86 * height, 0.48 * width, 0.12 * height), shape)
    solid(light, rug, hue_colour(float(generator.random()), 0.25, 0.75), bevel=5, relief=cloth(shape, generator, 0.2))
    _picture(light, generator)
    if generator.random() < 0.7:
        _plant(light, float(generator.choice([0.07, 0.93])), generator)
    if generator.random() < 0.6:
        _lamp(light, float(generator.choice([0.14, 0.87])), generator)
    return light


def _picture(light: Floats, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    x, tall = generator.uniform(0.3, 0.7) * width, 0.24 * height
    for step in range(int(generator.integers(1, 4))):
        left, wide = x + (step - 1) * 0.2 * width - 0.08 * width, 0.15 * width
        frame = rounded_box(left, 0.07 * height, left + wide, 0.07 * height + tall, 2)
        shadow(light, area(frame, (height, width)), (6, 9), 7, 0.35)
        solid(light, area(frame, (height, width)), (48, 44, 42), bevel=4)
        box = [(left + 6, 0.07 * height + 6), (left + wide - 6, 0.07 * height + 6)]
        low = 0.07 * height + tall - 6
        corners = np.array([*box, (left + wide - 6, low), (left + 6, low)])
        paint, inside = on_quad(artwork((200, 160), generator), corners, (height, width))
        lay(light, inside, paint)


def _plant(light: Floats, at: float, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    x, foot = at * width, 0.76 * height
    for _ in range(16):
        turn = generator.normal(-90, 32)
        size = generator.uniform(0.06, 0.13) * height
        far = generator.uniform(0.06, 0.26) * height
        middle = (x + far * np.cos(np.radians(turn)), foot - 0.1 * height + far * np.sin(np.radians(turn)))
        leaf = area(ellipse(middle[0], middle[1], size, 0.3 * size, turn), (height, width))
        solid(light, leaf, hue_colour(0.33, 0.6, generator.uniform(0.3, 0.55)), bevel=8)
    pot = np.array([(x - 36, foot - 0.1 * height), (x + 36, foot - 0.1 * height), (x + 26, foot), (x - 26, foot)])
    solid(light, area(pot, (height, width)), hue_colour(float(generator.random()), 0.15, 0.85), bevel=20)


def _lamp(light: Floats, at: float, generator: np.random.Generator) -> None:
    height, width = light.shape[:2]
    x, foot, top = at * width, 0.74 * height, 0.2 * height
    pole = strokes([np.array([(x, top), (x, foot)])], 5, (height, width))
    solid(light, pole, (60, 56, 54), bevel=3, gloss=0.3)
    solid(light, area(ellipse(x, foot, 34, 8), (height, width)), (60, 56, 54), bevel=5)
    shade = np.array([(x - 34, top - 30), (x + 34, top - 30), (x + 56, top + 50), (x - 56, top + 50)])
    solid(light, area(shade, (height, width)), (246, 234, 206), bevel=26)
    y, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    glow = np.exp(-(((columns - x) / 160) ** 2) - ((y - top) / 190) ** 2)
    light += (26 * glow).astype(np.float32)[..., None] * np.asarray((1.0, 0.9, 0.68), dtype=np.float32)


def _shot(room: Floats, sofa: _Sofa, generator: np.random.Generator) -> Shot:
    """Put a sofa into the room and take a photo."""
    light, own = room.copy(), np.random.default_rng(sofa.seed)
    shape = (light.shape[0], light.shape[1])
    height, width = shape
    half = (0.2, 0.29, 0.38)[sofa.seats - 1] * width
    x, foot = width / 2, 0.88 * height
    seat, back = foot - own.uniform(0.17, 0.2) * height, foot - own.uniform(0.36, 0.43) * height
    arm = own.uniform(0.055, 0.085) * width
    relief = cloth(shape, own, 0.35)
    tile = draw_tile(sofa.cloth, sofa.palette, np.random.default_rng(sofa.seed + 1))
    fabric = _tiled(tile, shape)
    cover = np.zeros(shape, dtype=np.float32)
    for side in (-1, 1):
        legs = np.array(
            [
                (x + side * (half - 22), foot - 22),
                (x + side * (half - 6), foot - 22),
                (x + side * (half - 8), foot + 6),
                (x + side * (half - 16), foot + 6),
            ]
        )
        cover = np.maximum(cover, area(legs, shape))
    shadow(light, area(ellipse(x, foot + 4, half, 16), shape), (10, 4), 12, 0.55)
    solid(light, cover.copy(), sofa.legs, bevel=4, gloss=0.2)

    def part(points: Points, bevel: float, dim: float = 1.0) -> None:
        alpha = area(points, shape)
        shadow(light, alpha, (4, 5), 5, 0.3)
        solid(light, alpha, np.asarray(dim * fabric, dtype=np.float32), bevel=bevel, relief=relief)
        np.maximum(cover, alpha, out=cover)

    part(rounded_box(x - half, back, x + half, foot - 16, 26 if sofa.arms else 8), 26, 0.93)
    step = 2 * (half - arm) / sofa.seats
    for number in range(sofa.seats):
        left = x - half + arm + number * step
        part(rounded_box(left + 2, back + 14, left + step - 2, seat + 8, 20), 30)
    for number in range(sofa.seats):
        left = x - half + arm + number * step
        part(rounded_box(left + 1, seat - 6, left + step - 1, seat + 0.07 * height, 16), 18, 1.03)
    part(rounded_box(x - half + 6, seat + 0.06 * height, x + half - 6, foot - 14, 6), 12, 0.92)
    for side in (-1, 1):
        inner, outer = sorted((x + side * (half - arm), x + side * (half + 0.25 * arm)))
        top = seat - (0.09, 0.07, 0.11)[sofa.arms] * height
        part(rounded_box(inner, top, outer, foot - 12, (6, 0.5 * arm, 22)[sofa.arms]), (10, 0.45 * arm, 24)[sofa.arms])
    for number, (pattern, palette, seed) in enumerate(sofa.cushions):
        spread = (-0.62, 0.62, 0.2)[number] * (half - arm)
        size = 0.085 * width
        middle = (x + spread, seat - 0.65 * size)
        corners = spline(
            *[
                (middle[0] + size * a, middle[1] + size * b)
                for a, b in (
                    (-0.9, -0.85),
                    (0, -0.72),
                    (0.9, -0.85),
                    (0.78, 0),
                    (0.9, 0.85),
                    (0, 0.76),
                    (-0.9, 0.85),
                    (-0.78, 0),
                    (-0.9, -0.85),
                )
            ]
        )
        alpha = area(corners, shape)
        shadow(light, alpha, (5, 6), 6, 0.4)
        paint = _tiled(draw_tile(pattern, palette, np.random.default_rng(seed)), shape, 1.6)
        solid(light, alpha, paint, bevel=0.55 * size, relief=relief)
        cover = np.maximum(cover, alpha)
    return develop(light, cover, generator)


def _tiled(tile: Picture, shape: Shape, shrink: float = 1.0) -> Floats:
    """Repeat a tile over a picture, smaller by a factor."""
    rows = (np.arange(shape[0]) * shrink).astype(int) % TILE
    columns = (np.arange(shape[1]) * shrink).astype(int) % TILE
    return np.asarray(tile[rows][:, columns], dtype=np.float32)
