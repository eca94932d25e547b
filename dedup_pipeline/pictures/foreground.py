"""Where the product is: what differs from the ground, inside any frame or canvas around it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.pictures.statistics import quantiles

Lab = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]

_SIDE = 96
_OFF_GROUND = 8.0  # CIE Lab units: beyond what JPEG does to a plain ground
_OFF_ROUGH_GROUND = 20.0  # the most that a ground may vary
_SPREADS = 3.0  # times the median deviation of the border
_LAYERS = 3  # a frame around a canvas around the photo's own ground
_STRAY = 0.02  # share of a row or column that may differ from the ground without being product
_LEAST = 12  # rows and columns of the 96: less is no product
_RIM = 2  # rows left out inside a frame: its blurred edge
_LEAST_SHARE, _MOST_SHARE = 0.02, 0.7  # of the picture: beyond, product and ground are not told apart
_FULL = 0.8  # of an edge differs from the ground: a frame or a canvas, not a product


def product_of(lab: Lab) -> tuple[Mask, Box]:
    """Tell the product of a picture from its ground.

    The ground is the colours that the border has, on most of it or on two of its sides. What is full on all four sides
    of its own box is a frame or a canvas, and is looked into.

    Args:
        lab: (H, W, 3) float32, L 0 to 100.

    Returns:
        The mask (H, W), and the box of the product: top, bottom, left, right as fractions of the sides.
    """
    small = np.asarray(cv2.resize(lab, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32)
    top, bottom, left, right = 0, _SIDE, 0, _SIDE
    mask = np.zeros((_SIDE, _SIDE), dtype=np.uint8)
    for _ in range(_LAYERS):
        cut = small[top:bottom, left:right]
        product = _off_ground(cut)
        mask[:] = 0
        mask[top:bottom, left:right] = product
        rows = np.flatnonzero(product.mean(axis=1) > _STRAY)
        columns = np.flatnonzero(product.mean(axis=0) > _STRAY)
        if len(rows) < _LEAST or len(columns) < _LEAST:
            break
        whole = product.all()
        framed = _is_framed(product[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        top, bottom = top + int(rows[0]), top + int(rows[-1]) + 1
        left, right = left + int(columns[0]), left + int(columns[-1]) + 1
        if whole or not framed or min(bottom - top, right - left) < _SIDE // 4 + 2 * _RIM:
            break
        top, bottom, left, right = top + _RIM, bottom - _RIM, left + _RIM, right - _RIM
    full = np.asarray(cv2.resize(mask * 255, lab.shape[1::-1], interpolation=cv2.INTER_LINEAR)) > 127
    return full, (top / _SIDE, bottom / _SIDE, left / _SIDE, right / _SIDE)


def plain_product(lab: Lab) -> Mask | None:
    """The mask (H, W) of a product, or None where it cannot be told from its ground: white on white, a rough ground.

    Args:
        lab: (H, W, 3) float32, L 0 to 100.
    """
    product, _ = product_of(lab)
    return product if _LEAST_SHARE <= product.mean() <= _MOST_SHARE else None


def _off_ground(cut: Lab) -> Mask:
    planes = cv2.split(cut)  # numpy is several times faster on these than on a last axis of 3
    squares = [
        sum((plane - level) ** 2 for plane, level in zip(planes, colour, strict=True)) for colour in _grounds(cut)
    ]
    distance = np.sqrt(np.min(squares, axis=0))
    border = np.concatenate([distance[0], distance[-1], distance[:, 0], distance[:, -1]])
    # a creased sheet or a wooden floor varies more than paper does; the product may touch less than half of the border
    return np.asarray(distance > np.clip(_SPREADS * np.median(border), _OFF_GROUND, _OFF_ROUGH_GROUND))


def _grounds(cut: Lab) -> list[Lab]:
    """The colours of the ground: the border's median, and what two sides share; one side alone may be the product's."""
    sides = [cut[0], cut[-1], cut[:, 0], cut[:, -1]]
    found = [_median(np.concatenate(sides))]
    sides = [_median(side) for side in sides]
    for one, other in ((0, 1), (2, 3), (0, 2), (0, 3)):
        shared = np.linalg.norm(sides[one] - sides[other]) < _OFF_GROUND
        if shared and min(np.linalg.norm(sides[one] - colour) for colour in found) > _OFF_GROUND:
            found.append((sides[one] + sides[other]) / 2)
    return found


def _median(colours: Lab) -> Lab:
    """The median (3,) of colours (N, 3), channel by channel."""
    return np.array([quantiles(channel, 0.5)[0] for channel in colours.T], dtype=np.float32)


def _is_framed(product: Mask) -> bool:
    rims = (product[2:4], product[-4:-2], product[:, 2:4], product[:, -4:-2])
    return min(float(rim.mean()) for rim in rims) >= _FULL
