"""Which pixels an outline or a line covers, with smooth edges."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.edits import Mask
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points

_FINE = 2
"""Outlines are drawn this many times larger and shrunk, for smooth edges."""


@dataclass(frozen=True)
class Stencil:
    """Where a layer covers the picture: `alpha` is `(h, w) float32`, 0 to 1, on the rows and columns of `window`."""

    window: tuple[slice, slice]
    alpha: Floats

    @classmethod
    def area(cls, points: Points, light: Floats) -> "Stencil":
        """Cover the inside of an outline on a picture like `light`."""
        window, fine = _window(points, 2.0, light)
        cv2.fillPoly(fine, [fixed(_local(points, window))], (255,), cv2.LINE_AA, 4)
        return cls(window, _shrunk(fine))

    @classmethod
    def strokes(cls, lines: list[Points], pixels: float, light: Floats) -> "Stencil":
        """Cover lines of a width in pixels on a picture like `light`."""
        window, fine = _window(np.vstack(lines), pixels, light)
        paths = [fixed(_local(points, window)) for points in lines]
        cv2.polylines(fine, paths, False, (255,), max(1, round(_FINE * pixels)), cv2.LINE_AA, 4)
        return cls(window, _shrunk(fine))


def _window(points: Points, margin: float, light: Floats) -> tuple[tuple[slice, slice], Mask]:
    height, width = light.shape[:2]
    left, top = np.clip(np.floor(points.min(axis=0) - margin - 1), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin + 1), (left + 1, top + 1), (width, height)).astype(int)
    fine = np.zeros((_FINE * int(bottom - top), _FINE * int(right - left)), dtype=np.uint8)
    return (slice(int(top), int(bottom)), slice(int(left), int(right))), fine


def _local(points: Points, window: tuple[slice, slice]) -> Points:
    return np.asarray((points - (window[1].start, window[0].start)) * _FINE, dtype=np.float64)


def _shrunk(fine: Mask) -> Floats:
    height, width = fine.shape[0] // _FINE, fine.shape[1] // _FINE
    coverage = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(coverage, dtype=np.float32) * np.float32(1.0 / 255.0)


def fixed(points: Points) -> npt.NDArray[np.int32]:
    """Return points in sixteenths of a pixel, as OpenCV wants them with `shift=4`."""
    return np.rint(points * 16.0).astype(np.int32)


def dashes(points: Points, pixels: float) -> list[Points]:
    """Cut a path into dashes of a length, with gaps of the same length."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0.0, travelled[-1], 2.0 * max(1.0, pixels))
    ends = np.minimum(starts + max(1.0, pixels), travelled[-1])

    def at(distance: Points) -> Points:
        ends = np.empty((len(distance), 2), dtype=np.float64)
        ends[:, 0] = np.interp(distance, travelled, points[:, 0])
        ends[:, 1] = np.interp(distance, travelled, points[:, 1])
        return ends

    return [*np.stack([at(starts), at(ends)], axis=1)]
