"""The re-upload simulator: makes of a photo what a seller makes of it, and what only looks like that.

A *strength* says how far a copy is from its source: 1 is another encoding or size; 2 adds one light edit; 3 adds two
strong ones to that. All numbers are drawn from the generator that is handed in: equal generators, equal pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from dedup_pipeline import edits
from dedup_pipeline.alignment.product import product_of
from dedup_pipeline.edits import Colour, Picture
from dedup_pipeline.edits.picture import blend
from dedup_pipeline.imaging import decode

Strength = Literal[1, 2, 3]
Edit = Callable[[Picture, np.random.Generator], Picture]

_SELLERS = ("StyleHub", "TrendKart", "Nova", "bazaar24", "FabIndya", "shop-it", "UrbanLoom", "MEGA DEAL", "Zest", "K&R")
_BADGES = ("SALE", "NEW", "-50%", "HOT", "2 for 1", "-20%", "BEST")
_LEAST_PRODUCT, _MOST_PRODUCT = 0.02, 0.7  # share of the picture
_SMALLEST_SIDE = 48
_VISIBLE = 11.0  # CIE Lab units of mean change over the product: what a person calls another colour at a glance
_TRIES = 6


def generator_of(*key: int) -> np.random.Generator:
    """A generator that is a function of some numbers, such as (seed, epoch, sample): nothing else decides its draws."""
    return np.random.default_rng(np.random.SeedSequence(key))


def reupload(
    picture: Picture, strength: Strength, generator: np.random.Generator, without: frozenset[str] = frozenset()
) -> Picture:
    """Edit a photo the way sellers do.

    Args:
        picture: (H, W, 3) uint8 RGB.
        strength: 1 (re-encoded or resized) to 3 (three edits and re-encoded).
        generator: decides which edits and how much; it is advanced.
        without: names of edits that are never drawn; for rehearsing what happens when sellers know more.

    Returns:
        (h, w, 3) uint8 RGB, as it would be decoded from the seller's file.
    """
    return reupload_with_names(picture, strength, generator, without)[0]


def reupload_with_names(
    picture: Picture, strength: Strength, generator: np.random.Generator, without: frozenset[str] = frozenset()
) -> tuple[Picture, tuple[str, ...]]:
    """The same as ``reupload``, with the names of the edits in their order."""
    names: list[str] = []
    light, strong = ([name for name in some if name not in without] for some in (_LIGHT, _STRONG))
    if strength >= 2:
        names.append(light[generator.integers(len(light))])
    if strength >= 3:
        names += [strong[index] for index in generator.choice(len(strong), size=2, replace=False)]
        generator.shuffle(names)
    for name in names:
        picture = _EDITS[name](picture, generator)
    picture, encoding = _encoded(picture, generator)
    return picture, (*names, encoding)


def recolour(picture: Picture, generator: np.random.Generator) -> Picture | None:
    """Give the product of a photo another colour: what looks alike and is no duplicate.

    Args:
        picture: (H, W, 3) uint8 RGB.
        generator: decides the colour; it is advanced.

    Returns:
        (H, W, 3) uint8 RGB, or None where no draw changed the product visibly, or the product cannot be told from its
        ground: a white one on white, or a ground so rough that it would be painted too.
    """
    before = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
    product, _ = product_of(before)
    if not _LEAST_PRODUCT <= product.mean() <= _MOST_PRODUCT:
        return None
    stencil = np.asarray(cv2.GaussianBlur(product.astype(np.uint8) * 255, (0, 0), 1.0), dtype=np.uint8)
    for _ in range(_TRIES):
        painted = blend(picture, _repainted(picture, generator), stencil)
        after = cv2.cvtColor(painted.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        change = np.linalg.norm(after - before, axis=2)[product]
        if float(change.mean()) >= _VISIBLE:
            return painted
    return None


def pack(first: Picture, second: Picture, generator: np.random.Generator) -> Picture:
    """Put two products side by side in one picture: what shows a product, and more, and is no duplicate of it.

    Args:
        first: (H, W, 3) uint8 RGB.
        second: the same, of any size.
        generator: decides their order and sizes; it is advanced.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    area = min(first.shape[0] * first.shape[1], second.shape[0] * second.shape[1])
    scaled = []
    for picture, share in ((first, 1.0), (second, _between(generator, 0.7, 1.0))):
        factor = (area * share / (picture.shape[0] * picture.shape[1])) ** 0.5
        size = max(8, round(picture.shape[1] * factor)), max(8, round(picture.shape[0] * factor))
        scaled.append(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))
    height = max(len(part) for part in scaled)
    parts = []
    for part in scaled:
        above = (height - len(part)) // 2
        below = height - len(part) - above
        parts.append(cv2.copyMakeBorder(part, above, below, 0, 0, cv2.BORDER_REPLICATE))
    if generator.random() < 0.5:
        parts.reverse()
    return np.concatenate(parts, axis=1)


def _repainted(picture: Picture, generator: np.random.Generator) -> Picture:
    """One draw of another colour: turned, tinted, lighter or darker, greyer."""
    kind = generator.choice(["hue", "tint", "light", "grey"], p=[0.4, 0.3, 0.2, 0.1])
    if kind == "hue":
        return edits.recolour(
            picture,
            hue=float(generator.uniform(35, 180) * generator.choice([-1, 1])),
            chroma=_between(generator, 0.8, 1.3),
        )
    if kind == "tint":
        angle, reach = _between(generator, 0, 2 * np.pi), _between(generator, 18, 55)
        tint = (float(reach * np.cos(angle)), float(reach * np.sin(angle)))
        return edits.recolour(picture, lightness=_between(generator, -0.25, 0.25), tint=tint)
    if kind == "light":
        size = _between(generator, 0.25, 0.6)
        return edits.recolour(picture, lightness=size if generator.random() < 0.5 else -size)
    return edits.recolour(picture, chroma=_between(generator, 0.0, 0.3), lightness=_between(generator, -0.3, 0.3))


