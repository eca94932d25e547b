"""What sellers do to photos, each edit with its numbers drawn from a generator.

Broad on purpose: nobody can list what sellers do, so whole kinds of edits are drawn from (any cast, any ground, any
page, any cover), wider than one has seen.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.pictures.foreground import plain_product

Edit = Callable[[Picture, np.random.Generator], Picture]

_SELLERS = ("StyleHub", "TrendKart", "Nova", "bazaar24", "FabIndya", "shop-it", "UrbanLoom", "MEGA DEAL", "Zest", "K&R")
_BADGES = ("SALE", "NEW", "-50%", "HOT", "2 for 1", "-20%", "BEST")


def between(generator: np.random.Generator, low: float, high: float) -> float:
    """A number between two."""
    return float(generator.uniform(low, high))


def _colour(generator: np.random.Generator) -> Colour:
    red, green, blue = (int(value) for value in generator.integers(0, 256, size=3))
    return red, green, blue


def _light_ground(generator: np.random.Generator) -> Colour:
    """A background that a seller would choose: white to pastel."""
    red, green, blue = (int(value) for value in generator.integers(200, 256, size=3))
    return red, green, blue


def _cut(picture: Picture, generator: np.random.Generator, low: float, high: float) -> Picture:
    """Crop by a share of each side length, spread by chance over the two opposite sides."""
    across, down = between(generator, low, high), between(generator, low, high)
    left, top = across * generator.random(), down * generator.random()
    return edits.crop(picture, left=left, top=top, right=across - left, bottom=down - top)


def _toned(picture: Picture, generator: np.random.Generator) -> Picture:
    brightness, contrast, saturation = (float(value) for value in generator.uniform(0.85, 1.15, size=3))
    return edits.tone(picture, brightness, contrast, saturation)


def _softer_or_sharper(picture: Picture, generator: np.random.Generator) -> Picture:
    if generator.random() < 0.5:
        return edits.blur(picture, between(generator, 0.4, 1.3))
    return edits.sharpen(picture, between(generator, 0.4, 1.5))


def _logo(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.corner_logo(
        picture,
        str(generator.choice(_SELLERS)),
        corner=generator.choice(["top-left", "top-right", "bottom-left", "bottom-right"]),
        size=between(generator, 0.04, 0.09),
        colour=_colour(generator),
        opacity=between(generator, 0.6, 1.0),
    )


def _badge(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.badge(
        picture,
        str(generator.choice(_BADGES)),
        corner=generator.choice(["top-left", "top-right", "bottom-left", "bottom-right"]),
        size=between(generator, 0.14, 0.26),
        colour=_colour(generator),
    )


def _watermarked(picture: Picture, generator: np.random.Generator) -> Picture:
    grey = int(generator.integers(60, 230))
    return edits.watermark(
        picture,
        str(generator.choice(_SELLERS)),
        opacity=between(generator, 0.15, 0.4),
        degrees=between(generator, -45, 45),
        size=between(generator, 0.05, 0.11),
        colour=(grey, grey, grey),
    )


def _stretched(picture: Picture, generator: np.random.Generator) -> Picture:
    factor = 1.0 + between(generator, 0.08, 0.12)
    return edits.aspect(picture, factor if generator.random() < 0.5 else 1.0 / factor)


def _framed(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.frame(picture, _colour(generator), between(generator, 0.02, 0.07))


def _cast(picture: Picture, generator: np.random.Generator) -> Picture:
    """Warmer or cooler: red against blue, and a little green."""
    warmth, green = between(generator, 0.04, 0.18), between(generator, -0.03, 0.03)
    warmth *= 1 if generator.random() < 0.5 else -1
    return edits.cast(picture, (1 + warmth, 1 + green, 1 - warmth))


def _filtered(picture: Picture, generator: np.random.Generator) -> Picture:
    """The filter of a photo app: every channel scaled and lifted, colours paler or stronger, corners darker."""
    red, green, blue = (float(value) for value in np.exp(generator.uniform(-0.4, 0.3, size=3)))
    lift, spread = between(generator, -10, 48), generator.uniform(-12, 12, size=3)
    picture = edits.tone(picture, saturation=between(generator, 0.3, 1.3))
    picture = edits.cast(picture, (red, green, blue), (lift + spread[0], lift + spread[1], lift + spread[2]))
    return edits.vignette(picture, between(generator, 0.1, 0.5)) if generator.random() < 0.4 else picture


def _worn(picture: Picture, generator: np.random.Generator) -> Picture:
    """Small, noisy and saved badly, as a photo is that went through many hands."""
    picture = edits.resize(picture, int(generator.integers(110, 260)))
    if generator.random() < 0.5:
        picture = edits.noise(picture, between(generator, 2, 10), generator)
    return decoded(edits.encode(picture, "jpeg", int(generator.integers(12, 40))))


def _covered(picture: Picture, generator: np.random.Generator) -> Picture:
    """A banner along the top or the bottom, or stickers anywhere."""
    if generator.random() < 0.5:
        height, colour = between(generator, 0.06, 0.24), _colour(generator)
        top = 1 - height if generator.random() < 0.7 else 0.0
        picture = edits.cover(picture, left=0, top=top, width=1, height=height, colour=colour)
        return _worded(picture, (top + 0.1 * height, top + 0.9 * height), colour, generator)
    for _ in range(generator.integers(1, 4)):
        width, height = (float(value) for value in generator.uniform(0.08, 0.22, size=2))
        left, top = between(generator, 0, 1 - width), between(generator, 0, 1 - height)
        rounded = bool(generator.random() < 0.7)
        picture = edits.cover(
            picture, left=left, top=top, width=width, height=height, colour=_colour(generator), rounded=rounded
        )
    return picture


def _stuck(picture: Picture, generator: np.random.Generator) -> Picture:
    """Stickers of any outline anywhere, the product included: discs, bursts, flowers, hearts, splinters, with words."""
    for _ in range(generator.integers(1, 4)):
        word = str(generator.choice(_BADGES)) if generator.random() < 0.4 else ""
        picture = edits.sticker(
            picture,
            outline(generator),
            centre=(between(generator, 0.1, 0.9), between(generator, 0.1, 0.9)),
            size=between(generator, 0.07, 0.26),
            colours=(_colour(generator), _colour(generator)),
            rim=between(generator, 0.0, 0.1) if generator.random() < 0.5 else 0.0,
            text=word,
        )
    return picture


def outline(generator: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """A closed curve: a circle whose radius swings a few times, smooth or jagged."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    swings, depth = int(generator.integers(1, 13)), between(generator, 0.0, 0.5)
    phase = between(generator, 0.0, 2 * np.pi)
    swing = np.cos(swings * angles + phase)
    if generator.random() < 0.5:
        swing = 2 / np.pi * np.arcsin(swing)
    radius = (1 - depth * (1 + swing) / 2) * (1 + between(generator, -0.2, 0.2) * np.cos(2 * angles))
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (radius / radius.max())[:, None]
    return tuple((float(x), float(y)) for x, y in corners)


