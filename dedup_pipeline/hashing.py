"""Fingerprints of a picture: digests for equality, hashes for likeness, a summary of its colours."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.imaging import Picture

COLOUR_VALUES = 16
LAYOUT_CELLS = 8
LAYOUT_BYTES = LAYOUT_CELLS * LAYOUT_CELLS * 3
_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
_SUMMARY_SIDE = 64
_BACKGROUND_DISTANCE = 12.0  # CIE Lab units: beyond what JPEG and a soft shadow do to a plain ground
_LEAST_PRODUCT = 0.03
_TRIMS = 3  # a frame around a canvas around the photo's own ground
_STRAY = 0.02  # share of a row or column that may differ from the ground without being product

Lab = npt.NDArray[np.float32]


def image_id(data: bytes) -> str:
    """The sha256 of an image's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def pixel_id(picture: Picture) -> str:
    """A digest (32 hex digits) of a picture's size and pixels: equal for equal pixels in any file format."""
    height, width = picture.shape[:2]
    return hashlib.sha256(f"{height}x{width}".encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()[:32]


def phash(picture: Picture) -> tuple[int, int]:
    """DCT hashes of a picture and of its mirror image, 64 bits each.

    The low 8 x 8 frequencies of the 32 x 32 grey picture, against their median (Zauner 2010, "Implementation and
    benchmarking of perceptual image hash functions"). The mirror image has the odd columns' signs turned.
    """
    grey = cv2.resize(_grey(picture), (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(grey))[:8, :8]
    mirrored = low * np.where(np.arange(8) % 2, -1.0, 1.0).astype(np.float32)
    return _bits(low > np.median(low)), _bits(mirrored > np.median(mirrored))


def dhash(picture: Picture) -> tuple[int, int]:
    """Gradient hashes of a picture and of its mirror image, 64 bits each: is a cell darker than its right neighbour?"""
    grey = cv2.resize(_grey(picture), (9, 8), interpolation=cv2.INTER_AREA)
    mirrored = grey[:, ::-1]
    return _bits(grey[:, :-1] < grey[:, 1:]), _bits(mirrored[:, :-1] < mirrored[:, 1:])


def colour_summary(picture: Picture) -> npt.NDArray[np.float32]:
    """What colours the product has, whatever its place in the picture.

    Returns:
        (16,) float32: the 10, 30, 50, 70 and 90 % quantiles of L (0 to 100), of a and of b (about -128 to 127, CIE Lab)
        over the pixels that differ from the border's colour, then those pixels' share (0 to 1).
    """
    lab = _small_lab(picture)
    product = _product_mask(lab)
    share = float(product.mean())
    pixels = lab[product] if share > _LEAST_PRODUCT else lab.reshape(-1, 3)
    quantiles = np.quantile(pixels, _QUANTILES, axis=0).T.reshape(-1)
    return np.append(quantiles, share).astype(np.float32)


def layout(picture: Picture) -> bytes:
    """The product's colours by place: a coarse picture of it without ground, padding or frame.

    Returns:
        192 bytes: (8, 8, 3) uint8 means over the product's bounding box, row by row; L scaled to 0..255, a and b
        shifted by 128.
    """
    top, bottom, left, right = _product_box(_small_lab(picture))
    height, width = picture.shape[:2]
    cut = picture[int(top * height) : max(int(top * height) + 1, round(bottom * height))]
    cut = cut[:, int(left * width) : max(int(left * width) + 1, round(right * width))]
    cells = cv2.resize(cut, (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA)
    lab = np.asarray(cv2.cvtColor(cells.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    scaled = lab * np.array([2.55, 1, 1], np.float32) + np.array([0, 128, 128], np.float32)
    return scaled.round().clip(0, 255).astype(np.uint8).tobytes()


def _small_lab(picture: Picture) -> Lab:
    small = cv2.resize(picture, (_SUMMARY_SIDE, _SUMMARY_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _product_mask(lab: Lab) -> npt.NDArray[np.bool_]:
    """Which pixels differ from the colour of the border."""
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    return np.asarray(np.linalg.norm(lab - np.median(border, axis=0), axis=2) > _BACKGROUND_DISTANCE)


def _product_box(lab: Lab) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of the product, as fractions of the sides; all of it when nothing stands out."""
    top, bottom, left, right = 0, len(lab), 0, len(lab)
    for _ in range(_TRIMS):
        product = _product_mask(lab[top:bottom, left:right])
        rows = np.flatnonzero(product.mean(axis=1) > _STRAY)
        columns = np.flatnonzero(product.mean(axis=0) > _STRAY)
        least = _SUMMARY_SIDE // 8
        if len(rows) < least or len(columns) < least or (len(rows), len(columns)) == product.shape:
            break
        top, bottom = top + int(rows[0]), top + int(rows[-1]) + 1
        left, right = left + int(columns[0]), left + int(columns[-1]) + 1
    size = len(lab)
    return top / size, bottom / size, left / size, right / size


def _grey(picture: Picture) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _bits(flags: npt.NDArray[np.bool_]) -> int:
    """64 flags as a number, the first flag being the highest bit."""
    return int.from_bytes(np.packbits(flags).tobytes(), "big")
