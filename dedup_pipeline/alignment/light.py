"""Forgiving what light and sellers' filters do to a picture, but no other colour of a garment.

One tone curve shared by red, green and blue, one factor of saturation, and the white balance that the grounds show (the
gains of von Kries 1902). A curve for each channel would undo a recolour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_THINNED = 5  # one pixel in so many serves to fit the curve
_RIDGE = 2e-4  # pull towards no change, for each pixel
_ROUNDS = 3
_TOLERANCE = 0.02  # of 1: a residual that is not yet an outlier
_LEAST_CHROMA = 3.0  # CIE Lab units, root mean square: greyer products tell no saturation
_SATURATION = (0.75, 1.33)
_GAINS = (0.6, 1.6)  # of the white balance: beyond, it is another ground and not another light
_DARK = 0.25  # of 1: a darker ground does not show the colour of the light
_WHITE = 0.98
_NO_CAST = 0.01
_LEAST_GROUND = 50  # pixels
_GAIN = 0.3  # CIE Lab units by which the white balance must better the match
_BLOCK = 7  # pixels


@dataclass(frozen=True)
class Relit:
    """A picture in the light of another, and what still differs.

    Attributes:
        lightness: (H, W) float32, absolute difference of L, means of 7 x 7 pixels.
        chroma: (H, W) float32, the same of a and b together.
        tone: mean change of L that the curve made where it was fitted.
        saturation: absolute logarithm of the factor.
    """

    lightness: Floats
    chroma: Floats
    tone: float
    saturation: float


def relight(first: Floats, second: Floats, *, product: Mask, seen: Mask, fitted: Mask, ground: Mask) -> Relit:
    """Bring the first picture into the light of the second and compare them.

    Args:
        first: (H, W, 3) float32 RGB, 0 to 1.
        second: the same.
        product: (H, W), where the products are compared.
        seen: (H, W), what of the pictures the means are of; another ground must not shine into the product's rim.
        fitted: (H, W), where the curve is fitted.
        ground: (H, W), where both show ground.
    """
    found = _relit(first, second, product, seen, fitted)
    for gains in _gains(first, second, ground):
        balanced = _relit(np.minimum(first * gains, 1), second, product, seen, fitted)
        if _typical(balanced, product) < _typical(found, product) - _GAIN:
            found = balanced
    return found


def _relit(first: Floats, second: Floats, product: Mask, seen: Mask, fitted: Mask) -> Relit:
    before = _lab(first)
    toned, target = _lab(_curve(first, second, fitted)), _lab(second)
    tone = float(np.abs(toned[..., 0] - before[..., 0])[product].mean())
    weights = np.maximum(cv2.blur(seen.astype(np.float32), (_BLOCK, _BLOCK)), 1e-3)
    lightness = np.abs(blocks_of((toned[..., 0] - target[..., 0]) * seen) / weights)
    factor = _saturation(toned[..., 1:][product], target[..., 1:][product])
    differences = (toned[..., 1:] * factor - target[..., 1:]) * seen[..., None]
    chroma = np.asarray(np.linalg.norm(blocks_of(differences) / weights[..., None], axis=2), dtype=np.float32)
    return Relit(lightness, chroma, tone, abs(float(np.log(factor))))


def _typical(relit: Relit, product: Mask) -> float:
    return float(np.quantile(relit.chroma[product], 0.6))


def _lab(rgb: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _curve(first: Floats, second: Floats, fitted: Mask) -> Floats:
    """The first picture through the tone curve that best makes the second of it, outliers aside."""
    x = first[fitted][::_THINNED].ravel().astype(np.float64)
    y = second[fitted][::_THINNED].ravel()
    found = ridge_fit(_basis(x), y[:, None].astype(np.float64), np.array([[0.0], [1.0], [0.0], [0.0]]), _RIDGE)[:, 0]
    table = np.maximum.accumulate(np.clip(_basis(np.linspace(0, 1, 256)) @ found, 0, 1)).astype(np.float32)
    return np.asarray(table[np.clip(first * 255 + 0.5, 0, 255).astype(np.uint8)], dtype=np.float32)


def ridge_fit(inputs: Doubles, outputs: Doubles, unchanged: Doubles, ridge: float) -> Doubles:
    """Least squares with outliers weighed down (Huber's weights), pulled towards no change.

    Args:
        inputs: (N, D).
        outputs: (N, K), 0 to 1.
        unchanged: (D, K), what is found where the data say nothing.
        ridge: strength of the pull, for each of the N.

    Returns:
        (D, K), so that inputs @ result is about outputs.
    """
    weights, found = np.ones(len(inputs)), unchanged
    for _ in range(_ROUNDS):
        weighted = inputs * weights[:, None]
        pull = np.eye(inputs.shape[1]) * (ridge * weights.sum())
        found = unchanged + np.linalg.solve(inputs.T @ weighted + pull, weighted.T @ (outputs - inputs @ unchanged))
        weights = _TOLERANCE / np.maximum(np.abs(outputs - inputs @ found).max(axis=1), _TOLERANCE)
    return np.asarray(found, dtype=np.float64)


def _basis(x: Doubles) -> Doubles:
    """What curves are made of, (N, 4): a square for contrast, a root for gamma."""
    return np.stack([np.ones_like(x), x, x * x, np.sqrt(np.maximum(x, 0))], axis=1)


def _gains(first: Floats, second: Floats, ground: Mask) -> list[Floats]:
    """Factors (3,) of red, green and blue that make the first's ground look like the second's, at equal green.

    A white ground cannot become whiter: where red or blue is at its limit the other tells, for light that is warmer has
    as much more red as it has less blue.
    """
    if ground.sum() <= _LEAST_GROUND:
        return []
    seen, target = np.median(first[ground], axis=0), np.median(second[ground], axis=0)
    if min(seen.min(), target.min()) < _DARK:
        return []
    gains = target / seen
    gains = (gains / gains[1]).astype(np.float32)
    if gains.min() < _GAINS[0] or gains.max() > _GAINS[1] or np.abs(gains - 1).max() < _NO_CAST:
        return []
    limited = (np.maximum(seen, target) > _WHITE) & (np.abs(gains - 1) < _NO_CAST)
    found = [np.asarray(gains)]
    for one, other in ((0, 2), (2, 0)):
        if limited[one] and not limited[other]:
            mirrored = gains.copy()
            mirrored[one] = 1 / gains[other]
            found.append(mirrored)
    return found


def blocks_of(values: Floats) -> Floats:
    """The mean of 7 x 7 pixels around each: what is compared, so that noise and a misfit of a pixel do not count."""
    return np.asarray(cv2.blur(values, (_BLOCK, _BLOCK)), dtype=np.float32)


def _saturation(first: Floats, second: Floats) -> float:
    """The factor that best makes the second's a and b (N, 2) of the first's."""
    power = float((first * first).sum())
    if power <= _LEAST_CHROMA**2 * len(first):
        return 1.0
    return float(np.clip((first * second).sum() / power, *_SATURATION))
