"""Edits that change the values of pixels and not their place: tone, gamma, casts, blur, sharpness, noise."""

from collections.abc import Sequence

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits.picture import Picture, as_picture, require_picture, require_range

_LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601
_MIDDLE_GREY = 128.0

Wave = tuple[float, float, tuple[float, float, float]]
"""Period, direction, and depths in red, green and blue."""


def tone(picture: Picture, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0) -> Picture:
    """Scale brightness, contrast about middle grey, and saturation about the grey of each pixel, in this order.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        brightness: factor, 0.2 to 3; 1 leaves it.
        contrast: factor, 0.2 to 3; 1 leaves it.
        saturation: factor, 0 (grey) to 3; 1 leaves it.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a factor out of range.
    """
    require_picture(picture)
    require_range("brightness", brightness, 0.2, 3.0)
    require_range("contrast", contrast, 0.2, 3.0)
    require_range("saturation", saturation, 0.0, 3.0)
    # All three are affine in the channels, so that one 3 x 4 matrix does them in a single pass.
    scale = brightness * contrast
    offset = _MIDDLE_GREY * (1.0 - contrast)
    mixing = saturation * np.eye(3) + (1.0 - saturation) * np.tile(_LUMA_WEIGHTS, (3, 1))
    matrix = np.hstack([scale * mixing, np.full((3, 1), offset)]).astype(np.float32)
    return as_picture(cv2.transform(picture, matrix))


def gamma(picture: Picture, exponent: float) -> Picture:
    """Raise each channel, scaled to 0..1, to a power.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        exponent: 0.2 to 5; below 1 brightens, above 1 darkens.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an exponent out of range.
    """
    require_picture(picture)
    require_range("exponent", exponent, 0.2, 5.0)
    table = as_picture(255.0 * (np.arange(256) / 255.0) ** exponent)
    return as_picture(cv2.LUT(picture, table))


def cast(
    picture: Picture, gains: tuple[float, float, float], lifts: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Picture:
    """Scale and lift red, green and blue, as a warm or cool light does, or the filter of an app.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        gains: factors, 0.5 to 2; 1 leaves the channel.
        lifts: grey levels added afterwards, -100 to 100.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a number out of range.
    """
    require_picture(picture)
    for name, gain, lift in zip(("red", "green", "blue"), gains, lifts, strict=True):
        require_range(name, gain, 0.5, 2.0)
        require_range(f"lift of {name}", lift, -100.0, 100.0)
    return as_picture(cv2.transform(picture, np.hstack([np.diag(gains), np.array(lifts)[:, None]]).astype(np.float32)))


def vignette(picture: Picture, share: float) -> Picture:
    """Darken towards the corners.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        share: of its brightness that a corner loses, 0 to 1.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a share out of range.
    """
    require_picture(picture)
    require_range("share", share, 0.0, 1.0)
    down, across = (np.linspace(-1.0, 1.0, side, dtype=np.float32) ** 2 for side in picture.shape[:2])
    left = 1.0 - np.float32(share / 2) * (down[:, None] + across[None, :])
    return as_picture(picture * left[..., None])


def blur(picture: Picture, sigma: float) -> Picture:
    """Blur with a Gaussian.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        sigma: standard deviation in pixels, 0 to 50; 0 copies.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a sigma out of range.
    """
    require_picture(picture)
    require_range("sigma", sigma, 0.0, 50.0)
    return picture.copy() if sigma == 0 else as_picture(cv2.GaussianBlur(picture, (0, 0), sigma))


def sharpen(picture: Picture, amount: float, sigma: float = 1.2) -> Picture:
    """Unsharp mask: add `amount` times what a Gaussian blur takes away.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        amount: 0 (copy) to 5.
        sigma: standard deviation of the blur in pixels, 0.3 to 10.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("amount", amount, 0.0, 5.0)
    require_range("sigma", sigma, 0.3, 10.0)
    soft = cv2.GaussianBlur(picture, (0, 0), sigma)
    return as_picture(cv2.addWeighted(picture, 1.0 + amount, soft, -amount, 0.0))


def noise(picture: Picture, sigma: float, generator: np.random.Generator) -> Picture:
    """Add Gaussian noise, independent per pixel and channel.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        sigma: standard deviation in grey levels, 0 to 60.
        generator: the source of the noise; it is advanced.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a sigma out of range.
    """
    require_picture(picture)
    require_range("sigma", sigma, 0.0, 60.0)
    grain = generator.standard_normal(picture.shape, dtype=np.float32)
    return as_picture(picture + np.float32(sigma) * grain)


def smear(picture: Picture, length: float, degrees: float) -> Picture:
    """Blur along a line, as a hand does that shakes.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        length: standard deviation along the line in pixels, 0 to 50; across it, a third of a pixel.
        degrees: direction of the line.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a length out of range.
    """
    require_picture(picture)
    require_range("length", length, 0.0, 50.0)
    reach = int(np.ceil(3 * length)) + 1
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angle = np.radians(degrees)
    along = across * np.cos(angle) + down * np.sin(angle)
    aside = down * np.cos(angle) - across * np.sin(angle)
    weights = np.exp(-0.5 * ((along / max(length, 1 / 3)) ** 2 + (3 * aside) ** 2))
    return as_picture(cv2.filter2D(picture, -1, weights / weights.sum(), borderType=cv2.BORDER_REPLICATE))


def raster(picture: Picture, waves: Sequence[Wave]) -> Picture:
    """Lay regular waves over a photo, as the rows of a screen, the dots of a print and the beat of two grids do.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        waves: each its period in pixels, above 1, its direction in degrees, and by which share, -1 to 1, it moves red,
            green and blue.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a number out of range.
    """
    require_picture(picture)
    height, width = picture.shape[:2]
    gains = np.ones((height, width, 3), dtype=np.float32)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    for period, degrees, depths in waves:
        require_range("period", period, 1.0, 1e6)
        for depth in depths:
            require_range("depth", depth, -1.0, 1.0)
        angle = np.radians(degrees)
        phase = (across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))) * np.float32(2 * np.pi / period)
        gains += np.cos(phase)[..., None] * np.array(depths, dtype=np.float32)
    return as_picture(picture * gains)
