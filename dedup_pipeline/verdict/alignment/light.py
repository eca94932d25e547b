"""Forgiving what light and sellers' filters do to a picture, but no other colour of a garment.

One tone curve shared by red, green and blue, one factor of saturation, and the white balance that the grounds show (the
gains of von Kries 1902). A curve for each channel would undo a recolour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Doubles, Floats
from dedup_pipeline.pictures.statistics import medians, planes, quantiles

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

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


def relight(
    first: Floats, second: Floats, labs: tuple[Floats, Floats], *, product: Mask, seen: Mask, fitted: Mask, ground: Mask
) -> Relit:
    """Bring the first picture into the light of the second and compare them.

    Args:
        first: (H, W, 3) float32 RGB, 0 to 1.
        second: the same.
        labs: both in CIE Lab, see ``lab_of``.
        product: (H, W), where the products are compared.
        seen: (H, W), what of the pictures the means are of; another ground must not shine into the product's rim.
        fitted: (H, W), where the curve is fitted.
        ground: (H, W), where both show ground.
    """
    part = seen.astype(np.float32)
    target = _Target(second, planes(labs[1]), product, part, np.maximum(blocks_of(part), 1e-3), _thinned(fitted))
    found = _relit(first, _lightness(labs[0])[product], target)
    for gains in _gains(first, second, ground):
        balanced = np.minimum(first * gains, 1)
        other = _relit(balanced, _lightness(lab_of(balanced))[product], target)
        if _typical(other, product) < _typical(found, product) - _GAIN:
            found = other
    return found


@dataclass(frozen=True)
class _Target:
    """What a picture is compared with: H x W pixels.

    Attributes:
        picture: (H, W, 3) float32 RGB, 0 to 1.
        planes: L, a and b, (H, W) each.
        product: (H, W), where the products are compared.
        seen: (H, W) float32, 1 where the means are taken of.
        weights: (H, W), the share of that around each pixel.
        fitted: pixels by number, where the curve is fitted.
    """

    picture: Floats
    planes: list[Floats]
    product: Mask
    seen: Floats
    weights: Floats
    fitted: Rows


def _relit(first: Floats, before: Floats, target: _Target) -> Relit:
    """A picture (H, W, 3), whose L over the product is known (N,), in the light of the target."""
    product, seen = target.product, target.seen
    toned = planes(lab_of(_curve(first, target)))
    lightness = np.abs(blocks_of((toned[0] - target.planes[0]) * seen) / target.weights)
    tone = float(np.abs(toned[0][product] - before).mean())
    factor = _saturation([plane[product] for plane in toned[1:]], [plane[product] for plane in target.planes[1:]])
    a, b = (
        blocks_of((mine * np.float32(factor) - theirs) * seen) / target.weights
        for mine, theirs in zip(toned[1:], target.planes[1:], strict=True)
    )
    # not by cv2.magnitude, whose last digit depends on where in memory its input lies
    return Relit(lightness, np.sqrt(a * a + b * b), tone, abs(float(np.log(factor))))


def _typical(relit: Relit, product: Mask) -> float:
    return quantiles(relit.chroma[product], 0.6)[0]


def lab_of(rgb: Floats) -> Floats:
    """CIE Lab (H, W, 3) float32, L 0 to 100, of RGB (H, W, 3) float32, 0 to 1."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _lightness(lab: Floats) -> Floats:
    return np.asarray(cv2.extractChannel(lab, 0), dtype=np.float32)


def _thinned(mask: Mask) -> Rows:
    """One in so many of the pixels of a mask (H, W), by number."""
    return np.flatnonzero(mask)[::_THINNED]


def _curve(first: Floats, target: _Target) -> Floats:
    """The first picture through the tone curve that best makes the second of it, outliers aside."""
    x, y = (
        picture.reshape(-1, 3)[target.fitted].ravel().astype(np.float64)[None] for picture in (first, target.picture)
    )
    found = ridge_fit(_basis(x[0]), y, np.array([[0.0, 1.0, 0.0, 0.0]]), _RIDGE)[0]
    table = np.maximum.accumulate(np.clip(found @ _basis(np.linspace(0, 1, 256)), 0, 1)).astype(np.float32)
    levels = first * 255
    levels += 0.5
    return np.asarray(cv2.LUT(np.clip(levels, 0, 255, out=levels).astype(np.uint8), table), dtype=np.float32)


def ridge_fit(inputs: Doubles, outputs: Doubles, unchanged: Doubles, ridge: float) -> Doubles:
    """Least squares with outliers weighed down (Huber's weights), pulled towards no change.

    Args:
        inputs: (D, N).
        outputs: (K, N), 0 to 1.
        unchanged: (K, D), what is found where the data say nothing.
        ridge: strength of the pull, for each of the N.

    Returns:
        (K, D), so that result @ inputs is about outputs.
    """
    weights, found = np.ones(inputs.shape[1]), unchanged
    missing = outputs - unchanged @ inputs
    for _ in range(_ROUNDS):
        weighted = inputs * weights
        pull = np.eye(len(inputs)) * (ridge * weights.sum())
        found = unchanged + np.linalg.solve(weighted @ inputs.T + pull, weighted @ missing.T).T
        worst = np.abs(outputs - found @ inputs).max(axis=0)
        weights = _TOLERANCE / np.maximum(worst, _TOLERANCE, out=worst)
    return np.asarray(found, dtype=np.float64)


def _basis(x: Doubles) -> Doubles:
    """What curves are made of, (4, N) of (N,): a square for contrast, a root for gamma."""
    return np.stack([np.ones_like(x), x, x * x, np.sqrt(np.maximum(x, 0))])


def _gains(first: Floats, second: Floats, ground: Mask) -> list[Floats]:
    """Factors (3,) of red, green and blue that make the first's ground look like the second's, at equal green.

    A white ground cannot become whiter: where red or blue is at its limit the other tells, for light that is warmer has
    as much more red as it has less blue.
    """
    if np.count_nonzero(ground) <= _LEAST_GROUND:
        return []
    seen, target = (medians(picture, ground) for picture in (first, second))
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


def _saturation(first: Sequence[Floats], second: Sequence[Floats]) -> float:
    """The factor that best makes the second's a and b, (N,) each, of the first's."""
    power = sum(float((one * one).sum()) for one in first)
    if power <= _LEAST_CHROMA**2 * len(first[0]):
        return 1.0
    shared = sum(float((one * other).sum()) for one, other in zip(first, second, strict=True))
    return float(np.clip(shared / power, *_SATURATION))
