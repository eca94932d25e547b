"""Worlds of hardly any contrast: black on black, white on white."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import ellipse, spline

from .artwork import motif
from .brush import (
    area,
    backdrop,
    develop,
    lay,
    lay_turned,
    lit,
    shadow,
    turned,
)
from .garments import Blank, blank, printed
from .goods import MANY, Family, Product, goods, invented, picked
from .lettering import write
from .vessels import FLAVOURS, draw_form, paint_bottle

_VASE = goods("VAS", "Vase", "Home>Decor>Vases", "Ceramic", (299, 1999))
_FLASK = goods("FLK", "Bottle", "Home>Kitchen>Flasks", "Steel", (299, 1499))
_TEE = goods("TSH", "T-Shirt", "Apparels>Men>Polos & T-Shirts", "Cotton", (299, 999), whom="Men")
_BAG = goods("BAG", "Hand Bag", "Bags>Hand Bags", "Leather,Synthetic", (699, 3999))


def black_on_black(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Black shirts with black prints, black bags and black flasks, on black."""
    while True:
        brand, seed = invented(generator), int(generator.integers(2**31))
        dark = int(generator.integers(26, 46))
        tone: Colour = (dark, dark, dark + 2)
        chance, family = generator.random(), Family()
        count = min(most, int(generator.integers(4, 8)))
        if chance < 0.45:
            base = _muted(blank("t-shirt", "Black", seed, tone=(dark + 20, dark + 20, dark + 22)), 34.0)
            for _ in range(count):
                inks: list[Colour] = [(78, 78, 84), (104, 104, 108), (6, 6, 8)]
                light = printed(base, motif(360, generator), inks, 0.66, 0.0)
                title = picked(generator, ("Black Tee", f"{brand} Black Graphic Tee"))
                family.append(Product(develop(light, base.cover, generator, noise=1.5), _TEE, brand, title, "Black"))
        elif chance < 0.7:
            for _ in range(count):
                own = int(generator.integers(2**31))
                bag = _muted(blank("hand-bag", "Black", own, tone=(dark + 28, dark + 28, dark + 30)), 34.0)
                shot = develop(bag.light, bag.cover, generator, noise=1.5)
                family.append(Product(shot, _BAG, brand, "Black Hand Bag", "Black"))
        else:
            form = replace(draw_form(generator), tint=(36, 36, 40), cap_colour=(24, 24, 26), gloss=0.12)
            ground = backdrop((760, 600), tone, generator, 0.4)
            for _ in range(count):
                label, light = _tonal(generator, (34, 34, 38), (92, 92, 98)), ground.copy()
                cover = paint_bottle(light, form, label, 0.0, (300, 90, 620))
                family.append(
                    Product(develop(light, cover, generator, noise=1.5), _FLASK, brand, "Black Flask", "Black")
                )
        yield family


def _muted(base: Blank, level: float) -> Blank:
    """Take the colour out of a garment's trimmings and bring all of it near one grey level."""
    grey = base.light.mean(axis=2, keepdims=True)
    calm = np.where(base.cover[..., None] > 0.05, level + 0.32 * (grey - level), grey)
    light = np.repeat(calm, 3, axis=2).astype(np.float32)
    return replace(base, light=light, shade=np.clip(base.shade, np.float32(0.75), np.float32(1.2)))


def _tonal(generator: np.random.Generator, ground: Colour, ink: Colour) -> Picture:
    """Print a label in one colour on nearly the same, `(420, 420, 3)`."""
    light = np.full((420, 420, 3), ground, dtype=np.float32)
    side = 240
    canvas = np.zeros((420, 420), dtype=np.float32)
    for alpha, number in motif(side, generator):
        canvas[10 : 10 + side, 90 : 90 + side] *= 1 - alpha
        if number != 3:
            canvas[10 : 10 + side, 90 : 90 + side] += alpha * (1.0 if number == 1 else 0.6)
    lay(light, canvas, ink)
    write(light, FLAVOURS[generator.integers(len(FLAVOURS))], (210, 330), 60, ink, width=180, bold=0.05)
    return as_picture(light)


