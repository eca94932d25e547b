"""A world of jewellery on white: rings, chains and ear studs, thin and pale."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, spline

from .brush import (
    area,
    backdrop,
    develop,
    hue_colour,
    lay,
    shadow,
    solid,
    strokes,
)
from .goods import MANY, Family, Product, goods, invented, picked

_RING = goods("RNG", "Ring", "Jewellery>Rings", "Silver,Brass,Alloy", (199, 4999))
_CHAIN = goods("NEC", "Necklace", "Jewellery>Necklaces & Chains", "Silver,Brass,Alloy", (199, 4999))
_STUD = goods("EAR", "Ear Studs", "Jewellery>Earrings", "Silver,Brass,Alloy", (99, 2999))
_METALS: tuple[Colour, ...] = ((212, 214, 218), (222, 190, 124), (222, 176, 156))
_STONES = (0.0, 0.6, 0.36, 0.78, 0.12, 0.9, 0.5)


@dataclass(frozen=True)
class _Gem:
    """A stone: its hue (None for a clear one), how many sides (0 is round), its radius in pixels."""

    hue: float | None
    sides: int
    radius: float


def jewellery(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Rings, chains and studs, thin and pale, that differ in stone, setting or metal."""
    while True:
        kind = int(generator.integers(3))
        kind_goods = (_RING, _CHAIN, _STUD)[kind]
        side, brand = int(generator.integers(560, 680)), invented(generator)
        level = int(generator.integers(244, 254))
        ground = backdrop((side, side), (level, level, level), generator, 0.05)
        metal, seed = _METALS[generator.integers(3)], int(generator.integers(2**31))
        gem = _Gem(
            _STONES[generator.integers(7)], int(generator.choice([0, 4, 6, 8])), float(generator.uniform(58, 72))
        )
        style, sold = int(generator.integers(4)), set[tuple[float | None, bool, int]]()
        family: Family = []
        for _ in range(min(most, int(generator.integers(5, 9)))):
            hue = None if generator.random() < 0.25 else float(_STONES[generator.integers(7)])
            own = replace(gem, hue=hue)
            if generator.random() < 0.4:
                own = replace(own, sides=int(generator.choice([0, 4])))
            if generator.random() < 0.4:
                style = int(generator.integers(4))
            if (own.hue, own.sides == 4, style) in sold:  # eight sides look like six
                continue
            sold.add((own.hue, own.sides == 4, style))
            light = ground.copy()
            cover = (_ring, _necklace, _studs)[kind](light, metal, own, style, np.random.default_rng(seed))
            title = picked(generator, (f"{kind_goods.shelf.name} for Women", f"{brand} {kind_goods.shelf.name}"))
            family.append(Product(develop(light, cover, generator, noise=1.2), kind_goods, brand, title))
        yield family


def _wire(light: Floats, paths: list[Points], width: float, metal: Colour, *, closed: bool = False) -> Floats:
    """Draw metal wire with its reflexes and a faint shadow; return where it is."""
    shape = (light.shape[0], light.shape[1])
    alpha = strokes(paths, width, shape, closed=closed)
    shadow(light, alpha, (0.5 * width, 0.8 * width), 0.5 * width + 1.5, 0.28)
    solid(light, alpha, metal, bevel=max(1.5, 0.55 * width), gloss=0.6, hardness=14)
    return alpha


def _set_gem(light: Floats, gem: _Gem, at: tuple[float, float], metal: Colour, halo: int) -> Floats:
    """Set a stone: facets that catch light, claws or a halo of small stones round it; return where it is."""
    whole = light
    reach = int(1.8 * gem.radius) + 24
    top, left = max(0, round(at[1]) - reach), max(0, round(at[0]) - reach)
    window = slice(top, round(at[1]) + reach), slice(left, round(at[0]) + reach)
    light = whole[window]  # a stone is small: what follows is done in its surroundings only
    shape = (light.shape[0], light.shape[1])
    x, y = at[0] - left, at[1] - top
    base = (238, 242, 248) if gem.hue is None else hue_colour(gem.hue, 0.72, 0.78)
    mount = area(ellipse(x, y, gem.radius * 1.14, gem.radius * 1.14), shape)
    shadow(light, mount, (3, 5), 5, 0.25)
    solid(light, mount, metal, bevel=6, gloss=0.5, hardness=14)
    sides = gem.sides or 16
    angle = np.arange(sides) * 2 * np.pi / sides + np.pi / sides
    rim = np.stack([x + gem.radius * np.cos(angle), y + gem.radius * np.sin(angle)], axis=1)
    table = np.stack([x + 0.55 * gem.radius * np.cos(angle + 0.2), y + 0.55 * gem.radius * np.sin(angle + 0.2)], axis=1)
    for index in range(sides):
        follow = (index + 1) % sides
        facet = np.stack([rim[index], rim[follow], table[follow], table[index]])
        tone = 0.84 + 0.24 * np.cos(angle[index] * 2.0 + 2.2) + 0.09 * ((index * 7) % 3 - 1)
        lay(
            light,
            area(facet, shape),
            np.asarray(np.clip(np.asarray(base) * tone, 8, 255), dtype=np.float32)[None, None],
        )
    lay(light, area(table, shape), np.asarray(np.clip(np.asarray(base) * 1.08, 0, 255), dtype=np.float32)[None, None])
    lay(
        light,
        0.8
        * area(ellipse(x - 0.2 * gem.radius, y - 0.22 * gem.radius, 0.2 * gem.radius, 0.1 * gem.radius, -35), shape),
        (255, 255, 255),
    )
    for index in range(halo):
        turn = 2 * np.pi * index / halo
        spot = ellipse(x + 1.42 * gem.radius * np.cos(turn), y + 1.42 * gem.radius * np.sin(turn), 8.5, 8.5)
        small = area(spot, shape)
        solid(light, small, metal, bevel=4, gloss=0.6, hardness=14)
        mount = np.maximum(mount, small)
    cover = np.zeros(whole.shape[:2], dtype=np.float32)
    cover[window] = mount
    return cover


