"""A world of make-up: lipsticks, powders and lacquers in many shades."""

from collections.abc import Iterator

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import ellipse, spline
from dedup_pipeline.sample.rendering.scene import smooth_noise

from .brush import (
    area,
    backdrop,
    develop,
    hue_colour,
    lay,
    lay_turned,
    shadow,
    solid,
    turned,
)
from .goods import MANY, Family, Product, goods, invented, picked

_MAKE_UP = goods("MKP", "Lipstick", "Beauty & Care>Make Up>Lips", "Wax", (149, 1299))
_POWDER = goods("PWD", "Face Powder", "Beauty & Care>Make Up>Face", "Mineral", (199, 1499))


def make_up(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Lipsticks, powders and nail lacquers in many shades, each kind photographed alike."""
    while True:
        kind, brand = int(generator.integers(3)), invented(generator)
        shape = (int(generator.integers(600, 720)), int(generator.integers(560, 680)))
        tone = hue_colour(float(generator.random()), generator.uniform(0.0, 0.12), generator.uniform(0.9, 0.98))
        ground, seed = backdrop(shape, tone, generator, 0.1), int(generator.integers(2**31))
        hues, step = (0.93, 0.06), int(generator.integers(5, 10))
        kind_goods = _POWDER if kind == 1 else _MAKE_UP
        family: Family = []
        for place in generator.permutation(step)[:most].tolist():
            hue = hues[0] + (hues[1] + 1 - hues[0]) % 1 * ((place * 0.618) % 1)
            shade = hue_colour(hue, 0.35 + 0.55 * ((place * 0.414) % 1), 0.35 + 0.6 * (place / step))
            if kind == 1:
                shade = hue_colour(
                    0.05 + 0.04 * ((place * 0.618) % 1), 0.15 + 0.5 * place / step, 0.95 - 0.5 * place / step
                )
            light = ground.copy()
            cover = (_lipstick, _compact, _lacquer)[kind](light, shade, np.random.default_rng(seed))
            title = picked(generator, (f"{brand} {kind_goods.shelf.name}", f"{brand} Matte {kind_goods.shelf.name}"))
            family.append(Product(develop(light, cover, generator), kind_goods, brand, title))
        yield family


def _smear(light: Floats, shade: Colour, box: tuple[float, float, float, float], own: np.random.Generator) -> Floats:
    """Spread some of a shade on the ground."""
    shape = (light.shape[0], light.shape[1])
    edge = 10.0 * smooth_noise(*shape, (14, 14), own)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    inside = np.minimum(np.minimum(x - box[0], box[2] - x), np.minimum(y - box[1], box[3] - y)) + edge
    alpha = np.clip(inside / 3, 0, 1)
    ridges = 2.0 * smooth_noise(*shape, (90, 5), own)
    solid(
        light,
        np.asarray(alpha, dtype=np.float32),
        shade,
        bevel=9,
        gloss=0.25,
        relief=np.asarray(ridges, dtype=np.float32),
    )
    return np.asarray(alpha, dtype=np.float32)


def _lipstick(light: Floats, shade: Colour, own: np.random.Generator) -> Floats:
    shape = (light.shape[0], light.shape[1])
    h, x = shape[0], shape[1] * own.uniform(0.3, 0.4)
    radius, case = own.uniform(0.085, 0.11) * h, ((26, 26, 30), (206, 170, 96), (232, 228, 226))[own.integers(3)]
    smear = _smear(light, shade, (0.58 * shape[1], 0.3 * h, 0.9 * shape[1], 0.74 * h), own)
    base = turned(np.array([(0.58 * h, radius), (0.92 * h, radius)]), x, shape)
    inner = turned(np.array([(0.44 * h, 0.82 * radius), (0.62 * h, 0.82 * radius)]), x, shape)
    top = np.array([(0.14 * h, 0.1), (0.16 * h, 0.42 * radius), (0.24 * h, 0.68 * radius), (0.5 * h, 0.7 * radius)])
    bullet = turned(top, x, shape)
    whole = np.maximum(np.maximum(base.alpha, inner.alpha), bullet.alpha)
    shadow(light, whole, (0.05 * h, 0.01 * h), 0.025 * h, 0.3)
    lay_turned(light, bullet, shade, gloss=0.35)
    slant = area(ellipse(x + 0.16 * radius, 0.205 * h, 0.62 * radius, 0.055 * h, 40), shape) * bullet.alpha
    bright = np.clip(np.asarray(shade) * 1.15 + 12, 0, 255).astype(np.float32)[None, None]
    lay(light, np.asarray(slant, dtype=np.float32), bright)
    lay_turned(light, inner, (222, 196, 136), gloss=0.8)
    lay_turned(light, base, case, gloss=0.6)
    return np.asarray(np.maximum(whole, smear), dtype=np.float32)


def _compact(light: Floats, shade: Colour, own: np.random.Generator) -> Floats:
    shape = (light.shape[0], light.shape[1])
    x, y, radius = shape[1] / 2, 0.52 * shape[0], own.uniform(0.36, 0.42) * min(shape)
    case = area(ellipse(x, y, radius * 1.16, radius * 1.16), shape)
    shadow(light, case, (12, 16), 14, 0.4)
    solid(light, case, ((30, 30, 32), (226, 190, 170), (238, 236, 234))[own.integers(3)], bevel=22, gloss=0.5)
    pan = area(ellipse(x, y, radius, radius), shape)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    u, v = (columns - x) / radius, (rows - y) / radius
    angle, far = np.arctan2(v, u), np.sqrt(u**2 + v**2)
    petals = int(own.integers(4, 9))
    emboss = 4.0 * np.sin(petals * angle + 5 * far) * np.clip(1 - far, 0, 1) * (far > 0.12)
    grain = own.standard_normal(shape, dtype=np.float32)
    relief = emboss + 0.5 * cv2.GaussianBlur(grain, (0, 0), 1.0)
    solid(light, pan, shade, bevel=8, relief=np.asarray(relief, dtype=np.float32))
    return case


def _lacquer(light: Floats, shade: Colour, own: np.random.Generator) -> Floats:
    shape = (light.shape[0], light.shape[1])
    h, x = shape[0], shape[1] * own.uniform(0.34, 0.42)
    radius, square = own.uniform(0.15, 0.19) * h, own.uniform(0.5, 0.62)
    smear = _smear(light, shade, (0.66 * shape[1], 0.42 * h, 0.92 * shape[1], 0.8 * h), own)
    glass = spline(
        (0.2 * radius, square - 0.1),
        (0.5 * radius, square - 0.06),
        (radius, square),
        (radius, 0.9),
        (0.9 * radius, 0.93),
    )
    body = turned(glass[:, ::-1] * (h, 1.0), x, shape)
    cap = turned(np.array([(0.1 * h, 0.36 * radius), (0.46 * h, 0.5 * radius)]), x, shape)
    whole = np.asarray(np.maximum(body.alpha, cap.alpha), dtype=np.float32)
    shadow(light, whole, (0.05 * h, 0.01 * h), 0.025 * h, 0.3)
    lay_turned(light, body, shade, gloss=0.9)
    lay_turned(light, cap, ((28, 28, 30), (236, 236, 236), (206, 176, 110))[own.integers(3)], gloss=0.5)
    return np.maximum(whole, smear)
