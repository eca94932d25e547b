"""Finding the map that aligns one picture with another, upright or mirrored.

Keypoints first: mutual nearest descriptors that pass the ratio test, and the affine map that most of them agree on, or
the perspective one where clearly more do.
Smooth products have few keypoints; then the boxes of the products are aligned and the map is refined by
enhanced correlation (Evangelidis and Psarakis 2008, "Parametric image alignment using enhanced correlation coefficient
maximization").
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Flags, Rows
from dedup_pipeline.verdict.alignment.view import MIRRORED, SIDE, Descriptors, Points, View

Matrix = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]

_RATIO = 0.88
_FEWEST_MATCHES = 4
_REPROJECTION = 1.5  # pixels
_CELL = 16  # pixels: inliers in one cell support a map less than inliers all over
ENOUGH_INLIERS, ENOUGH_CELLS = 8, 4
_LEAST_SCALE, _MOST_SCALE, _MOST_ANISOTROPY, _MOST_DEGREES = 0.2, 5.0, 1.5, 25.0
_FEWEST_MORE, _MORE = 4, 1.15  # matches that must agree with a tilt beyond those that agree with no tilt
_MOST_BEND = 0.6  # change of scale at a corner
_DENSE_SIDE = 64
_DENSE_STEPS, _DENSE_CHANGE, _DENSE_BLUR = 25, 1e-3, 5


@dataclass(frozen=True)
class Registration:
    """How a picture lies over another.

    Attributes:
        matrix: (3, 3), pixels of the first view to pixels of the second, which is mirrored before if ``mirrored``.
        mirrored: whether the second was mirrored.
        inliers: keypoints that agree with the map.
        cells: cells of 16 x 16 pixels that hold one, of the picture that has fewer.
        matches: keypoints that were matched at all.
        dense: whether the map comes from the pixels rather than from keypoints.
    """

    matrix: Matrix
    mirrored: bool
    inliers: int
    cells: int
    matches: int
    dense: bool


def register(first: View, second: View) -> list[Registration]:
    """The maps worth a comparison: that of the keypoints, and where it has little support that of the pixels.

    Returns:
        None, one or two of them.
    """
    known: Registration | None = None
    # the orientation with more matches first: it often leaves nothing for the other to better
    for matches in sorted((_matches(first, second, mirrored) for mirrored in (False, True)), key=_most_support)[::-1]:
        if known is None or _most_support(matches) > _support(known):
            one = _by_keypoints(matches)
            if one and (known is None or _support(one) > _support(known)):
                known = one
    if known and known.inliers >= ENOUGH_INLIERS and known.cells >= ENOUGH_CELLS:
        return [known]
    dense = _by_pixels(first, second, known)
    return [one for one in (known, dense) if one]


@dataclass(frozen=True)
class _Matches:
    """Keypoints of two views that look alike.

    Attributes:
        first: (M, 2) float32, their places in the first view.
        second: (M, 2), in the second, which is mirrored before if ``mirrored``.
        mirrored: whether the second was mirrored.
    """

    first: Points
    second: Points
    mirrored: bool


def _matches(first: View, second: View, mirrored: bool) -> _Matches:
    descriptors = second.descriptors[:, MIRRORED] if mirrored else second.descriptors
    mine, theirs = _matched(first.descriptors, descriptors)
    points = second.points[theirs]
    if mirrored:
        points[:, 0] = second.picture.shape[1] - 1 - points[:, 0]
    return _Matches(first.points[mine], points, mirrored)


def _most_support(matches: _Matches) -> tuple[int, int, bool]:
    """What ``_support`` would be of a map with which all of the matches agree."""
    return _cells(matches.first, matches.second), len(matches.first), not matches.mirrored


def _support(found: Registration) -> tuple[int, int, bool]:
    """Whereby maps are compared; of equals the upright one."""
    return found.cells, found.inliers, not found.mirrored


def _by_keypoints(matches: _Matches) -> Registration | None:
    first, second = matches.first, matches.second
    if len(first) < _FEWEST_MATCHES:
        return None
    matrix, inside = cv2.estimateAffine2D(
        first,
        second,
        method=cv2.RANSAC,
        ransacReprojThreshold=_REPROJECTION,
        maxIters=800,
        confidence=0.995,
        refineIters=5,
    )
    full = np.eye(3)
    if not np.any(inside):
        return None  # no map agrees with enough of them
    full[:2] = matrix
    if not _is_plausible(full):
        return None
    full, agreeing = _tilted(first, second, full, inside.ravel() > 0)
    cells = _cells(first[agreeing], second[agreeing])
    return Registration(full, matches.mirrored, int(np.count_nonzero(agreeing)), cells, len(first), dense=False)


def _cells(first: Points, second: Points) -> int:
    """The cells that hold a point, of the picture that has fewer."""
    return min(len(set(map(tuple, (side // _CELL).tolist()))) for side in (first, second))


def _tilted(first: Points, second: Points, affine: Matrix, agreeing: Flags) -> tuple[Matrix, Flags]:
    """The map of a photo seen at an angle, where clearly more of the matches (M, 2) and (M, 2) agree with it.

    Returns:
        The map (3, 3) and which matches (M,) agree with it: the affine ones where nothing is better.
    """
    least = _MORE * np.count_nonzero(agreeing) + _FEWEST_MORE
    if len(first) < least:
        return affine, agreeing  # even all of them would be too few
    matrix, inside = cv2.findHomography(first, second, cv2.RANSAC, _REPROJECTION, maxIters=500, confidence=0.99)
    if not np.any(inside):
        return affine, agreeing
    found, more = np.asarray(matrix, dtype=np.float64), inside.ravel() > 0
    if np.count_nonzero(more) < least or not (_is_slight(found) and _is_plausible(found)):
        return affine, agreeing
    return found, more


def _matched(first: Descriptors, second: Descriptors) -> tuple[Rows, Rows]:
    """Rows (P,) and (P,) of descriptors that are each other's nearest, and clearly nearer than the next."""
    if min(len(first), len(second)) < _FEWEST_MATCHES:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    likeness: Scores = (first.astype(np.float32) @ second.astype(np.float32).T) / 512.0**2
    rows = np.arange(len(first))
    nearest = likeness.argmax(axis=1)
    mutual = likeness.argmax(axis=0)[nearest] == rows
    best = likeness[rows, nearest]
    likeness[rows, nearest] = -1
    distance = np.sqrt(np.maximum(0, 2 - 2 * best))
    next_distance = np.sqrt(np.maximum(1e-9, 2 - 2 * likeness.max(axis=1)))
    kept = mutual & (distance < _RATIO * next_distance)
    return rows[kept], nearest[kept]


