"""Photos of bundles as phones make them: collages."""

from collections.abc import Callable, Sequence

import numpy as np

from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.sample.rendering.bundle import Bundle, paste_together, resized
from dedup_pipeline.sample.rendering.photo import Look, Shot


def combine(bundle: Bundle, shoot: Callable[[Look], Shot]) -> Shot:
    """Do what people do with their phones: two of three put the photos side by side, one cuts the garments out."""
    return paste_together(bundle, shoot) if bundle.ground_seed % 3 == 0 else put_side_by_side(bundle, shoot)


def put_side_by_side(bundle: Bundle, shoot: Callable[[Look], Shot]) -> Shot:
    """Put the photos of the garments next to each other, as phones do that make a collage.

    Args:
        bundle: what to show.
        shoot: takes the photo of a single garment.

    Returns:
        A shot with a long side of 560 to 640 px; its mask covers all garments.
    """
    generator = np.random.default_rng(bundle.ground_seed)
    shots = [shoot(look) for look in bundle.parts]
    row = sum(shot.picture.shape[1] / shot.picture.shape[0] for shot in shots)
    column = sum(shot.picture.shape[0] / shot.picture.shape[1] for shot in shots)
    picture, mask = _joined(shots, generator, upright=row > column)
    factor = int(generator.integers(560, 641)) / max(mask.shape)
    size = round(mask.shape[1] * factor), round(mask.shape[0] * factor)
    return Shot(resized(picture, *size), resized(mask, *size))


def _joined(shots: Sequence[Shot], generator: np.random.Generator, *, upright: bool) -> tuple[Picture, Mask]:
    """Put shots in a row, or `upright` in a column, of one size across and with a gap between them."""
    across, gap = int(generator.integers(420, 521)), int(generator.choice([0, 3, 8]))
    colour = 255 if generator.random() < 0.7 else 20
    pictures, masks = [], []
    for number, shot in enumerate(shots):
        height, width = shot.mask.shape
        size = (across, round(across * height / width)) if upright else (round(across * width / height), across)
        pictures.append(resized(shot.picture, *size))
        masks.append(resized(shot.mask, *size))
        if gap and number < len(shots) - 1:
            shape = (gap, across) if upright else (across, gap)
            pictures.append(np.full((*shape, 3), colour, dtype=np.uint8))
            masks.append(np.zeros(shape, dtype=np.uint8))
    axis = 0 if upright else 1
    return np.concatenate(pictures, axis=axis), np.concatenate(masks, axis=axis)
