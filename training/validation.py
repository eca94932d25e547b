"""What a model is measured on: simulated re-uploads of families that it never saw, among photos and recolours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.reuploads import generator_of, recolour, reupload
from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.model.preprocess import Prepared, prepare
from training.dataset import PhotoDataset

MOST_PHOTOS = 150
"""So many held-out photos are enough to tell two models apart, and cost seconds an epoch."""

RECOLOURS = 2
_VIEWS, _COLOUR = 21, 22


@dataclass(frozen=True)
class ValidationSet:
    """Q queries and G gallery pictures in one array, the queries first.

    Attributes:
        pictures: (Q + G, S, S, 3) uint8 RGB.
        queries: Q.
        labels: (Q + G,) int64, equal for pictures that are one.
        origins: (Q + G,) int64, the photo's label also for its recolours.
        families: (Q + G,) int64.
        strengths: (Q + G,) int64: 1 to 3 for re-uploads, 0 for photos and recolours.
    """

    pictures: Prepared
    queries: int
    labels: npt.NDArray[np.int64]
    origins: npt.NDArray[np.int64]
    families: npt.NDArray[np.int64]
    strengths: npt.NDArray[np.int64]


_Row = tuple[Prepared, int, int, int, int]


def validation_set(photos: PhotoDataset, settings: Settings) -> ValidationSet:
    """Make the validation set of held-out photos: three re-uploads of each, and two recolours beside it.

    Args:
        photos: the held-out photos, sorted by image id; the first MOST_PHOTOS are taken.
        settings: ``seed``, ``threads`` and ``train.image_px``.
    """
    size, seed = settings.train.image_px, settings.seed

    def rows_of(number: int) -> tuple[list[_Row], list[_Row]]:
        picture, label, family = photos.pictures[number], int(photos.labels[number]), int(photos.families[number])
        queries = []
        for strength in (1, 2, 3):
            view = reupload(picture, strength, generator_of(seed, _VIEWS, number, strength))
            queries.append((prepare(view, size), label, label, family, strength))
        gallery = [(prepare(picture, size), label, label, family, 0)]
        for which in range(RECOLOURS):
            painted = recolour(picture, generator_of(seed, _COLOUR, number, which))
            if painted is not None:
                gallery.append((prepare(painted, size), -1 - RECOLOURS * number - which, label, family, 0))
        return queries, gallery

    made = list(map_ahead(rows_of, range(min(MOST_PHOTOS, len(photos))), settings.worker_threads))
    queries = [row for some, _ in made for row in some]
    rows = queries + [row for _, some in made for row in some]
    numbers = np.array([row[1:] for row in rows], dtype=np.int64)
    pictures = np.stack([row[0] for row in rows])
    return ValidationSet(pictures, len(queries), numbers[:, 0], numbers[:, 1], numbers[:, 2], numbers[:, 3])
