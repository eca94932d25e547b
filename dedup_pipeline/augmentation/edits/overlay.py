"""Edits that paint on top of a photo: a seller's logo, a sale badge, a tiled watermark."""

import math
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline.augmentation.edits.picture import (
    WHITE,
    Colour,
    Mask,
    Picture,
    as_picture,
    require_picture,
    require_range,
)

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]

_MARGIN = 0.025
"""Gap between an overlay and the border, as a fraction of the shorter side."""


def corner_logo(
    picture: Picture,
    text: str,
    *,
    corner: Corner = "bottom-right",
    size: float = 0.05,
    colour: Colour = (170, 30, 60),
    opacity: float = 0.85,
) -> Picture:
    """Write a short text into a corner, as sellers do with their name.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        text: 1 to 40 characters.
        corner: where.
        size: height of the letters as a fraction of the shorter side, 0.01 to 0.3.
        colour: of the letters.
        opacity: 0 (invisible) to 1.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("len(text)", len(text), 1, 40)
    require_range("size", size, 0.01, 0.3)
    require_range("opacity", opacity, 0.0, 1.0)
    shorter = min(picture.shape[:2])
    letters = lettering(text, max(6, round(size * shorter)))
    stencil = np.zeros(picture.shape[:2], dtype=np.uint8)
    _place(stencil, letters, corner, round(_MARGIN * shorter))
    return _paint(picture, stencil, colour, opacity)


def badge(
    picture: Picture,
    text: str = "SALE",
    *,
    corner: Corner = "top-left",
    size: float = 0.2,
    colour: Colour = (205, 30, 40),
) -> Picture:
    """Stick a round badge with white letters into a corner.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        text: 1 to 12 characters.
        corner: where.
        size: diameter as a fraction of the shorter side, 0.05 to 0.5.
        colour: of the disc.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("len(text)", len(text), 1, 12)
    require_range("size", size, 0.05, 0.5)
    shorter = min(picture.shape[:2])
    diameter = max(8, round(size * shorter))
    disc = np.zeros((diameter, diameter), dtype=np.uint8)
    half = diameter * 8 - 8  # in sixteenths of a pixel, so that the circle is centred exactly
    cv2.circle(disc, (half, half), diameter * 8 - 16, (255,), -1, cv2.LINE_AA, 4)
    letters = lettering(text, max(6, round(1.35 * diameter / (len(text) + 1.2))))
    label = np.zeros_like(disc)
    _place_centred(label, letters)
    stencil, ink = np.zeros(picture.shape[:2], np.uint8), np.zeros(picture.shape[:2], np.uint8)
    _place(stencil, disc, corner, round(_MARGIN * shorter))
    _place(ink, label, corner, round(_MARGIN * shorter))
    return _paint(_paint(picture, stencil, colour, 1.0), ink, WHITE, 1.0)


