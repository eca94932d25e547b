"""Photos of bundles: packs of one garment in several colours, and sets of a top and a bottom, in one picture.

Sellers seldom photograph a bundle.  They cut the garments out of the photos of the single products and paste them side
by side, or put the photos themselves next to each other.  So does the shop: a bundle shows the pixels of its parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture, blend
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.photo import Look, Shot
from dedup_pipeline.sample.rendering.scene import Scene, draw_scene, paint_background

_RATIOS = (0.8, 1.0, 1.0, 1.5)
"""Width over height of the pictures of bundles; a long row takes the widest."""

_HEIGHTS: dict[Kind, float] = {"short": 0.72, "skirt": 1.0, "trouser": 1.45, "tunic": 1.35, "vest": 0.95}
"""How tall a garment is in a bundle, when a t-shirt is 1."""


@dataclass(frozen=True)
class Bundle:
    """What the photo of a bundle shows; equal bundles give equal pictures.

    Attributes:
        parts: the garments from left to right.
        ground_seed: background and arrangement.
    """

    parts: tuple[Look, ...]
    ground_seed: int


@dataclass(frozen=True)
class _CutOut:
    """A garment without its background, and where its upper left corner lies in the picture of the bundle."""

    picture: Picture
    mask: Mask
    left: int = 0
    top: int = 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Return its rows and columns in the picture of the bundle."""
        return (
            slice(self.top, self.top + self.mask.shape[0]),
            slice(self.left, self.left + self.mask.shape[1]),
        )


def paste_together(bundle: Bundle, shoot: Callable[[Look], Shot]) -> Shot:
    """Cut the garments out of their photos and lay them side by side on one ground, sometimes one over the other.

    Args:
        bundle: what to show.
        shoot: takes the photo of a single garment.

    Returns:
        A shot with a long side of 560 to 640 px; its mask covers all garments.
    """
    generator = np.random.default_rng(bundle.ground_seed)
    cut_outs = [_cut_out(shoot(look)) for look in bundle.parts]
    tall = [_HEIGHTS.get(look.kind, 1.0) for look in bundle.parts]
    wide = [height * part.mask.shape[1] / part.mask.shape[0] for height, part in zip(tall, cut_outs, strict=True)]
    long_side, ratio = int(generator.integers(560, 641)), float(generator.choice(_RATIOS))
    if sum(wide) > 2.0 * max(tall):
        ratio = max(_RATIOS)
    width, height = (long_side, round(long_side / ratio)) if ratio > 1 else (round(long_side * ratio), long_side)
    scene = replace(draw_scene(bundle.parts[0].kind, generator), width=width, height=height)
    placed = _arranged(cut_outs, list(zip(wide, tall, strict=True)), scene, generator)
    ground = paint_background(scene, generator)
    shadow, cover = _cover(placed, scene), np.zeros((height, width), dtype=np.uint8)
    ground *= (np.float32(1.0) - np.float32(0.3 if scene.lies else 0.16) * shadow)[..., None]
    picture = as_picture(ground)
    for part in placed:
        picture[part.window] = blend(np.ascontiguousarray(picture[part.window]), part.picture, part.mask)
        cover[part.window] = np.maximum(cover[part.window], part.mask)
    return Shot(picture, cover)


def _cut_out(shot: Shot) -> _CutOut:
    """Crop a shot to its product; the mask loses the pixel at the edge, which has caught the old background."""
    left, top, width, height = cv2.boundingRect(shot.mask)
    window = slice(top, top + height), slice(left, left + width)
    tight = cv2.erode(shot.mask[window], np.ones((3, 3), dtype=np.uint8), borderValue=(0.0,))
    return _CutOut(np.ascontiguousarray(shot.picture[window]), np.asarray(tight, dtype=np.uint8))


def _arranged(
    cut_outs: Sequence[_CutOut],
    sizes: Sequence[tuple[float, float]],
    scene: Scene,
    generator: np.random.Generator,
) -> list[_CutOut]:
    """Place garments of some relative sizes (width, height) in a row that fits the picture."""
    gap = float(generator.uniform(-0.24 if len(sizes) < 3 else -0.36, 0.06)) * min(wide for wide, _ in sizes)
    drop = float(generator.uniform(0.0, 0.18)) if generator.random() < 0.4 else 0.0
    across = sum(wide for wide, _ in sizes) + gap * (len(sizes) - 1)
    down = max(tall + drop * (number % 2) for number, (_, tall) in enumerate(sizes))
    scale = float(generator.uniform(0.86, 0.95)) * min(scene.width / across, scene.height / down)
    left, top = 0.5 * (scene.width - scale * across), 0.5 * (scene.height - scale * down)
    placed = []
    for number, (part, (wide, tall)) in enumerate(zip(cut_outs, sizes, strict=True)):
        size = max(1, round(wide * scale)), max(1, round(tall * scale))
        y = min(round(top + scale * drop * (number % 2)), scene.height - size[1])
        x = min(round(left), scene.width - size[0])
        placed.append(_CutOut(resized(part.picture, *size), resized(part.mask, *size), x, y))
        left += scale * (wide + gap)
    return placed


def _cover(placed: Sequence[_CutOut], scene: Scene) -> Floats:
    """Return the soft shadow of the garments on the ground, `(H, W) float32`, 0 to 1."""
    mask = np.zeros((scene.height, scene.width), dtype=np.float32)
    for part in placed:
        mask[part.window] = np.maximum(mask[part.window], part.mask / np.float32(255.0))
    reach = 0.014 * scene.height
    offset = np.array([[1, 0, -reach * scene.light[0]], [0, 1, -reach * scene.light[1]]])
    moved = cv2.warpAffine(mask, offset, (scene.width, scene.height))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), reach), dtype=np.float32)


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return a picture, or a mask, of another size, in pixels."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
