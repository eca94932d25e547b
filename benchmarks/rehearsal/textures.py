"""Cutting a product out of its photo and laying it on another ground: marble, wood, brick, lights out of focus."""

from typing import Literal

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Mask, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture, blend
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.scene import smooth_noise

Texture = Literal["marble", "wood", "bokeh", "brick", "gradient"]

TEXTURES: tuple[Texture, ...] = ("marble", "wood", "bokeh", "brick", "gradient")


def cut_out(picture: Picture, mask: Mask, texture: Texture, share: float, seed: int) -> Picture:
    """Lay the product on a ground of another texture.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        mask: `(H, W) uint8`, 255 on the product.
        texture: of the new ground.
        share: new size of the product as a fraction of the old one, 0.3 to 1.
        seed: of the texture.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    below = as_picture(_ground(texture, height, width, np.random.default_rng(seed)))
    move = np.array([[share, 0, (1 - share) * width / 2], [0, share, (1 - share) * height / 2]])
    product = as_picture(cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE))
    opacity = as_picture(cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), dtype=np.uint8)), (0, 0), 0.7))
    opacity = as_picture(cv2.warpAffine(opacity, move, (width, height)))
    shadow = cv2.GaussianBlur(opacity, (0, 0), 0.02 * height).astype(np.float32)[..., None]
    shaded = as_picture(below * (1.0 - np.float32(0.35 / 255.0) * shadow))
    return blend(shaded, product, opacity)


def _ground(texture: Texture, height: int, width: int, generator: np.random.Generator) -> Floats:
    """Paint `(height, width, 3) float32`, 0 to 255."""
    if texture == "bokeh":
        return _bokeh(height, width, generator)
    tones: dict[Texture, Colour] = {
        "marble": (228, 226, 224), "wood": (156, 112, 76), "brick": (166, 84, 66), "gradient": (170, 190, 220)
    }  # fmt: skip
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if texture == "marble":
        bend = 60.0 * smooth_noise(height, width, (5, 5), generator) + 20.0 * smooth_noise(
            height, width, (12, 12), generator
        )
        shade = 1.0 - 0.35 * np.exp(-8.0 * np.abs(np.sin((x + 0.6 * y + bend) / 70.0)))
    elif texture == "wood":
        shade = 1.0 + 0.1 * np.sin((y + 12.0 * smooth_noise(height, width, (4, 3), generator)) / 4.0)
        shade = shade * np.where(y % (height // 5) < 3, 0.6, 1.0)
    elif texture == "brick":
        rows = np.floor(y / 28.0)
        joint = (y % 28.0 < 3) | ((x + 33.0 * (rows % 2)) % 66.0 < 3)
        shade = np.where(joint, 1.35, 1.0 + 0.08 * smooth_noise(height, width, (height // 28, width // 33), generator))
    else:
        shade = 0.75 + 0.5 * (generator.uniform(0.2, 0.8) * x / width + 0.5 * y / height)
    return np.asarray(shade[..., None] * np.asarray(tones[texture], dtype=np.float32), dtype=np.float32)


def _bokeh(height: int, width: int, generator: np.random.Generator) -> Floats:
    """Paint discs of light out of focus."""
    below = np.full((height, width, 3), generator.uniform(30, 90, 3), dtype=np.float32)
    for _ in range(26):
        disc = np.zeros((height, width), dtype=np.float32)
        centre = (int(generator.integers(width)), int(generator.integers(height)))
        cv2.circle(
            disc, centre, int(generator.integers(12, 52)), (float(generator.uniform(0.2, 0.6)),), -1, cv2.LINE_AA
        )
        below += disc[..., None] * generator.uniform(40, 220, 3).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(np.minimum(below, 250.0), (0, 0), 3.0), dtype=np.float32)