def cover(
    picture: Picture, *, left: float, top: float, width: float, height: float, colour: Colour, rounded: bool = False
) -> Picture:
    """Hide a part under a plain rectangle or ellipse, as a banner or a sticker does.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        left: fraction of the width, 0 to 1.
        top: fraction of the height, 0 to 1.
        width: fraction of the width, 0 to 1; what reaches over the edge is cut off.
        height: fraction of the height, 0 to 1.
        colour: of the shape.
        rounded: an ellipse instead of a rectangle.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a fraction out of range.
    """
    require_picture(picture)
    for name, value in (("left", left), ("top", top), ("width", width), ("height", height)):
        require_range(name, value, 0.0, 1.0)
    rows, columns = picture.shape[:2]
    covered = picture.copy()
    y, x, tall, wide = round(top * rows), round(left * columns), round(height * rows), round(width * columns)
    if rounded:
        cv2.ellipse(covered, (x + wide // 2, y + tall // 2), (wide // 2, tall // 2), 0, 0, 360, colour, -1, cv2.LINE_AA)
    else:
        covered[y : y + tall, x : x + wide] = colour
    return covered


def sticker(
    picture: Picture,
    outline: tuple[tuple[float, float], ...],
    *,
    centre: tuple[float, float],
    size: float,
    colours: tuple[Colour, Colour],
    rim: float = 0.0,
    text: str = "",
) -> Picture:
    """Stick an opaque shape on a photo, with a rim and a word if they are wished.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        outline: the corners of the shape, three or more, across and down, each -1 to 1.
        centre: fractions of the width and of the height, 0 to 1; what reaches over the edge is cut off.
        size: of the square that holds the shape, as a fraction of the shorter side, 0.01 to 1.
        colours: of the shape; of its rim and letters.
        rim: its width as a fraction of the size, 0 to 0.5; 0 draws none.
        text: up to 12 characters.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("len(outline)", len(outline), 3, 1000)
    for name, value in zip(("x", "y"), centre, strict=True):
        require_range(name, value, 0.0, 1.0)
    require_range("size", size, 0.01, 1.0)
    require_range("rim", rim, 0.0, 0.5)
    require_range("len(text)", len(text), 0, 12)
    rows, columns = picture.shape[:2]
    side = size * min(rows, columns)
    middle = np.array([centre[0] * columns, centre[1] * rows])
    sixteenths = np.round((np.array(outline) * side / 2 + middle) * 16).astype(np.int32)
    stuck = picture.copy()
    cv2.fillPoly(stuck, [sixteenths], colours[0], cv2.LINE_AA, 4)
    if rim:
        cv2.polylines(stuck, [sixteenths], True, colours[1], max(1, round(rim * side)), cv2.LINE_AA, 4)
    if not text:
        return stuck
    letters = lettering(text, max(6, round(1.1 * side / (len(text) + 1.2))))
    stencil = np.zeros(picture.shape[:2], dtype=np.uint8)
    top, left = round(middle[1] - letters.shape[0] / 2), round(middle[0] - letters.shape[1] / 2)
    y, x = max(0, top), max(0, left)
    shown = letters[y - top : rows - top, x - left : columns - left]
    stencil[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
    return _paint(stuck, stencil, colours[1], 1.0)


def watermark(
    picture: Picture,
    text: str,
    *,
    opacity: float = 0.25,
    degrees: float = 30.0,
    size: float = 0.07,
    colour: Colour = (128, 128, 128),
) -> Picture:
    """Tile a translucent text over the whole picture.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        text: 1 to 40 characters.
        opacity: 0 (invisible) to 1.
        degrees: direction of the text, -90 to 90, positive rises to the right.
        size: height of the letters as a fraction of the shorter side, 0.02 to 0.3.
        colour: of the letters.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("len(text)", len(text), 1, 40)
    require_range("opacity", opacity, 0.0, 1.0)
    require_range("degrees", degrees, -90.0, 90.0)
    require_range("size", size, 0.02, 0.3)
    height, width = picture.shape[:2]
    letters = lettering(text, max(6, round(size * min(height, width))))
    line = np.zeros((letters.shape[0] * 3, letters.shape[1] + 2 * letters.shape[0]), dtype=np.uint8)
    line[letters.shape[0] : 2 * letters.shape[0], : letters.shape[1]] = letters
    diagonal = math.ceil(math.hypot(height, width))
    line = np.tile(line, (1, 1 + diagonal // line.shape[1]))
    stagger = round(0.37 * (letters.shape[1] + 2 * letters.shape[0]))
    sheet = np.vstack([np.roll(line, row * stagger, axis=1) for row in range(1 + diagonal // line.shape[0])])
    matrix = cv2.getRotationMatrix2D((sheet.shape[1] / 2, sheet.shape[0] / 2), degrees, 1.0)
    matrix[:, 2] += (width - sheet.shape[1]) / 2, (height - sheet.shape[0]) / 2
    stencil = cv2.warpAffine(sheet, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return _paint(picture, as_picture(stencil), colour, opacity)


@lru_cache(maxsize=256)
def lettering(text: str, pixels: int) -> Mask:
    """Render a text; `(h, w) uint8`, 255 on the ink.  The result is shared: do not write to it."""
    font = ImageFont.load_default(pixels)
    left, top, right, bottom = font.getbbox(text)
    size = (max(1, round(right - left) + 2), max(1, round(bottom - top) + 2))
    canvas = Image.new("L", size, 0)
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(canvas, dtype=np.uint8)


def _place(stencil: Mask, stamp: Mask, corner: Corner, margin: int) -> None:
    """Copy `stamp` into a corner of `stencil`, cut where it does not fit."""
    height, width = min(stamp.shape[0], stencil.shape[0]), min(stamp.shape[1], stencil.shape[1])
    top = margin if corner.startswith("top") else stencil.shape[0] - height - margin
    left = margin if corner.endswith("left") else stencil.shape[1] - width - margin
    top, left = min(max(0, top), stencil.shape[0] - height), min(max(0, left), stencil.shape[1] - width)
    stencil[top : top + height, left : left + width] = stamp[:height, :width]


def _place_centred(stencil: Mask, stamp: Mask) -> None:
    height, width = min(stamp.shape[0], stencil.shape[0]), min(stamp.shape[1], stencil.shape[1])
    top, left = (stencil.shape[0] - height) // 2, (stencil.shape[1] - width) // 2
    stencil[top : top + height, left : left + width] = stamp[:height, :width]


def _paint(picture: Picture, stencil: Mask, colour: Colour, opacity: float) -> Picture:
    """Lay `colour` over the picture where the stencil is set, touching only the rows and columns that it covers."""
    left, top, width, height = cv2.boundingRect(stencil)
    if width == 0:
        return picture.copy()
    painted = picture.copy()
    window = painted[top : top + height, left : left + width]
    weight = stencil[top : top + height, left : left + width].astype(np.float32)[..., None]
    weight *= np.float32(opacity / 255.0)
    window[...] = as_picture(window + (np.asarray(colour, dtype=np.float32) - window) * weight)
    return painted
