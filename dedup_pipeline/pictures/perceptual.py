"""Fingerprints of a picture: digests for equality, hashes for likeness, a summary of its colours.

Hashes and colours are figures of one small square of the picture, which is made once.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.pictures.decode import Picture, halved, shrunk

COLOUR_VALUES = 16
LAYOUT_CELLS = 8
LAYOUT_BYTES = LAYOUT_CELLS * LAYOUT_CELLS * 3
SIDE = 64  # of the square
_QUANTILES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
_BACKGROUND_DISTANCE = 12.0  # CIE Lab units, in L, a or b: beyond what JPEG and a soft shadow do to a plain ground
_LEAST_PRODUCT = 0.03
_TRIMS = 3  # a frame around a canvas around the photo's own ground
_STRAY = 0.05  # share of a row or column that may differ from the ground without being product

_L_SCALE = 2.55  # of the 8-bit Lab of OpenCV: L is 0 to 255, a and b are shifted by 128
_LEVELS = 256
_FAR = (_BACKGROUND_DISTANCE * _L_SCALE, _BACKGROUND_DISTANCE, _BACKGROUND_DISTANCE)
_TURNED = np.where(np.arange(8) % 2, -1.0, 1.0).astype(np.float32)  # what mirroring does to the frequencies

Square = npt.NDArray[np.uint8]
Lab = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]


class Figures(NamedTuple):
    """How N pictures look.

    Attributes:
        phash: (N, 2) uint64, DCT hashes of the picture and of its mirror image: the low 8 x 8 frequencies of the
            32 x 32 grey picture, against their median (Zauner 2010, "Implementation and benchmarking of perceptual
            image hash functions").
        dhash: (N, 2) uint64, gradient hashes of the picture and of its mirror image: is a cell darker than its right
            neighbour?
        colour: (N, 16) float32, what colours the product has, whatever its place: the 10, 30, 50, 70 and 90 % quantiles
            of L (0 to 100), of a and of b (-128 to 127, CIE Lab) over the pixels that differ from the border's colour,
            then those pixels' share (0 to 1).
        layout: (N, 192) uint8, the product's colours by place, without ground, padding or frame: (8, 8, 3) means over
            its bounding box, row by row; L scaled to 0..255, a and b shifted by 128.
    """

    phash: npt.NDArray[np.uint64]
    dhash: npt.NDArray[np.uint64]
    colour: npt.NDArray[np.float32]
    layout: npt.NDArray[np.uint8]


def image_id(data: bytes) -> str:
    """The sha256 of an image's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def pixel_id(picture: Picture) -> str:
    """A digest (32 hex digits) of a picture's size and pixels: equal for equal pixels in any file format."""
    height, width = picture.shape[:2]
    digest = hashlib.sha256(f"{height}x{width}".encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()[:32]


def square(picture: Picture) -> Square:
    """The (64, 64, 3) uint8 RGB square that all figures are made of; that of ``shrunk(picture, 2 * SIDE)`` is equal."""
    return halved(shrunk(picture, 2 * SIDE))


def figures(squares: Square) -> Figures:
    """Everything that tells how pictures look; a picture's figures do not depend on the others.

    Args:
        squares: (N, 64, 64, 3) uint8 RGB, see ``square``. Many at once cost half as much as one by one.
    """
    stack = squares.reshape(-1, SIDE, 3)  # one tall picture: each step is one call
    if not len(stack):
        hashes, colour = np.empty((0, 2), np.uint64), np.empty((0, COLOUR_VALUES), np.float32)
        return Figures(hashes, hashes, colour, np.empty((0, LAYOUT_BYTES), np.uint8))
    grey = np.asarray(cv2.cvtColor(stack, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    lab = np.asarray(cv2.cvtColor(stack, cv2.COLOR_RGB2LAB), dtype=np.uint8).reshape(squares.shape)
    grounds = _grounds(lab)
    products = [_product(*pair) for pair in zip(lab, grounds, strict=True)]
    layouts = [_layout(*parts) for parts in zip(lab, grounds, products, strict=True)]
    return Figures(_phash(grey), _dhash(grey), _colour(lab, products), np.stack(layouts))


def _phash(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """See Figures.phash, of (N * 64, 64) grey pictures one above the other."""
    half = np.asarray(cv2.resize(grey, (SIDE // 2, len(grey) // 2), interpolation=cv2.INTER_AREA)).astype(np.float32)
    across = np.asarray(cv2.dct(half, flags=cv2.DCT_ROWS)).reshape(-1, SIDE // 2, SIDE // 2)[:, :, :8]
    columns = np.ascontiguousarray(across.transpose(0, 2, 1)).reshape(-1, SIDE // 2)
    low = np.asarray(cv2.dct(columns, flags=cv2.DCT_ROWS)).reshape(-1, 8, SIDE // 2)[:, :, :8].transpose(0, 2, 1)
    both = np.stack([low, low * _TURNED], axis=1).reshape(-1, 2, 64)
    median = np.partition(both, (31, 32), axis=2)[:, :, 31:33].mean(axis=2, keepdims=True)
    return _bits(both > median)


def _dhash(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """See Figures.dhash, of (N * 64, 64) grey pictures one above the other."""
    cells = np.asarray(cv2.resize(grey, (9, len(grey) // 8), interpolation=cv2.INTER_AREA)).reshape(-1, 8, 9)
    left, right = cells[:, :, :-1], cells[:, :, 1:]
    return _bits(np.stack([left < right, (right < left)[:, :, ::-1]], axis=1).reshape(-1, 2, 64))


def _bits(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """64 flags as a number, (N, 2, 64) to (N, 2), the first flag being the highest bit."""
    return np.packbits(flags, axis=2).view(">u8").reshape(-1, 2).astype(np.uint64)


def _grounds(lab: Lab) -> list[list[int]]:
    """The colour of the ground of (N, H, W, 3) pictures: the median of the border, channel by channel."""
    border = np.concatenate([lab[:, 0], lab[:, -1], lab[:, :, 0], lab[:, :, -1]], axis=1)
    middle = border.shape[1] // 2
    colours: list[list[int]] = np.partition(border, middle, axis=1)[:, middle].tolist()
    return colours


def _product(lab: Lab, ground: list[int]) -> Mask:
    """Which pixels differ from the ground, as 255 and 0."""
    least = [level - most for level, most in zip(ground, _FAR, strict=True)]
    greatest = [level + most for level, most in zip(ground, _FAR, strict=True)]
    return np.asarray(cv2.bitwise_not(cv2.inRange(lab, tuple(least), tuple(greatest))), dtype=np.uint8)


def _colour(lab: Lab, products: list[Mask]) -> npt.NDArray[np.float32]:
    """See Figures.colour; a level counts as spread evenly from half below it to half above."""
    shares = np.array([cv2.countNonZero(product) / product.size for product in products])
    pixels = np.empty((len(lab), 3, _LEVELS))
    for picture, product, share, histograms in zip(lab, products, shares, pixels, strict=True):
        among = product if share > _LEAST_PRODUCT else None
        for channel in range(3):
            histograms[channel] = np.ravel(cv2.calcHist([picture], [channel], among, [_LEVELS], [0, _LEVELS]))
    # whole ranks and a half: exact, wherever in the stack a picture is
    up_to = np.cumsum(pixels)
    counts = pixels.sum(axis=2, keepdims=True)
    ranks = up_to.reshape(pixels.shape)[:, :, -1:] - counts + np.floor(counts * _QUANTILES) + 0.5
    places = np.searchsorted(up_to, ranks)
    levels = places % _LEVELS + 0.5 - (up_to[places] - ranks) / pixels.ravel()[places]
    levels[:, 0] /= _L_SCALE
    levels[:, 1:] -= 128
    return np.concatenate([levels.reshape(len(lab), -1), shares[:, None]], axis=1).astype(np.float32)


def _layout(lab: Lab, ground: list[int], product: Mask) -> npt.NDArray[np.uint8]:
    """See Figures.layout, (192,) of one picture; all of it when nothing stands out."""
    for _ in range(_TRIMS):
        rows, columns = _beyond_stray(product, 1), _beyond_stray(product, 0)
        least = SIDE // 8
        if len(rows) < least or len(columns) < least or (len(rows), len(columns)) == product.shape:
            break
        lab = lab[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inner = _grounds(lab[None])[0]
        if inner == ground:
            break  # nothing but product is left to trim
        ground = inner
        product = _product(lab, ground)
    cells = cv2.resize(lab, (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, dtype=np.uint8).ravel()


def _beyond_stray(product: Mask, axis: int) -> npt.NDArray[np.int64]:
    """The rows (axis 1) or columns (axis 0) that hold more of the product than stray pixels."""
    sums = np.ravel(cv2.reduce(product, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S))
    return np.flatnonzero(sums > _STRAY * 255 * product.shape[axis])
