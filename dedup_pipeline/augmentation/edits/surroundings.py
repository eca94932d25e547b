"""Edits that tell the product from its background: another background, another colour of the product."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.edits.picture import (
    Colour,
    Mask,
    Picture,
    as_picture,
    blend,
    require_picture,
    require_range,
)

_LIGHT = 150.0
"""Grey level above which a border counts as a light background."""

_UNIFORM_SHARE = 0.4
"""Share of the border that must look like the background; products often touch one or two sides."""


def background_mask(picture: Picture, tolerance: float = 14.0) -> Mask:
    """Find the light, near-uniform background by a flood fill from the border.

    The background may be a soft gradient: a plane per channel is fitted to the border, and pixels are compared with it.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        tolerance: largest difference of any channel from the background, in grey levels, 1 to 80.

    Returns:
        `(H, W) uint8`, 255 on the background; all 0 where the border is dark or not uniform.

    Raises:
        ValueError: a tolerance out of range.
    """
    require_picture(picture)
    require_range("tolerance", tolerance, 1.0, 80.0)
    height, width = picture.shape[:2]
    model = _border_plane(picture, tolerance)
    if model is None:
        return np.zeros((height, width), dtype=np.uint8)
    red, green, blue = cv2.split(cv2.absdiff(picture, model))
    near = np.full((height + 2, width + 2), 1, dtype=np.uint8)
    near[1:-1, 1:-1] = cv2.max(cv2.max(red, green), blue) <= tolerance
    # The ring of ones around the picture joins all border pixels, so one fill from a corner starts at each of them.
    cv2.floodFill(near, None, (0, 0), (255,))
    return np.where(near[1:-1, 1:-1] == 255, np.uint8(255), np.uint8(0))


def background(picture: Picture, colour: Colour, tolerance: float = 14.0) -> Picture:
    """Give the light background another colour and leave the product; shading of the background is kept.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        colour: the new background.
        tolerance: see `background_mask`.

    Returns:
        `(H, W, 3) uint8`; equal to the input where no light, uniform background is found.

    Raises:
        ValueError: a tolerance out of range.
    """
    mask = background_mask(picture, tolerance)
    if not mask.any():
        return picture.copy()
    old = cv2.mean(picture, mask)[:3]
    mask = _with_shadow(picture, mask, old)
    gains = np.asarray(colour, dtype=np.float32) / np.maximum(1.0, np.asarray(old, dtype=np.float32))
    repainted = as_picture(cv2.transform(picture, np.diag(gains)))
    return blend(picture, repainted, as_picture(cv2.GaussianBlur(mask, (0, 0), 0.8)))


def transplant(picture: Picture, product: Mask, ground: Picture) -> Picture:
    """Cut the product out and lay it on another ground.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        product: `(H, W) uint8`, 255 on the product.
        ground: `(H, W, 3) uint8` RGB.

    Returns:
        `(H, W, 3) uint8`.
    """
    return blend(ground, picture, as_picture(cv2.GaussianBlur(product, (0, 0), 0.8)))


def mottled(
    picture: Picture, colours: tuple[Colour, Colour], cells: tuple[int, int], generator: np.random.Generator
) -> Picture:
    """A ground that runs irregularly from one colour to another: a gradient, a wall, cloth, wood grain, gravel.

    Args:
        picture: `(H, W, 3) uint8` RGB; only its size counts.
        colours: the two.
        cells: how often it changes from top to bottom and from left to right, 2 and more; (2, 2) is a gradient.
        generator: the source of the pattern; it is advanced.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    drawn = generator.random((max(2, cells[0]), max(2, cells[1])), dtype=np.float32)
    share = np.clip(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
    first, second = (np.asarray(colour, dtype=np.float32) for colour in colours)
    return as_picture(first * (1 - share) + second * share)


def recolour(
    picture: Picture,
    *,
    hue: float = 0.0,
    lightness: float = 0.0,
    chroma: float = 1.0,
    tint: tuple[float, float] = (0.0, 0.0),
    tolerance: float = 14.0,
) -> Picture:
    """Change the colour of the product and not of its background, in CIE Lab: the synthetic hard negative.

    Folds and pattern stay.  A neutral product (black, grey, white) has no hue to turn: give it a `tint`.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        hue: turn of the a-b plane in degrees, -180 to 180.
        lightness: -0.9 to 0.9; negative darkens towards black, positive lightens towards white, by this share.
        chroma: factor on the distance from grey, 0 to 3.
        tint: shift of a and b after the turn, -100 to 100 each.
        tolerance: see `background_mask`; with no background found, the whole picture is recoloured.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_range("hue", hue, -180.0, 180.0)
    require_range("lightness", lightness, -0.9, 0.9)
    require_range("chroma", chroma, 0.0, 3.0)
    for name, value in zip(("tint a", "tint b"), tint, strict=True):
        require_range(name, value, -100.0, 100.0)
    mask = background_mask(picture, tolerance)
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    cosine, sine = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    light_gain, light_offset = 1.0 - abs(lightness), 255.0 * max(0.0, lightness)
    centre = 128.0
    matrix = np.array(
        [
            [light_gain, 0.0, 0.0, light_offset],
            [0.0, cosine, -sine, centre - centre * (cosine - sine) + tint[0]],
            [0.0, sine, cosine, centre - centre * (sine + cosine) + tint[1]],
        ],
        dtype=np.float32,
    )
    painted = cv2.cvtColor(as_picture(cv2.transform(lab, matrix)), cv2.COLOR_LAB2RGB)
    return blend(as_picture(painted), picture, as_picture(cv2.GaussianBlur(mask, (0, 0), 0.8)))


def _border_plane(picture: Picture, tolerance: float) -> Picture | None:
    """Fit `value = c + a x + b y` per channel to the border; None where it is dark or not uniform."""
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width][:, :: max(1, height // 64), :: max(1, width // 64)]
    edge = np.minimum(np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns))
    on_border = edge <= 0.02 * min(height, width)
    rows, columns = rows[on_border], columns[on_border]
    values = picture[rows, columns].astype(np.float64)
    design = np.stack([np.ones(len(rows)), columns / width, rows / height], axis=1)
    middle = np.median(values, axis=0)
    usable = np.abs(values - middle).max(axis=1) <= 2.5 * tolerance
    if middle.mean() < _LIGHT or usable.mean() < _UNIFORM_SHARE:
        return None
    plane: npt.NDArray[np.float64] = np.linalg.lstsq(design[usable], values[usable], rcond=None)[0]
    across = (plane[0] + (np.arange(width) / width)[:, None] * plane[1]).astype(np.float32)
    down = ((np.arange(height) / height)[:, None] * plane[2]).astype(np.float32)
    return as_picture(across[None, :, :] + down[:, None, :])


def _with_shadow(picture: Picture, mask: Mask, old: Sequence[float]) -> Mask:
    """Add the soft shadow around the product: near the background, darker than it, and of the same hue."""
    reach = max(3, round(0.06 * min(picture.shape[:2]))) | 1
    close = cv2.dilate(mask, np.ones((reach, reach), dtype=np.uint8))
    ratios = cv2.transform(picture, np.diag(160.0 / np.maximum(1.0, np.asarray(old))).astype(np.float32))
    red, green, blue = cv2.split(ratios)  # 160 is as bright as the background
    low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    shadow = (low > 112) & (high < 168) & (cv2.subtract(high, low) < 7) & (close > 0)
    return np.where(shadow, np.uint8(255), mask)