def _shaken(picture: Picture, generator: np.random.Generator) -> Picture:
    """Out of focus all round, or along a line."""
    reach = max(picture.shape[:2]) * between(generator, 0.002, 0.009)
    if generator.random() < 0.5:
        return edits.blur(picture, reach)
    return edits.smear(picture, reach, between(generator, 0, 180))


def _rastered(picture: Picture, generator: np.random.Generator) -> Picture:
    """Taken from a screen or a print: fine waves, and the slow coloured ones of two grids that beat."""
    waves = []
    for _ in range(generator.integers(1, 4)):
        fine = generator.random() < 0.6
        period = between(generator, 2, 7) if fine else between(generator, 8, 80)
        depth = between(generator, 0.03, 0.3 if fine else 0.12)
        spread = generator.uniform(-1, 1, size=3) if generator.random() < 0.6 else np.ones(3)
        red, green, blue = (float(value) for value in depth * spread)
        waves.append((period, between(generator, 0, 180), (red, green, blue)))
    picture = edits.raster(picture, waves)
    return edits.blur(picture, between(generator, 0.4, 1.2)) if generator.random() < 0.5 else picture


def _worded(picture: Picture, rows: tuple[float, float], ground: Colour, generator: np.random.Generator) -> Picture:
    """Words in a line between two heights, fractions of the picture's, on labels of the colour of the ground."""
    height, width = picture.shape[:2]
    tall = (rows[1] - rows[0]) * height / min(height, width) * between(generator, 0.4, 0.9)
    ink = _colour(generator)
    if abs(sum(ink) - sum(ground)) < 200:  # words are there to be read
        ink = (20, 20, 20) if sum(ground) > 380 else (245, 245, 245)
    for place in generator.uniform(0.05, 0.95, size=generator.integers(0, 4)):
        word = str(generator.choice(_SELLERS if generator.random() < 0.5 else _BADGES))
        wide = (len(word) + 1.2) / 1.1  # letters; a sticker makes them as large as fits
        label = ((-1.0, -1 / wide), (1.0, -1 / wide), (1.0, 1 / wide), (-1.0, 1 / wide))
        size = float(np.clip(tall * wide, 0.01, 1.0))
        middle = (float(place), min(1.0, (rows[0] + rows[1]) / 2))
        picture = edits.sticker(picture, label, centre=middle, size=size, colours=(ground, ink), text=word)
    return picture