def _is_slight(matrix: Matrix) -> bool:
    """Whether a tilt keeps its horizon far from the picture, and can be turned round."""
    corners = np.array([(x, y, 1) for x in (0, SIDE) for y in (0, SIDE)])
    scales = corners @ matrix[2]
    bent = scales.min() < 1 - _MOST_BEND or scales.max() > 1 + _MOST_BEND
    return bool(not bent and np.linalg.det(matrix) > _LEAST_SCALE**2 / 4)


def _is_plausible(matrix: Matrix) -> bool:
    """Whether a seller could have done this to a photo: no fold, no wild stretch, no wild turn."""
    linear = matrix[:2, :2]
    if not np.isfinite(matrix).all() or np.linalg.det(linear) <= 0:
        return False
    large, small = np.linalg.svd(linear, compute_uv=False)
    turn = abs(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
    sized = small >= _LEAST_SCALE and large <= _MOST_SCALE and large / small <= _MOST_ANISOTROPY
    return bool(sized and turn < _MOST_DEGREES)


def _by_pixels(first: View, second: View, known: Registration | None) -> Registration | None:
    """The better of both orientations when the products' boxes are aligned."""
    found: tuple[float, Matrix, bool] | None = None
    mine, box = _boxed(first, mirrored=False)
    for mirrored in (False, True):
        theirs, other_box = _boxed(second, mirrored)
        start = np.eye(2, 3, dtype=np.float32)
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _DENSE_STEPS, _DENSE_CHANGE)
        try:
            likeness, warp = cv2.findTransformECC(
                theirs,
                mine,
                start,
                cv2.MOTION_AFFINE,
                stop,
                None,
                _DENSE_BLUR,  # type: ignore[call-overload,unused-ignore]
            )
        except cv2.error:
            continue  # it does not converge: this orientation does not fit
        # the warp leads from the second's box to the first's
        matrix = other_box @ np.linalg.inv(np.vstack([warp, [0, 0, 1]])) @ np.linalg.inv(box)
        if _is_plausible(matrix) and (found is None or likeness > found[0]):
            found = float(likeness), matrix, mirrored
    if found is None:
        return None
    support = (known.inliers, known.cells, known.matches) if known else (0, 0, 0)
    return Registration(found[1], found[2], *support, dense=True)


def _boxed(view: View, mirrored: bool) -> tuple[npt.NDArray[np.float32], Matrix]:
    """The lightness (64, 64) of a product's box, 0 to 255, and the map (3, 3) from it to the view."""
    picture = view.picture[:, ::-1] if mirrored else view.picture
    height, width = picture.shape[:2]
    top, bottom, left, right = view.box
    if mirrored:
        left, right = 1 - right, 1 - left
    y, x = int(top * height), int(left * width)
    tall, wide = max(8, round(bottom * height) - y), max(8, round(right * width) - x)
    cut = np.ascontiguousarray(picture[y : y + tall, x : x + wide])
    grey = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).astype(np.float32)
    to_view = np.array([[wide / _DENSE_SIDE, 0, x], [0, tall / _DENSE_SIDE, y], [0, 0, 1]])
    return np.asarray(cv2.resize(grey, (_DENSE_SIDE, _DENSE_SIDE), interpolation=cv2.INTER_AREA)), to_view
