"""Which views make a batch: P products that look alike, some of their recolours, K fresh re-uploads of each.

All that is drawn is a function of (seed, epoch, place), so that an epoch can be made again after a kill, by any number
of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.reuploads import generator_of, recolour, reupload
from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.model.preprocess import Prepared, prepare
from dedup_pipeline.pictures.decode import Picture
from training.dataset import PhotoDataset

Numbers = npt.NDArray[np.int64]

LOOK_ALIKES = 4
"""So many products that look alike are put into a batch together."""

_STRENGTHS = (1, 2, 3)
_STRENGTH_SHARES = {"light": (0.4, 0.45, 0.15), "usual": (0.15, 0.3, 0.55), "strong": (0.0, 0.1, 0.9)}
# the purposes of random numbers, so that no two draws share a generator
_ORDER, _VIEWS, _COLOUR = 11, 12, 13


@dataclass(frozen=True)
class Batch:
    """B views, ready for the network.

    Attributes:
        pictures: (B, S, S, 3) uint8 RGB.
        labels: (B,) int64, equal for views that are one picture; a recolour has a label of its own.
        origins: (B,) int64, the label of the photo that a view was made from: equal origins with other labels are a
            product and its recolour, a negative for certain.
        families: (B,) int64, the family of that photo.
    """

    pictures: Prepared
    labels: Numbers
    origins: Numbers
    families: Numbers


@dataclass(frozen=True)
class _Product:
    """A product's place in a batch; ``place`` is unique in its epoch."""

    rows: tuple[int, ...]
    place: int
    recoloured: bool


class EpochBatches:
    """The batches of one epoch; iterating renders them in threads, a few ahead of the training.

    Args:
        photos: the photos to learn from.
        neighbours: (L, k) int64, for every distinct label in ascending order the nearest other ones, as positions in
            that order.
        settings: ``seed``, ``threads`` and ``train``.
        epoch: the epoch's number.
    """

    def __init__(self, photos: PhotoDataset, neighbours: Numbers, settings: Settings, epoch: int) -> None:
        self._photos = photos
        self._settings = settings
        self._epoch = epoch
        self._members = _members(photos)
        order = look_alike_order(
            neighbours, self._families(), generator_of(settings.seed, _ORDER, epoch), together=LOOK_ALIKES
        )
        train = settings.train
        real, recoloured = split_of(train.products_per_batch, len(self._members), train.recolours)
        self._plan = [
            self._products(order[start : start + real], number * (real + recoloured), recoloured)
            for number, start in enumerate(range(0, len(order) - real + 1, real))
        ]

    def __len__(self) -> int:
        return len(self._plan)

    def __iter__(self) -> Iterator[Batch]:
        flat = (product for batch in self._plan for product in batch)
        rendered = map_ahead(self._render, flat, self._settings.worker_threads)
        for batch in self._plan:
            parts = [next(rendered) for _ in batch]
            yield Batch(
                pictures=np.concatenate([part.pictures for part in parts]),
                labels=np.concatenate([part.labels for part in parts]),
                origins=np.concatenate([part.origins for part in parts]),
                families=np.concatenate([part.families for part in parts]),
            )

    def _families(self) -> Numbers:
        return np.array([self._photos.families[rows[0]] for rows in self._members], dtype=np.int64)

    def _products(self, chosen: Numbers, place: int, recoloured: int) -> list[_Product]:
        """The products of a batch: the chosen ones, then recolours of the first of them."""
        plain = [_Product(self._members[label], place + slot, False) for slot, label in enumerate(chosen)]
        others = [
            _Product(self._members[label], place + len(chosen) + slot, True)
            for slot, label in enumerate(chosen[:recoloured])
        ]
        return plain + others

    def _render(self, product: _Product) -> Batch:
        """Make the K views of a product."""
        seed, epoch, size = self._settings.seed, self._epoch, self._settings.train.image_px
        count = self._settings.train.views_per_product
        shares = _STRENGTH_SHARES[self._settings.train.reuploads]
        draw = generator_of(seed, _VIEWS, epoch, product.place)
        sources: list[Picture] = [self._photos.pictures[row] for row in product.rows]
        origin = int(self._photos.labels[product.rows[0]])
        label = origin
        if product.recoloured:
            painted = recolour(sources[0], generator_of(seed, _COLOUR, epoch, product.place))
            if painted is None:  # nothing to paint: more views of the product itself
                label = origin
            else:
                sources, label = [painted], -1 - product.place
        first = int(draw.integers(len(sources)))
        views = []
        for number in range(count):
            source = sources[(first + number) % len(sources)]
            strength = draw.choice(_STRENGTHS, p=shares)
            views.append(prepare(source if number == 0 else reupload(source, strength, draw), size))
        return Batch(
            pictures=np.stack(views),
            labels=np.full(count, label, dtype=np.int64),
            origins=np.full(count, origin, dtype=np.int64),
            families=np.full(count, self._photos.families[product.rows[0]], dtype=np.int64),
        )


def split_of(products: int, labels: int, recolours: float) -> tuple[int, int]:
    """How many products of a batch are photos, and how many recolours of these.

    Args:
        products: of a batch, at most.
        labels: products there are.
        recolours: share of the batch, 0 to 0.5.
    """
    recoloured = min(int(products * recolours), labels)
    return min(products - recoloured, labels), recoloured


def look_alike_order(
    neighbours: Numbers, families: Numbers, generator: np.random.Generator, *, together: int
) -> Numbers:
    """Order labels by chance, but each followed by its nearest ones of other families that have no place yet.

    Args:
        neighbours: (L, k) int64, positions of the nearest labels, the nearest first.
        families: (L,) int64.
        generator: decides the order; it is advanced.
        together: labels that stay together.

    Returns:
        (L,) int64: a permutation of 0 .. L - 1.
    """
    placed = np.zeros(len(neighbours), dtype=bool)
    order: list[int] = []
    for seed_label in generator.permutation(len(neighbours)):
        if placed[seed_label]:
            continue
        group = [int(seed_label)]
        for other in neighbours[seed_label]:
            if len(group) == together:
                break
            if not placed[other] and all(families[other] != families[member] for member in group):
                group.append(int(other))
        placed[group] = True
        order += group
    return np.array(order, dtype=np.int64)


def _members(photos: PhotoDataset) -> list[tuple[int, ...]]:
    """The rows of every distinct label, labels ascending."""
    return [tuple(int(row) for row in np.flatnonzero(photos.labels == label)) for label in np.unique(photos.labels)]