def white_on_white(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """White vases with reliefs, white shirts with pale prints and white jars, on white."""
    while True:
        brand, seed = invented(generator), int(generator.integers(2**31))
        pale = int(generator.integers(238, 252))
        chance, family = generator.random(), Family()
        count = min(most, int(generator.integers(4, 8)))
        if chance < 0.5:
            shape = (int(generator.integers(620, 740)), int(generator.integers(560, 640)))
            ground = backdrop(shape, (pale, pale, pale), generator, 0.08)
            profile = _vase_profile(generator)
            for _ in range(count):
                if generator.random() < 0.35:
                    profile = _vase_profile(generator)
                light = ground.copy()
                cover = _vase(light, profile, int(generator.integers(6)), generator)
                title = picked(generator, ("White Ceramic Vase", f"{brand} Vase", "White Ceramic Vase"))
                family.append(Product(develop(light, cover, generator, noise=1.2), _VASE, brand, title, "White"))
        elif chance < 0.75:
            base = _muted(blank("t-shirt", "White", seed, tone=(pale, pale, pale)), 238.0)
            for _ in range(count):
                inks: list[Colour] = [(196, 196, 194), (172, 172, 174), (222, 222, 220)]
                light = printed(base, motif(360, generator), inks, 0.66, 0.0)
                shot = develop(light, base.cover, generator, noise=1.2)
                family.append(Product(shot, _TEE, brand, "White Tee", "White"))
        else:
            form = replace(draw_form(generator), tint=(242, 242, 240), cap_colour=(248, 248, 246), gloss=0.15)
            ground = backdrop((760, 600), (pale, pale, pale), generator, 0.08)
            for _ in range(count):
                light, label = ground.copy(), _tonal(generator, (244, 244, 242), (176, 176, 174))
                cover = paint_bottle(light, form, label, 0.0, (300, 90, 620))
                family.append(
                    Product(develop(light, cover, generator, noise=1.2), _FLASK, brand, "White Flask", "White")
                )
        yield family


def _vase_profile(generator: np.random.Generator) -> tuple[tuple[float, float], ...]:
    heights = (0.1, 0.25, 0.5, 0.75, 0.94)
    radii = generator.uniform((0.07, 0.06, 0.14, 0.14, 0.09), (0.16, 0.17, 0.3, 0.28, 0.18))
    return tuple((float(r), h) for r, h in zip(radii, heights, strict=True))


def _vase(
    light: Floats, profile: tuple[tuple[float, float], ...], relief: int, generator: np.random.Generator
) -> Floats:
    shape = (light.shape[0], light.shape[1])
    outline = spline(*profile)[:, ::-1] * shape[0]
    body = turned(outline, shape[1] / 2, shape)
    angle, down = np.arcsin(body.across), body.down / shape[0]
    count = int(generator.integers(7, 16))
    fields = (
        np.sin(count * angle * 1.5),
        np.sin(2 * np.pi * count * down),
        np.sin(count * angle + 25 * down),
        np.sin(count * angle + 30 * down) * np.sin(count * angle - 30 * down),
        np.maximum(0.0, np.cos(count * angle) * np.cos(2 * np.pi * 0.55 * count * down)) ** 0.7,
        np.zeros_like(down),
    )
    height: Floats = np.asarray(4.5 * fields[relief] * (np.abs(body.across) < 0.98), dtype=np.float32)
    shade, _ = lit(np.asarray(cv2.GaussianBlur(height, (0, 0), 1.2), dtype=np.float32))
    foot = area(ellipse(shape[1] / 2, outline[-1, 0], outline[-1, 1] * 1.1, 0.02 * shape[0]), shape)
    shadow(light, foot, (14, 5), 10, 0.3)
    shadow(light, np.asarray(body.alpha, dtype=np.float32), (26, 6), 22, 0.12)
    lay_turned(
        light, body, np.asarray(np.clip(shade, 0.6, 1.25)[..., None] * np.float32(240), dtype=np.float32), gloss=0.06
    )
    radius = outline[0, 1]
    rim = ellipse(shape[1] / 2, outline[0, 0] - 0.072 * radius, radius, 0.12 * radius)
    lay(light, area(rim, shape), (244, 244, 242))
    mouth = ellipse(shape[1] / 2, outline[0, 0] - 0.06 * radius, radius * 0.9, 0.095 * radius)
    lay(light, area(mouth, shape), (196, 196, 194))
    return body.alpha