def _moved(picture: Picture, generator: np.random.Generator) -> Picture:
    """The product on another ground; a picture whose product cannot be told from its ground is left as it is."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    product = plain_product(np.asarray(lab, dtype=np.float32))
    if product is None:
        return picture
    ground = _mottled(picture, generator)
    return edits.transplant(picture, np.asarray(product.astype(np.uint8) * 255), ground)


def _mottled(picture: Picture, generator: np.random.Generator) -> Picture:
    most = 2 if generator.random() < 0.3 else 40
    down, across = (int(value) for value in generator.integers(2, most + 1, size=2))
    first = _colour(generator)
    contrast = generator.uniform(-70, 70, size=3)
    red, green, blue = (int(np.clip(value + change, 0, 255)) for value, change in zip(first, contrast, strict=True))
    return edits.mottled(picture, (first, (red, green, blue)), (down, across), generator)


def _shown(picture: Picture, generator: np.random.Generator) -> Picture:
    """On a card, or on the page of an app among bars and words: thin ones, for a thick thing is a second product."""
    plain = (_light_ground(generator),) * 2 if generator.random() < 0.6 else (_colour(generator), _colour(generator))
    canvas = edits.mottled(picture, plain, (2, 2), generator)
    if generator.random() < 0.5:
        canvas = _furnished(canvas, plain[0], generator)
    upright, sides = between(generator, 0.05, 0.9), between(generator, 0.0, 0.15)
    share = float(generator.random())
    return edits.page(picture, (upright * share, upright * (1 - share), sides, sides), canvas)


def _furnished(canvas: Picture, ground: Colour, generator: np.random.Generator) -> Picture:
    """Bars, buttons and lines of words, wherever they come to lie."""
    for _ in range(generator.integers(2, 14)):
        top, left = between(generator, 0.0, 0.97), between(generator, 0.0, 0.7)
        height = between(generator, 0.005, 0.06)
        if generator.random() < 0.5:
            width = between(generator, 0.05, 1.0)
            colour = _colour(generator)
            canvas = edits.cover(canvas, left=left, top=top, width=width, height=height, colour=colour)
        else:
            canvas = _worded(canvas, (top, min(1.0, top + height)), ground, generator)
    return canvas


def _tilted(picture: Picture, generator: np.random.Generator) -> Picture:
    """At an angle from above or below, from a side, or both."""
    first = bool(generator.random() < 0.5)
    for upright in (first, not first)[: generator.integers(1, 3)]:
        share = between(generator, 0.03, 0.16) * (1 if generator.random() < 0.5 else -1)
        picture = edits.keystone(picture, share, upright=upright)
    return picture


LIGHT: dict[str, Edit] = {
    "crop": lambda picture, generator: _cut(picture, generator, 0.03, 0.10),
    "pad": lambda picture, generator: edits.pad_square(picture),
    "tone": _toned,
    "focus": _softer_or_sharper,
    "logo": _logo,
    "badge": _badge,
}
STRONG: dict[str, Edit] = {
    "deep-crop": lambda picture, generator: _cut(picture, generator, 0.10, 0.25),
    "mirror": lambda picture, generator: edits.mirror(picture),
    "rotate": lambda picture, generator: edits.rotate(picture, between(generator, -6, 6)),
    "background": lambda picture, generator: edits.background(picture, _light_ground(generator)),
    "frame": _framed,
    "watermark": _watermarked,
    "aspect": _stretched,
    "gamma": lambda picture, generator: edits.gamma(picture, between(generator, 0.7, 1.3)),
    "inset": lambda picture, generator: edits.inset(picture, between(generator, 0.6, 0.8)),
    "cast": _cast,
    "cover": _covered,
    "keystone": _tilted,
    "filter": _filtered,
    "worn": _worn,
    "ground": _moved,
    "page": _shown,
    "sticker": _stuck,
    "shake": _shaken,
    "raster": _rastered,
}
EDITS = LIGHT | STRONG
