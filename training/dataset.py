"""The photos of one dump or several that the training learns from, with their labels and families."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.listings.images import listings_showing
from dedup_pipeline.pictures.decode import Picture, PictureError, decode
from dedup_pipeline.pictures.photo_region import photo_of
from dedup_pipeline.stages.fingerprint import stage as fingerprint
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.packs import images_of, read_images, read_packed
from training.false_negatives import components, labels_of

WORKING_FACTOR = 1.6
"""Photos are kept at so many times train.image_px: edits need more pixels than the network sees."""

_FEWEST_LABELS = 4


@dataclass(frozen=True)
class PhotoDataset:
    """N photos, sorted by image id.

    Attributes:
        image_ids: their ids.
        pictures: (H, W, 3) uint8 RGB each, shrunk to WORKING_FACTOR times train.image_px.
        labels: (N,) int64, equal for photos that are one picture.
        families: (N,) int64, equal for photos that families or labels join.
        held_out: (N,) bool, whole families; for validation, never for training.
    """

    image_ids: tuple[str, ...]
    pictures: tuple[Picture, ...]
    labels: npt.NDArray[np.int64]
    families: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.image_ids)


def load_photos(store: Store, settings: Settings, dump_ids: Sequence[str]) -> PhotoDataset:
    """Read the photos of some dumps; the order of the dumps does not matter.

    An image of several dumps is one photo. Families are joined over all dumps, by their ids and by shared pictures.
    Placeholders (a picture of many families of one dump) are left out: they say nothing about any product.

    Raises:
        NotReadyError: ingest, fetch or fingerprint has not finished for a dump.
        InputError: too few photos of different products to learn from.
    """
    pack_of = _pack_of_images(store, dump_ids)
    drawn = heapq.nsmallest(settings.train.max_photos, pack_of, key=lambda image_id: digest(settings.seed, image_id))
    wanted = {image_id: pack_of[image_id] for image_id in sorted(drawn)}
    fingerprints = _fingerprints(store, dump_ids, wanted)
    ids = fingerprints["image_id"].to_pylist()
    labels = labels_of(fingerprints)
    usable = np.ones(len(ids), dtype=bool)
    named: dict[str, set[str]] = defaultdict(set)
    for dump_id in sorted(dump_ids):
        families_here = families_of(store, dump_id, ids)
        # dump by dump: a family may be called otherwise in the next one, and must not be counted again
        usable &= ~_placeholders(ids, labels, families_here, settings.match.placeholder_families)
        for image_id, names in families_here.items():
            named[image_id] |= names
    pictures = _pictures(store, {ids[row]: wanted[ids[row]] for row in np.flatnonzero(usable)}, settings)
    rows = [row for row, image_id in enumerate(ids) if image_id in pictures]
    ids, labels = [ids[row] for row in rows], labels[rows]
    families = _family_components(ids, labels, named)
    held_out = _held_out(settings, ids, families)
    photos = PhotoDataset(tuple(ids), tuple(pictures[image_id] for image_id in ids), labels, families, held_out)
    for name, part in (("training", ~held_out), ("validation", held_out)):
        distinct = len(np.unique(photos.labels[part]))
        if distinct < _FEWEST_LABELS:
            raise InputError(
                f"dump {', '.join(sorted(dump_ids))} has {len(photos)} usable photos, {distinct} different ones for "
                f"{name}: at least {_FEWEST_LABELS} are needed; set train.model to a registered version, or train on a "
                "larger dump"
            )
    return photos


def subset(photos: PhotoDataset, chosen: npt.NDArray[np.bool_]) -> PhotoDataset:
    """The photos of a mask: (N,) bool."""
    rows = np.flatnonzero(chosen)
    return PhotoDataset(
        tuple(photos.image_ids[row] for row in rows),
        tuple(photos.pictures[row] for row in rows),
        photos.labels[rows],
        photos.families[rows],
        photos.held_out[rows],
    )


def families_of(store: Store, dump_id: str, image_ids: list[str]) -> dict[str, set[str]]:
    """The families that show each image; the listings are read some rows at a time."""
    families: dict[str, set[str]] = defaultdict(set)
    for batch in listings_showing(store, dump_id, image_ids, ["family_id"]):
        for image_id, family in zip(batch["image_id"].to_pylist(), batch["family_id"].to_pylist(), strict=True):
            families[image_id].add(family)
    return families


def _pack_of_images(store: Store, dump_ids: Sequence[str]) -> dict[str, str]:
    """The distinct images of some dumps: image id to the first pack that holds it."""
    pack_of: dict[str, str] = {}
    for dump_id in dump_ids:
        for image_id, pack_id in images_of(store, dump_id).items():
            pack_of[image_id] = min(pack_id, pack_of.get(image_id, pack_id))
    return pack_of


def _fingerprints(store: Store, dump_ids: Sequence[str], wanted: Mapping[str, str]) -> pa.Table:
    """The fingerprints of some images, sorted by image id; only their packs are read."""
    for dump_id in dump_ids:
        result_of(store, dump_id, "fingerprint")
    table = read_packed(store, wanted, sorted(set(wanted.values())), fingerprint.FILE)
    if table is None:
        names = ", ".join(sorted(dump_ids))
        raise InputError(f"dump {names} has no image to train on: look at the statuses that its fetch stage wrote")
    return table


def _family_components(
    ids: list[str], labels: npt.NDArray[np.int64], named: Mapping[str, set[str]]
) -> npt.NDArray[np.int64]:
    first_of: dict[str, int] = {}
    of_label: dict[int, int] = {}
    pairs = [(row, of_label.setdefault(int(label), row)) for row, label in enumerate(labels)]
    for row, image_id in enumerate(ids):
        pairs += [(row, first_of.setdefault(family, row)) for family in sorted(named.get(image_id, ()))]
    return components(len(ids), pairs)


def _placeholders(
    ids: list[str], labels: npt.NDArray[np.int64], named: Mapping[str, set[str]], limit: int
) -> npt.NDArray[np.bool_]:
    families: dict[int, set[str]] = defaultdict(set)
    for image_id, label in zip(ids, labels, strict=True):
        families[int(label)] |= named.get(image_id, set())
    return np.array([len(families[int(label)]) >= limit for label in labels], dtype=bool)


def _held_out(settings: Settings, ids: list[str], families: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Draw whole families for validation.

    The order is a digest of each family's smallest photo: most families keep their side from dump to dump, and an
    earlier champion has not learnt from those that it is measured on.
    """
    smallest: dict[int, str] = {}
    for image_id, family in zip(ids, families, strict=True):
        smallest[int(family)] = min(image_id, smallest.get(int(family), image_id))
    order = sorted(smallest, key=lambda family: digest("held out", settings.seed, smallest[family]))
    target = settings.train.validation_share * len(ids)
    sizes = {int(family): int(size) for family, size in zip(*np.unique(families, return_counts=True), strict=True)}
    chosen: set[int] = set()
    taken = 0
    for family in order:
        if taken < target:
            chosen.add(family)
            taken += sizes[family]
    return np.array([int(family) in chosen for family in families], dtype=bool)


def _pictures(store: Store, wanted: Mapping[str, str], settings: Settings) -> dict[str, Picture]:
    """Decode and shrink photos in threads; damaged ones are left out."""
    side = round(WORKING_FACTOR * settings.train.image_px)

    def load(item: tuple[str, bytes]) -> tuple[str, Picture | None]:
        try:
            return item[0], _within(photo_of(decode(item[1], settings.fetch.lenient_limits)), side)
        except PictureError:
            return item[0], None

    loaded = dict(map_ahead(load, read_images(store, wanted), settings.worker_threads))
    return {image_id: picture for image_id, picture in loaded.items() if picture is not None}


def _within(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