def _encoded(picture: Picture, generator: np.random.Generator) -> tuple[Picture, str]:
    """Resize, store in a file format, and read it again."""
    if generator.random() < 0.5:
        side = max(_SMALLEST_SIDE, round(max(picture.shape[:2]) * _between(generator, 0.5, 1.0)))
        picture = edits.resize(picture, side)
    quality = int(generator.integers(45, 96))
    drawn = generator.random()
    if drawn < 0.03:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2), "grey"
    if drawn < 0.83:
        data = np.frombuffer(edits.encode(picture, "jpeg", quality), dtype=np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8), f"jpeg-{quality}"
    if drawn < 0.93:
        return decode(edits.encode(picture, "webp", quality)), f"webp-{quality}"
    return decode(edits.encode(picture, "gif")), "gif"


def _between(generator: np.random.Generator, low: float, high: float) -> float:
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
    across, down = _between(generator, low, high), _between(generator, low, high)
    left, top = across * generator.random(), down * generator.random()
    return edits.crop(picture, left=left, top=top, right=across - left, bottom=down - top)


def _toned(picture: Picture, generator: np.random.Generator) -> Picture:
    brightness, contrast, saturation = (float(value) for value in generator.uniform(0.85, 1.15, size=3))
    return edits.tone(picture, brightness, contrast, saturation)


def _softer_or_sharper(picture: Picture, generator: np.random.Generator) -> Picture:
    if generator.random() < 0.5:
        return edits.blur(picture, _between(generator, 0.4, 1.3))
    return edits.sharpen(picture, _between(generator, 0.4, 1.5))


def _logo(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.corner_logo(
        picture,
        str(generator.choice(_SELLERS)),
        corner=generator.choice(["top-left", "top-right", "bottom-left", "bottom-right"]),
        size=_between(generator, 0.04, 0.09),
        colour=_colour(generator),
        opacity=_between(generator, 0.6, 1.0),
    )


def _badge(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.badge(
        picture,
        str(generator.choice(_BADGES)),
        corner=generator.choice(["top-left", "top-right", "bottom-left", "bottom-right"]),
        size=_between(generator, 0.14, 0.26),
        colour=_colour(generator),
    )


def _watermarked(picture: Picture, generator: np.random.Generator) -> Picture:
    grey = int(generator.integers(60, 230))
    return edits.watermark(
        picture,
        str(generator.choice(_SELLERS)),
        opacity=_between(generator, 0.15, 0.4),
        degrees=_between(generator, -45, 45),
        size=_between(generator, 0.05, 0.11),
        colour=(grey, grey, grey),
    )


def _stretched(picture: Picture, generator: np.random.Generator) -> Picture:
    factor = 1.0 + _between(generator, 0.08, 0.12)
    return edits.aspect(picture, factor if generator.random() < 0.5 else 1.0 / factor)


def _framed(picture: Picture, generator: np.random.Generator) -> Picture:
    return edits.frame(picture, _colour(generator), _between(generator, 0.02, 0.07))


def _cast(picture: Picture, generator: np.random.Generator) -> Picture:
    """Warmer or cooler: red against blue, and a little green."""
    warmth, green = _between(generator, 0.04, 0.18), _between(generator, -0.03, 0.03)
    warmth *= 1 if generator.random() < 0.5 else -1
    return edits.cast(picture, (1 + warmth, 1 + green, 1 - warmth))


def _covered(picture: Picture, generator: np.random.Generator) -> Picture:
    """A banner along the top or the bottom, or a sticker anywhere."""
    colour = _colour(generator)
    if generator.random() < 0.5:
        height = _between(generator, 0.06, 0.15)
        top = 1 - height if generator.random() < 0.7 else 0.0
        return edits.cover(picture, left=0, top=top, width=1, height=height, colour=colour)
    size = _between(generator, 0.1, 0.2)
    left, top = _between(generator, 0, 1 - size), _between(generator, 0, 1 - size)
    return edits.cover(picture, left=left, top=top, width=size, height=size, colour=colour)


def _tilted(picture: Picture, generator: np.random.Generator) -> Picture:
    share = _between(generator, 0.03, 0.12) * (1 if generator.random() < 0.5 else -1)
    return edits.keystone(picture, share, upright=bool(generator.random() < 0.5))


_LIGHT: dict[str, Edit] = {
    "crop": lambda picture, generator: _cut(picture, generator, 0.03, 0.10),
    "pad": lambda picture, generator: edits.pad_square(picture),
    "tone": _toned,
    "focus": _softer_or_sharper,
    "logo": _logo,
    "badge": _badge,
}
_STRONG: dict[str, Edit] = {
    "deep-crop": lambda picture, generator: _cut(picture, generator, 0.10, 0.25),
    "mirror": lambda picture, generator: edits.mirror(picture),
    "rotate": lambda picture, generator: edits.rotate(picture, _between(generator, -6, 6)),
    "background": lambda picture, generator: edits.background(picture, _light_ground(generator)),
    "frame": _framed,
    "watermark": _watermarked,
    "aspect": _stretched,
    "gamma": lambda picture, generator: edits.gamma(picture, _between(generator, 0.7, 1.3)),
    "inset": lambda picture, generator: edits.inset(picture, _between(generator, 0.6, 0.8)),
    "cast": _cast,
    "cover": _covered,
    "keystone": _tilted,
}
_EDITS = _LIGHT | _STRONG
