"""The re-upload simulator: makes of a photo what a seller makes of it, and what only looks like that.

A *strength* says how far a copy is from its source: 1 is another encoding or size; 2 adds one light edit; 3 adds two
strong ones to that. All numbers are drawn from the generator that is handed in: equal generators, equal pictures.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Picture
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.augmentation.edits.picture import as_picture, blend
from dedup_pipeline.augmentation.motifs import drawn_motif
from dedup_pipeline.augmentation.seller_edits import EDITS, LIGHT, STRONG, between
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.pictures.decode import decode_own
from dedup_pipeline.pictures.foreground import plain_product
from dedup_pipeline.pictures.photo_region import photo_of

Strength = Literal[1, 2, 3]

_SMALLEST_SIDE = 48
_VISIBLE = 11.0  # CIE Lab units of mean change over the product: what a person calls another colour at a glance
_TRIES = 6
_BOTH = 0.9  # share of a pack that is looked at where both of its photos are
_INSIDE = 0.95  # share of a motif that lies on the product: one that reaches beyond is a sticker on the photo
_BROAD = 0.7  # of the greatest distance to the product's rim
_FITTING = 1.6  # times that distance: a disc of 2 would touch the rim
_LEAST_INK = 0.015  # share of the product: less is a label that nobody looks at
_INKED = 35.0  # CIE Lab units of mean change under the ink: words in navy on black are none that anybody sees
_GREY = 0.05  # share of the copies that lose their colour


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
    light, strong = ([name for name in some if name not in without] for some in (LIGHT, STRONG))
    if strength >= 2:
        names.append(light[generator.integers(len(light))])
    if strength >= 3:
        names += [strong[index] for index in generator.choice(len(strong), size=2, replace=False)]
        generator.shuffle(names)
    for name in names:
        picture = EDITS[name](picture, generator)
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
    product = plain_product(before)
    if product is None:
        return None
    stencil = np.asarray(cv2.GaussianBlur(product.astype(np.uint8) * 255, (0, 0), 1.0), dtype=np.uint8)
    for _ in range(_TRIES):
        painted = blend(picture, _repainted(picture, generator), stencil)
        after = cv2.cvtColor(painted.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        change = np.linalg.norm(after - before, axis=2)[product]
        if float(change.mean()) >= _VISIBLE:
            return painted
    return None


def reprint(picture: Picture, other: Picture, generator: np.random.Generator, *, twin: bool = False) -> Picture | None:
    """Print another motif on the product of a photo: the same garment, bottle or case, and another product.

    Args:
        picture: (H, W, 3) uint8 RGB.
        other: the same, of any size; what it shows may become the motif.
        generator: decides the motif, its size, place and colours; it is advanced.
        twin: whether to print the twin of the motif that an equal generator gives, in the same place, see
            ``drawn_motif``.

    Returns:
        (H, W, 3) uint8 RGB, or None where no draw fits on the product and is seen on it, or the product cannot be told
        from its ground.
    """
    before = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
    product = plain_product(before)
    if product is None:
        return None
    columns = np.flatnonzero(product.any(axis=0))
    wide = columns[-1] - columns[0] + 1
    # where the product is broad: a chest, a belly, the front of a case
    rim = np.pad(product.astype(np.uint8), 1)  # what the picture cuts off ends there
    depth = cv2.distanceTransform(rim, cv2.DIST_L2, 3)[1:-1, 1:-1]
    places = np.argwhere(depth >= _BROAD * depth.max())
    for _ in range(_TRIES):
        row, column = places[generator.integers(len(places))].tolist()
        width = min(wide * between(generator, 0.15, 0.5), _FITTING * depth[row, column])
        motif, opacity = drawn_motif(other, round(width), generator, twin=twin)
        height, width = opacity.shape
        top, left = row - height // 2, column - width // 2
        if min(top, left) < 0 or top + height > len(product) or left + width > product.shape[1]:
            continue
        place = slice(top, top + height), slice(left, left + width)
        inked = opacity > 127
        if inked.sum() < _LEAST_INK * product.sum() or product[place][inked].mean() < _INSIDE:
            continue
        printed = picture.copy()
        printed[place] = blend(picture[place], _shaded(motif, before[place][..., 0]), opacity)
        after = cv2.cvtColor(printed[place].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        if float(np.linalg.norm(after - before[place], axis=2)[inked].mean()) >= _INKED:
            return printed
    return None


def _shaded(motif: Picture, lightness: Floats) -> Picture:
    """A motif (H, W, 3) in the folds of the cloth below it, whose lightness is (H, W), 0 to 100."""
    folds = cv2.GaussianBlur(lightness, (0, 0), max(1.0, 0.05 * len(lightness)))
    return as_picture(motif * np.clip(folds / max(1.0, float(folds.mean())), 0.6, 1.5)[..., None])


def pack(first: Picture, second: Picture, generator: np.random.Generator) -> Picture | None:
    """Put two products side by side in one picture: what shows a product, and more, and is no duplicate of it.

    Args:
        first: (H, W, 3) uint8 RGB.
        second: the same, of any size.
        generator: decides their order and sizes; it is advanced.

    Returns:
        (h, w, 3) uint8 RGB; None where one of the two is taken for a page that shows the other: then only that is
        looked at, and nothing tells the pack from a copy.
    """
    area = min(first.shape[0] * first.shape[1], second.shape[0] * second.shape[1])
    scaled = []
    for picture, share in ((first, 1.0), (second, between(generator, 0.7, 1.0))):
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
    both: Picture = np.concatenate(parts, axis=1)
    return both if photo_of(both).size >= _BOTH * both.size else None


def _repainted(picture: Picture, generator: np.random.Generator) -> Picture:
    """One draw of another colour: turned, tinted, lighter or darker, greyer."""
    kind = generator.choice(["hue", "tint", "light", "grey"], p=[0.4, 0.3, 0.2, 0.1])
    if kind == "hue":
        return edits.recolour(
            picture,
            hue=float(generator.uniform(35, 180) * generator.choice([-1, 1])),
            chroma=between(generator, 0.8, 1.3),
        )
    if kind == "tint":
        angle, reach = between(generator, 0, 2 * np.pi), between(generator, 18, 55)
        tint = (float(reach * np.cos(angle)), float(reach * np.sin(angle)))
        return edits.recolour(picture, lightness=between(generator, -0.25, 0.25), tint=tint)
    if kind == "light":
        size = between(generator, 0.25, 0.6)
        return edits.recolour(picture, lightness=size if generator.random() < 0.5 else -size)
    chroma = 0.0 if generator.random() < 0.3 else between(generator, 0.0, 0.3)
    return edits.recolour(picture, chroma=chroma, lightness=between(generator, -0.3, 0.3))


def _encoded(picture: Picture, generator: np.random.Generator) -> tuple[Picture, str]:
    """Resize, store in a file format, and read it again."""
    if generator.random() < 0.5:
        side = max(_SMALLEST_SIDE, round(max(picture.shape[:2]) * between(generator, 0.5, 1.0)))
        picture = edits.resize(picture, side)
    quality = int(generator.integers(45, 96))
    drawn = generator.random()
    if drawn < _GREY:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2), "grey"
    if drawn < 0.83:
        return decoded(edits.encode(picture, "jpeg", quality)), f"jpeg-{quality}"
    if drawn < 0.93:
        return decode_own(edits.encode(picture, "webp", quality)), f"webp-{quality}"
    return decode_own(edits.encode(picture, "gif")), "gif"
