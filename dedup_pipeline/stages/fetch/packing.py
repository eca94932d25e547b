"""What is left to try, and how it is split into packs so that no URL lies in two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dedup_pipeline.stages.fetch.known_results import KnownResults
from dedup_pipeline.stages.fetch.photos import Photos

# A rendition that more photos than this share ("no image available" as everyone's last resort) would tie them all
# into one pack: it is fetched once on its own account instead.
SHARED_BY = 20


def renditions_to_try(photos: Photos, known: KnownResults, *, failed_only: bool = False) -> list[list[int]]:
    """For each photo that is not settled the renditions still to be tried, in order, as places in ``photos.urls``.

    What has failed and stands is left out; what comes after a rendition that is held as an image is not needed.

    Args:
        photos: the dump's photos.
        known: what the packs hold of their renditions.
        failed_only: whether a photo with any rendition that is held as an image counts as settled, too.
    """
    ok, stands = known.ok, known.stands
    starts = photos.offsets[:-1]
    if not len(starts):
        return []
    settled = np.logical_or.reduceat(ok[photos.codes], starts) if failed_only else ok[photos.codes[starts]]
    left = []
    for photo in np.flatnonzero(~settled).tolist():
        codes = []
        for code in photos.renditions(photo).tolist():
            if ok[code]:
                break
            if not stands[code]:
                codes.append(code)
        if codes:
            left.append(codes)
    return left


def into_packs(to_try: Sequence[list[int]], *, size: int) -> Iterator[list[list[int]]]:
    """Split photos into packs; photos that share a rendition lie in one.

    Args:
        to_try: the renditions to try of each photo; the split follows this order.
        size: photos in a pack; a pack is larger only when more photos than that hang together.
    """
    photos = _without_hubs([codes for codes in to_try if codes])
    pack: list[list[int]] = []
    for bundle in _bundles(photos):
        if pack and len(pack) + len(bundle) > size:
            yield pack
            pack = []
        pack += [photos[photo] for photo in bundle]
    if pack:
        yield pack


def _without_hubs(photos: list[list[int]]) -> list[list[int]]:
    """Take widely shared renditions out of the photos and put each at the end as a photo of its own."""
    if not photos:
        return []
    counts = np.bincount(np.fromiter(itertools.chain.from_iterable(photos), dtype=np.int64))
    hubs = set(np.flatnonzero(counts > SHARED_BY).tolist())
    if not hubs:
        return photos
    rest = [[code for code in codes if code not in hubs] for codes in photos]
    return [codes for codes in rest if codes] + [[hub] for hub in sorted(hubs)]


def _bundles(photos: list[list[int]]) -> Iterator[list[int]]:
    """Photos that hang together by their renditions, in the order of the first of each bundle."""
    if not photos:
        return
    counts = np.array([len(codes) for codes in photos])
    rows = np.repeat(np.arange(len(photos)), counts)
    columns = np.unique(np.fromiter(itertools.chain.from_iterable(photos), dtype=np.int64), return_inverse=True)[1]
    nodes = len(photos) + int(columns.max()) + 1
    edges = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns + len(photos))), shape=(nodes, nodes))
    labels = connected_components(edges, directed=False)[1][: len(photos)]
    firsts = np.unique(labels, return_index=True)[1]
    order = np.argsort(firsts[labels], kind="stable")
    breaks = np.flatnonzero(np.diff(labels[order])) + 1
    for bundle in np.split(order, breaks):
        yield bundle.tolist()
