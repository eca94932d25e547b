"""What happens to the pixels of photos that are photographed, filtered, printed or saved again, as pure functions.

Only the sample shop makes these edits. They obey the rules of ``augmentation.edits``: explicit numbers in, a new
picture out, the input is never changed.
"""

from typing import Literal

import cv2
import numpy as np

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Picture
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.sample.rendering.outlines import Points

Filter = Literal["warm", "cool", "vintage"]

FILTERS: tuple[Filter, ...] = ("warm", "cool", "vintage")

_FILTERS: dict[Filter, tuple[tuple[float, float, float], tuple[float, float, float], float]] = {
    "warm": ((1.16, 1.02, 0.72), (14.0, 6.0, -4.0), 1.1),
    "cool": ((0.78, 0.98, 1.18), (-4.0, 4.0, 16.0), 0.9),
    "vintage": ((0.86, 0.8, 0.66), (44.0, 34.0, 30.0), 0.55),
}
"""Gains, offsets in grey levels, and saturation of a filter at full strength."""


def perspective(picture: Picture, shifts: Points) -> Picture:
    """See a photo at an angle, as one who photographs a print or a screen; what opens up repeats the border.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        shifts: `(4, 2)`, how far each corner moves inwards, as fractions of the sides, 0 to 0.3.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    target = np.asarray(corners + signs * shifts * (width, height), dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    border = tuple(float(value) for value in np.median(picture[:4].reshape(-1, 3), axis=0))
    return as_picture(cv2.warpPerspective(picture, matrix, (width, height), borderValue=border))


def colour_filter(picture: Picture, name: Filter, strength: float) -> Picture:
    """Colour a whole photo as the filters of photo apps do; `vintage` also fades blacks and darkens the corners.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        name: which.
        strength: 0 (nothing) to 1.

    Returns:
        `(H, W, 3) uint8`.
    """
    gains, offsets, saturation = _FILTERS[name]
    coloured = edits.tone(picture, saturation=saturation).astype(np.float32)
    coloured = coloured * np.asarray(gains, dtype=np.float32) + np.asarray(offsets, dtype=np.float32)
    if name == "vintage":
        down, across = (np.linspace(-1.0, 1.0, side, dtype=np.float32) for side in picture.shape[:2])
        coloured *= (1.0 - 0.22 * (down[:, None] ** 2 + across[None, :] ** 2))[..., None]
    return as_picture(picture + np.float32(strength) * (coloured - picture))


def encode_twice(picture: Picture, first: int, second: int) -> Picture:
    """Save as JPEG of a low quality, shrink a little, and save again, so that the blocks of both show.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        first: quality, 1 to 100.
        second: quality, 1 to 100.

    Returns:
        `(h, w, 3) uint8`, 0.87 times as large.
    """
    once = decoded(edits.encode(picture, "jpeg", first))
    return decoded(edits.encode(edits.resize(once, max(8, round(0.87 * max(once.shape[:2])))), "jpeg", second))


def moire(picture: Picture, degrees: float, period: float) -> Picture:
    """Photograph a photo from a screen: its grid beats with that of the sensor in coloured waves.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        degrees: between the two grids.
        period: of the screen's grid in pixels, above 2.

    Returns:
        `(H, W, 3) uint8`.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = np.float32(np.radians(degrees))
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    grid = np.cos(2 * np.pi * u / period) * np.cos(2 * np.pi * v / period)
    waves = [
        np.cos(2 * np.pi * (0.045 * u + 0.02 * v + 0.004 * np.sin(v / 40) * u) + phase) for phase in (0.0, 2.1, 4.2)
    ]
    gains = 1.02 + 0.1 * grid[..., None] + 0.09 * np.stack(waves, axis=-1)
    return as_picture(picture * gains.astype(np.float32) + np.float32(6.0))


def halftone(picture: Picture, period: float) -> Picture:
    """Print and scan a photo: every ink is a screen of dots of its own angle.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        period: of the dots in pixels, above 2.

    Returns:
        `(H, W, 3) uint8`.
    """
    fine = 2
    height, width = picture.shape[:2]
    large = cv2.resize(picture, (fine * width, fine * height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    y, x = np.mgrid[0 : fine * height, 0 : fine * width].astype(np.float32)
    printed = np.empty_like(large)
    for channel, degrees in enumerate((15.0, 75.0, 45.0)):
        angle = np.float32(np.radians(degrees))
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        screen = 128.0 + 56.0 * (np.cos(2 * np.pi * u / (fine * period)) + np.cos(2 * np.pi * v / (fine * period)))
        printed[..., channel] = np.clip(3.0 * (large[..., channel] - screen) + 128.0, 12.0, 246.0)
    shrunk = cv2.resize(printed, (width, height), interpolation=cv2.INTER_AREA)
    return as_picture(0.72 * cv2.GaussianBlur(shrunk, (0, 0), 0.8) + 0.28 * picture.astype(np.float32))


def motion_blur(picture: Picture, length: float, degrees: float) -> Picture:
    """Shake the camera along a line.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        length: of the line as a fraction of the longer side.
        degrees: its direction.

    Returns:
        `(H, W, 3) uint8`.
    """
    pixels = max(3, round(length * max(picture.shape[:2])) | 1)
    kernel = np.zeros((pixels, pixels), dtype=np.float32)
    kernel[pixels // 2] = 1.0
    turn = cv2.getRotationMatrix2D((pixels / 2 - 0.5, pixels / 2 - 0.5), degrees, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (pixels, pixels))
    return as_picture(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE))