def _ring(light: Floats, metal: Colour, gem: _Gem, style: int, own: np.random.Generator) -> Floats:
    side = light.shape[0]
    across, down = own.uniform(0.26, 0.32) * side, own.uniform(0.24, 0.31) * side
    x, y, width = side / 2, 0.56 * side, own.uniform(0.018, 0.03) * side
    cover = _wire(light, [ellipse(x, y, across, down)], width * (1.5 if style == 3 else 1.0), metal, closed=True)
    if style == 1:
        cover = np.maximum(cover, _wire(light, [ellipse(x, y + 14, across, down)], 0.6 * width, metal, closed=True))
    for step in (-2, -1, 1, 2) if style == 2 else ():
        angle = -np.pi / 2 + 0.3 * step
        place = (x + across * np.cos(angle), y + down * np.sin(angle))
        cover = np.maximum(cover, _set_gem(light, replace(gem, radius=0.42 * gem.radius), place, metal, 0))
    return np.maximum(cover, _set_gem(light, gem, (x, y - down), metal, 14 if style == 0 else 0))


def _necklace(light: Floats, metal: Colour, gem: _Gem, style: int, own: np.random.Generator) -> Floats:
    side = light.shape[0]
    half, low = own.uniform(0.28, 0.36), own.uniform(0.58, 0.68)
    curve = spline(
        (0.5 - half, 0.06), (0.5 - 0.8 * half, 0.35), (0.5, low), (0.5 + 0.8 * half, 0.35), (0.5 + half, 0.06)
    )
    path = curve * side
    steps = np.linspace(0, len(path) - 1, 90)
    points = np.stack([np.interp(steps, np.arange(len(path)), path[:, i]) for i in (0, 1)], axis=1)
    links = [ellipse(x, y, *((6.5, 4.0) if i % 2 else (4.0, 6.5))) for i, (x, y) in enumerate(points)]
    cover = _wire(light, links, 2.0, metal, closed=True)
    at = (0.5 * side, low * side + 1.5 * gem.radius)
    cover = np.maximum(cover, _wire(light, [ellipse(at[0], low * side + 4, 7, 9)], 2.5, metal, closed=True))
    if style == 1:
        plate = area(ellipse(at[0], at[1] + 8, 1.9 * gem.radius, 1.9 * gem.radius), (side, side))
        solid(light, plate, metal, bevel=7, gloss=0.5, hardness=14)
        cover = np.maximum(cover, plate)
    if style == 2:
        for turn in (-2, -1, 1, 2):
            place = points[45 + 7 * turn]
            small = _set_gem(light, replace(gem, radius=0.45 * gem.radius), (place[0], place[1] + 14), metal, 0)
            cover = np.maximum(cover, small)
    return np.maximum(cover, _set_gem(light, gem, at, metal, 14 if style == 0 else 0))


def _studs(light: Floats, metal: Colour, gem: _Gem, style: int, own: np.random.Generator) -> Floats:
    side, cover = light.shape[0], np.zeros(light.shape[:2], dtype=np.float32)
    gap, big = own.uniform(0.2, 0.25) * side, gem
    gem = replace(gem, radius=0.75 * gem.radius)
    for sign in (-1, 1):
        at = (side / 2 + sign * gap, 0.42 * side + sign * own.uniform(0, 20))
        if style in {1, 2}:
            drop = replace(gem, radius=0.7 * gem.radius)
            low = (at[0], at[1] + 3.4 * gem.radius)
            cover = np.maximum(cover, _wire(light, [np.array([at, low])], 3.0, metal))
            cover = np.maximum(cover, _set_gem(light, drop, low, metal, 12 if style == 2 else 0))
        if style == 3:
            hoop = ellipse(at[0], at[1] + 1.9 * gem.radius, 1.6 * gem.radius, 1.9 * gem.radius)
            cover = np.maximum(cover, _wire(light, [hoop], 7, metal, closed=True))
        cover = np.maximum(cover, _set_gem(light, big, at, metal, 14 if style == 0 else 0))
    return cover
