"""What two pictures have in common, as numbers: the evidence that a verdict rests on.

What fingerprints and embeddings tell in the first pass is cheap, and every candidate has it. What the pictures tell
when one is aligned with the other (see ``alignment``) costs milliseconds, and only those have it that the first pass
did not rule out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.photo_region import photo_of
from dedup_pipeline.verdict.alignment import ALIGNED

# name -> +1 when more of it speaks for one product, -1 when against, 0 when neither
FIRST_PASS: dict[str, int] = {
    "cosine": 1,  # of the embeddings
    "cosine_margin": 1,  # cosine beyond what either picture has with its own neighbourhood
    "phash_distance": -1,  # bits of 64, the better of upright and mirrored
    "dhash_distance": -1,
    "colour_distance": -1,  # mean difference of the product's a and b quantiles
    "light_distance": -1,  # the same for L
    "share_difference": 0,  # of the product's share of the picture
    "aspect_difference": 0,  # of the logarithms of width over height
    "layout_likeness": 1,  # correlation of L over the cells of the product's box, the better of upright and mirrored
    "layout_colour": -1,  # median difference of chroma over the cells
    "layout_colour_high": -1,  # its 80 % quantile
    "layout_light": -1,  # mean difference of L over the cells, brightness aside
}
EVIDENCE: dict[str, int] = FIRST_PASS | ALIGNED

_L, _AB, _SHARE = slice(0, 5), slice(5, 15), 15
_L_SCALE = 2.55


@dataclass(frozen=True)
class ImageFeatures:
    """What is known of N pictures.

    Attributes:
        vectors: (N, D) float32, L2-normalised.
        local_similarity: (N,) float32, the mean cosine of the picture to its neighbourhood.
        phash: (N, 2) uint64, upright and mirrored.
        dhash: (N, 2) uint64, upright and mirrored.
        colour: (N, 16) float32, see perceptual.Figures.
        layout: (N, 192) uint8, see perceptual.Figures.
        sizes: (N, 2) int32, width and height of its photo in pixels, see ``photo_region``.
    """

    vectors: Floats
    local_similarity: Floats
    phash: npt.NDArray[np.uint64]
    dhash: npt.NDArray[np.uint64]
    colour: Floats
    layout: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def from_fingerprints(cls, table: pa.Table, vectors: Floats, local_similarity: Floats) -> ImageFeatures:
        """The features of the rows of a FINGERPRINTS table, with their (N, D) vectors and (N,) crowds."""
        return cls(
            vectors=vectors,
            local_similarity=local_similarity,
            phash=np.stack([table["phash"].to_numpy(), table["phash_mirrored"].to_numpy()], axis=1),
            dhash=np.stack([table["dhash"].to_numpy(), table["dhash_mirrored"].to_numpy()], axis=1),
            colour=_fixed(table["colour"], perceptual.COLOUR_VALUES, np.float32),
            layout=np.frombuffer(b"".join(table["layout"].to_pylist()), np.uint8).reshape(-1, perceptual.LAYOUT_BYTES),
            sizes=np.stack([table["photo_width"].to_numpy(), table["photo_height"].to_numpy()], axis=1),
        )

    @classmethod
    def from_pictures(cls, pictures: list[Picture], vectors: Floats, local_similarity: Floats) -> ImageFeatures:
        """The features of some pictures, with their (N, D) vectors and (N,) crowds."""
        photos = [photo_of(picture) for picture in pictures]
        squares = [perceptual.square(photo) for photo in photos]
        figures = perceptual.figures(np.array(squares, np.uint8).reshape(-1, perceptual.SIDE, perceptual.SIDE, 3))
        sizes = np.array([photo.shape[1::-1] for photo in photos], np.int32).reshape(-1, 2)
        return cls(vectors, local_similarity, **figures._asdict(), sizes=sizes)

    def take(self, rows: Rows | slice) -> ImageFeatures:
        """The features of some rows."""
        return ImageFeatures(
            self.vectors[rows],
            self.local_similarity[rows],
            self.phash[rows],
            self.dhash[rows],
            self.colour[rows],
            self.layout[rows],
            self.sizes[rows],
        )


def compare(first: ImageFeatures, second: ImageFeatures) -> dict[str, Floats]:
    """The evidence of the first pass on each pair (first[i], second[i]); symmetric in the two.

    Returns:
        Every name of FIRST_PASS as (N,) float32, and ``mirrored``: 1 where the second is more like the mirror image
        of the first.
    """
    cosine = np.einsum("nd,nd->n", first.vectors, second.vectors)
    phash, phash_mirrored = _hamming(first.phash, second.phash)
    dhash, dhash_mirrored = _hamming(first.dhash, second.dhash)
    evidence = {
        "cosine": cosine,
        "cosine_margin": cosine - np.maximum(first.local_similarity, second.local_similarity),
        "phash_distance": np.minimum(phash, phash_mirrored),
        "dhash_distance": np.minimum(dhash, dhash_mirrored),
        "colour_distance": np.abs(first.colour[:, _AB] - second.colour[:, _AB]).mean(axis=1),
        "light_distance": np.abs(first.colour[:, _L] - second.colour[:, _L]).mean(axis=1),
        "share_difference": np.abs(first.colour[:, _SHARE] - second.colour[:, _SHARE]),
        "aspect_difference": np.abs(_log_aspect(first.sizes) - _log_aspect(second.sizes)),
    }
    evidence |= _layouts(first.layout, second.layout)
    evidence["mirrored"] = evidence["mirrored"] * (phash_mirrored < phash)
    return {name: np.asarray(values, dtype=np.float32) for name, values in evidence.items()}


def _hamming(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> tuple[Floats, Floats]:
    """Distances (N,) of upright to upright, and the lesser of upright to mirrored both ways."""
    upright = np.bitwise_count(a[:, 0] ^ b[:, 0])
    mirrored = np.minimum(np.bitwise_count(a[:, 1] ^ b[:, 0]), np.bitwise_count(a[:, 0] ^ b[:, 1]))
    return upright.astype(np.float32), mirrored.astype(np.float32)


def _log_aspect(sizes: npt.NDArray[np.int32]) -> Floats:
    return np.log(sizes[:, 0] / np.maximum(sizes[:, 1], 1)).astype(np.float32)


def _layouts(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> dict[str, Floats]:
    """The evidence of the layouts (N, 192), in the better of the two orientations."""
    first, upright = _planes(a), _planes(b)
    mirrored = [_mirrored(plane) for plane in upright]
    likeness = np.stack([_correlation(first[0], upright[0]), _correlation(first[0], mirrored[0])])
    turned = likeness[1] > likeness[0]
    second = (np.where(turned[:, None], *both) for both in zip(mirrored, upright, strict=True))
    light, red_green, yellow_blue = (mine - theirs for mine, theirs in zip(first, second, strict=True))
    chroma = np.sort(np.sqrt(red_green * red_green + yellow_blue * yellow_blue), axis=1)
    light /= _L_SCALE
    light -= light.mean(axis=1, keepdims=True)
    return {
        "layout_likeness": likeness.max(axis=0),
        "layout_colour": _quantile(chroma, 0.5),
        "layout_colour_high": _quantile(chroma, 0.8),
        "layout_light": np.abs(light).mean(axis=1),
        "mirrored": turned.astype(np.float32),
    }


def _planes(layouts: npt.NDArray[np.uint8]) -> list[Floats]:
    """L, a and b (N, 64) of layouts (N, 192): numpy is several times faster on these than on a last axis of 3."""
    return [layouts[:, channel::3].astype(np.float32) for channel in range(3)]


def _mirrored(plane: Floats) -> Floats:
    """A plane (N, 64) of layouts, left and right changed."""
    side = perceptual.LAYOUT_CELLS
    return plane.reshape(-1, side, side)[:, :, ::-1].reshape(plane.shape)


def _quantile(ordered: Floats, share: float) -> Floats:
    """A quantile (N,) of rows (N, C) in order, linear between two values; numpy's own takes ten times as long."""
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    return np.asarray(ordered[:, low] + (ordered[:, low + 1] - ordered[:, low]) * np.float32(place - low))


def _correlation(x: Floats, y: Floats) -> Floats:
    """Pearson correlation (N,) of the rows of two planes (N, 64); 0 where one is flat."""
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray(np.einsum("nc,nc->n", x, y) / np.maximum(scale, 1e-6), dtype=np.float32)


def _fixed(column: pa.ChunkedArray, width: int, kind: type) -> npt.NDArray[np.float32]:
    """A list column of fixed width as an array (N, width)."""
    flat = column.combine_chunks().flatten() if len(column) else pa.array([], pa.float32())
    return np.asarray(flat.to_numpy(zero_copy_only=False), dtype=kind).reshape(-1, width)


def without_alignment(count: int) -> dict[str, Floats]:
    """Every name of ALIGNED as (count,) NaN: evidence that nobody looked for."""
    return {name: np.full(count, math.nan, dtype=np.float32) for name in ALIGNED}
