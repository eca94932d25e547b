"""What sellers do to photos, each edit with its numbers drawn from a generator.

Broad on purpose: nobody can list what sellers do, so whole kinds of edits are drawn from (any cast, any ground, any
page, any cover), wider than one has seen.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from dedup_pipeline import edits
from dedup_pipeline.alignment.product import plain_product
from dedup_pipeline.edits import Colour, Picture
from dedup_pipeline.edits.encoding import decoded

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
    red, green, blue = (float(value) for value in generator.uniform(0.8, 1.2, size=3))
    lift, spread = between(generator, -8, 36), generator.uniform(-8, 8, size=3)
    picture = edits.tone(picture, saturation=between(generator, 0.5, 1.2))
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
    if generator.random() < 0.4:
        height = between(generator, 0.06, 0.18)
        top = 1 - height if generator.random() < 0.7 else 0.0
        return edits.cover(picture, left=0, top=top, width=1, height=height, colour=_colour(generator))
    for _ in range(generator.integers(1, 4)):
        width, height = (float(value) for value in generator.uniform(0.08, 0.22, size=2))
        left, top = between(generator, 0, 1 - width), between(generator, 0, 1 - height)
        rounded = bool(generator.random() < 0.7)
        picture = edits.cover(
            picture, left=left, top=top, width=width, height=height, colour=_colour(generator), rounded=rounded
        )
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
    """On a card, or on the page of an app, that is otherwise empty: much beside a photo is a pack, and no duplicate."""
    plain = (_light_ground(generator),) * 2 if generator.random() < 0.6 else (_colour(generator), _colour(generator))
    canvas = edits.mottled(picture, plain, (2, 2), generator)
    upright, sides = between(generator, 0.05, 0.6), between(generator, 0.0, 0.15)
    share = float(generator.random())
    return edits.page(picture, (upright * share, upright * (1 - share), sides, sides), canvas)


def _tilted(picture: Picture, generator: np.random.Generator) -> Picture:
    share = between(generator, 0.03, 0.12) * (1 if generator.random() < 0.5 else -1)
    return edits.keystone(picture, share, upright=bool(generator.random() < 0.5))


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
}
EDITS = LIGHT | STRONG
