"""Lettering: lines of text as coverage, in the one font the project has, bold, wide, leaning or bent."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats

from .brush import lay

WORDS = (
    "WILD", "NORTH", "OCEAN", "BRAVE", "LUNA", "RIOT", "HONEY", "EMBER", "DRIFT", "VELVET", "SOLAR", "TOKYO", "RIVER",
    "ATLAS", "MAPLE", "GHOST", "PEACH", "ROVER", "CORAL", "ZENITH", "PIXEL", "TIGER", "CLOUD", "FROST", "MANGO",
)  # fmt: skip


def letters(text: str, height: float, *, bold: float = 0.0, wide: float = 1.0, lean: float = 0.0) -> Floats:
    """Set a line of text.

    Args:
        text: one line.
        height: of its capitals with their surroundings, in pixels.
        bold: width added to strokes as a share of the height, 0 to 0.1.
        wide: width as a multiple of the font's.
        lean: slant, pixels per pixel.

    Returns:
        `(h, w) float32` coverage, cropped to the letters.
    """
    size = max(8, round(1.3 * height))
    font = ImageFont.load_default(size)
    stroke = round(bold * size)
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    image = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)), 0)
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font, stroke_width=stroke)
    drawn = np.asarray(image, dtype=np.float32) / np.float32(255)
    room = abs(lean) * drawn.shape[0]
    matrix = np.array([[wide, -lean, max(0.0, lean) * drawn.shape[0]], [0, 1, 0]], dtype=np.float64)
    width = max(1, round(wide * drawn.shape[1] + room))
    return np.asarray(cv2.warpAffine(drawn, matrix, (width, drawn.shape[0]), flags=cv2.INTER_AREA), dtype=np.float32)


def write(
    light: Floats,
    text: str,
    centre: tuple[float, float],
    height: float,
    colour: Colour,
    *,
    width: float | None = None,
    bold: float = 0.0,
    lean: float = 0.0,
    wide: float = 1.0,
    opacity: float = 1.0,
) -> None:
    """Write a line about a centre; it is made smaller where it is longer than `width` pixels."""
    drawn = letters(text, height, bold=bold, wide=wide, lean=lean)
    limit = light.shape[1] * 0.96 if width is None else width
    if drawn.shape[1] > limit:
        share = limit / drawn.shape[1]
        size = (max(1, round(limit)), max(1, round(share * drawn.shape[0])))
        drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    place(light, drawn * np.float32(opacity), centre, colour)


def place(light: Floats, drawn: Floats, centre: tuple[float, float], paint: Colour | Floats) -> None:
    """Lay a small coverage over `light` about a centre, with a colour or a paint of its own size."""
    height, width = drawn.shape
    left, top = round(centre[0] - width / 2), round(centre[1] - height / 2)
    rows = slice(max(0, top), min(light.shape[0], top + height))
    columns = slice(max(0, left), min(light.shape[1], left + width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    lay(light[rows, columns], drawn[own], paint[own] if isinstance(paint, np.ndarray) else paint)


def bent(drawn: Floats, rise: float) -> Floats:
    """Bend a line of text upwards in the middle by `rise` times its height."""
    height, width = drawn.shape
    extra = int(np.ceil(abs(rise) * height))
    y, x = np.mgrid[0 : height + extra, 0:width].astype(np.float32)
    arch = (2 * x / max(1, width - 1) - 1) ** 2
    lift = arch * extra if rise > 0 else (1 - arch) * extra
    return np.asarray(cv2.remap(drawn, x, np.asarray(y - lift, dtype=np.float32), cv2.INTER_LINEAR), dtype=np.float32)
