"""A world of knitting seen close: textures that fill the picture."""

from collections.abc import Iterator

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.sample.rendering.photo import Shot
from dedup_pipeline.sample.rendering.scene import smooth_noise

from .brush import (
    Shape,
    backdrop,
    develop,
    hue_colour,
    lit,
    shifted_colour,
)
from .goods import MANY, Family, Product, goods, invented, picked

_KNIT = goods("KNT", "Sweater", "Apparels>Women>Winter Wear>Sweaters", "Wool,Acrylic", (699, 2999), whom="Women")


def knitwear(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Knitting seen close: one yarn in other patterns, one pattern in other yarns."""
    while True:
        brand, side = invented(generator), int(generator.integers(560, 700))
        stitch = int(generator.integers(13, 24))
        hue, family = float(generator.random()), Family()
        pattern, seed = int(generator.integers(5)), int(generator.integers(2**31))
        for _ in range(min(most, int(generator.integers(4, 8)))):
            if generator.random() < 0.5:
                hue = float(generator.random())
            else:
                pattern, seed = int(generator.integers(5)), int(generator.integers(2**31))
            yarn = hue_colour(hue, generator.uniform(0.15, 0.75), generator.uniform(0.35, 0.9))
            other = shifted_colour(hue_colour(hue + 0.4, 0.3, 0.92), generator, 10)
            shot = _knitted((side, side), stitch, pattern, (yarn, other), seed=seed, generator=generator)
            title = picked(generator, ("Knitted Sweater", f"{brand} Pullover", "Knitted Sweater"))
            family.append(Product(shot, _KNIT, brand, title))
        yield family


def _knitted(
    shape: Shape, stitch: int, pattern: int, yarns: tuple[Colour, Colour], *, seed: int, generator: np.random.Generator
) -> Shot:
    """Knit a piece that fills the picture: plain with cables, ribs, moss, or with motifs in a second yarn."""
    own = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x = x + 7.0 * smooth_noise(*shape, (3, 3), generator)
    y = y + 7.0 * smooth_noise(*shape, (3, 3), generator)
    relief = np.zeros(shape, dtype=np.float32)
    period = stitch * int(own.integers(5, 10))
    if pattern == 0:  # cables: ropes that cross
        phase = 2 * np.pi * y / (period * own.uniform(1.2, 2.2))
        rope = ((x % period) / period - 0.5) * 2
        twist = 0.45 * np.sin(phase)
        relief = 9.0 * np.maximum(np.exp(-(((rope - twist) / 0.25) ** 2)), np.exp(-(((rope + twist) / 0.25) ** 2)))
        x = x + 0.4 * period * twist * np.exp(-((rope / 0.7) ** 2)) * 0.3
    elif pattern == 1:  # ribs
        relief = 7.0 * np.abs(np.sin(np.pi * x / (stitch * own.integers(2, 6))))
    elif pattern == 2:  # diamonds in relief
        relief = 7.0 * ((np.abs((x % period) / period - 0.5) + np.abs((y % period) / period - 0.5)) > 0.5)
        relief = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 3.0)
    rows, columns = y / (0.8 * stitch), x / stitch
    v = rows + np.abs(columns % 1 - 0.5) * 1.1
    loop = np.sin(np.pi * (v % 1)) ** 0.6 * np.sqrt(np.maximum(0.05, np.sin(2 * np.pi * (columns % 0.5))))
    fuzz = cv2.GaussianBlur(generator.standard_normal(shape, dtype=np.float32), (0, 0), 0.9)
    height = relief + 0.28 * stitch * loop + 0.7 * fuzz
    shade, _ = lit(np.asarray(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.8), dtype=np.float32))
    colour = np.broadcast_to(np.asarray(yarns[0], dtype=np.float32), (*shape, 3)).copy()
    if pattern >= 3:
        size = int(own.integers(8, 15))
        half = own.random((size, (size + 1) // 2)) < 0.5
        tile = np.concatenate([half, half[:, ::-1][:, size % 2 :]], axis=1)
        if pattern == 4:
            tile = np.repeat((own.random(size) < 0.5)[:, None], size, axis=1)
        second = tile[np.floor(v).astype(int) % size, np.floor(columns).astype(int) % tile.shape[1]]
        colour[second] = np.asarray(yarns[1], dtype=np.float32)
    dark = 0.55 + 0.45 * np.clip(loop * 1.3, 0, 1)
    light = backdrop(shape, (255, 255, 255), generator, 0.3) / np.float32(255)
    light = light * colour * (shade * dark)[..., None].astype(np.float32)
    return develop(np.asarray(light, dtype=np.float32), None, generator)
