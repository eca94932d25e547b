"""Forgiving what light and sellers' filters do to a picture, but no other colour of a garment.

One tone curve shared by red, green and blue, one factor of saturation, and the white balance that the grounds show. A
curve for each channel would undo a recolour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_THINNED = 5  # one pixel in so many serves to fit the curve
_RIDGE = 2e-4  # pull towards no change, for each pixel
_ROUNDS = 3
_TOLERANCE = 0.02  # of 1: a residual that is not yet an outlier
_LEAST_CHROMA = 3.0  # CIE Lab units, root mean square: greyer products tell no saturation
_SATURATION = (0.75, 1.33)
_BALANCE = (1.0, 10.0)  # CIE Lab units: less is noise, more is another ground
_BRIGHT = 50.0  # L of a ground that shows the colour of the light
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


def relight(first: Floats, second: Floats, *, product: Mask, fitted: Mask, ground: Mask) -> Relit:
    """Bring the first picture into the light of the second and compare them.

    Args:
        first: (H, W, 3) float32 RGB, 0 to 1.
        second: the same.
        product: (H, W), where the products are compared.
        fitted: (H, W), where the curve is fitted.
        ground: (H, W), where both show ground.
    """
    before = _lab(first)
    toned, target = _lab(_curve(first, second, fitted)), _lab(second)
    tone = float(np.abs(toned[..., 0] - before[..., 0])[product].mean())
    lightness = np.abs(cv2.blur(toned[..., 0] - target[..., 0], (_BLOCK, _BLOCK)))
    best: tuple[float, Floats, float] | None = None
    for shift in _balances(toned, target, ground):
        chroma, factor = _chroma(toned[..., 1:] + shift, target[..., 1:], product)
        typical = float(np.quantile(chroma[product], 0.6))
        if best is None or typical < best[0] - _GAIN:
            best = typical, chroma, abs(float(np.log(factor)))
    if best is None:
        raise ValueError("no white balance was tried")
    return Relit(lightness, best[1], tone, best[2])


def _lab(rgb: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _curve(first: Floats, second: Floats, fitted: Mask) -> Floats:
    """The first picture through the tone curve that best makes the second of it, outliers aside."""
    x = first[fitted][::_THINNED].ravel().astype(np.float64)
    y = second[fitted][::_THINNED].ravel()
    basis = _basis(x)
    unchanged = np.array([0.0, 1.0, 0.0, 0.0])
    weights, found = np.ones(len(x)), unchanged
    for _ in range(_ROUNDS):
        weighted = basis * weights[:, None]
        ridge = np.eye(4) * (_RIDGE * weights.sum())
        found = unchanged + np.linalg.solve(basis.T @ weighted + ridge, weighted.T @ (y - basis @ unchanged))
        weights = _TOLERANCE / np.maximum(np.abs(y - basis @ found), _TOLERANCE)
    table = np.maximum.accumulate(np.clip(_basis(np.linspace(0, 1, 256)) @ found, 0, 1)).astype(np.float32)
    return np.asarray(table[np.clip(first * 255 + 0.5, 0, 255).astype(np.uint8)], dtype=np.float32)


def _basis(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What curves are made of, (N, 4): a square for contrast, a root for gamma."""
    return np.stack([np.ones_like(x), x, x * x, np.sqrt(np.maximum(x, 0))], axis=1)


def _balances(toned: Floats, target: Floats, ground: Mask) -> list[Floats]:
    """The shifts of a and b worth a try: none, and that of the ground."""
    shifts = [np.zeros(2, dtype=np.float32)]
    seen = ground & (toned[..., 0] > _BRIGHT) & (target[..., 0] > _BRIGHT)
    if seen.sum() > _LEAST_GROUND:
        shift = np.median(target[seen][:, 1:], axis=0) - np.median(toned[seen][:, 1:], axis=0)
        if _BALANCE[0] < np.linalg.norm(shift) < _BALANCE[1]:
            shifts.append(shift.astype(np.float32))
    return shifts


def _chroma(first: Floats, second: Floats, product: Mask) -> tuple[Floats, float]:
    """The difference (H, W) of two (H, W, 2) after the best factor of saturation, and that factor."""
    mine, theirs = first[product], second[product]
    power = float((mine * mine).sum())
    factor = 1.0
    if power > _LEAST_CHROMA**2 * len(mine):
        factor = float(np.clip((mine * theirs).sum() / power, *_SATURATION))
    difference = cv2.blur(first * factor - second, (_BLOCK, _BLOCK))
    return np.asarray(np.linalg.norm(difference, axis=2), dtype=np.float32), factor
