"""Pictures whose answers are known: re-uploads, recolours, packs and reprints of some of a dump's photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.reuploads import Strength, generator_of, pack, recolour, reprint, reupload_with_names
from dedup_pipeline.compute.dtypes import Rows
from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.photo_region import photo_of
from dedup_pipeline.stages.index import NeighbourIndex
from dedup_pipeline.stages.match.nodes import Nodes, features_of
from dedup_pipeline.stages.match.views import of_nodes, picture_views
from dedup_pipeline.verdict.alignment import View
from dedup_pipeline.verdict.evidence import ImageFeatures

COPIES = 2  # simulated re-uploads of each photo
STRENGTHS = (1, 2, 3)
RECOLOUR, NEAR, PACK, FURTHER, REPRINT = 0, -1, -2, -3, -4  # kinds of negatives, beside the strengths of re-uploads
_PACKED = 2  # one photo in so many is put into packs: fewer, and one pack decides over many pictures,
_PACKS = 2  # each beside another photo
_PRINTED = 4  # one photo in so many is printed on,
_PRINTS = 2  # each with another motif
_ON_PRODUCT = frozenset({"cover", "sticker"})  # edits that look like another motif
_PACK_STREAM, _PRINT_STREAM = 1, 2  # keep the draws of packs and prints apart from those of copies


@dataclass(frozen=True)
class SimulatedPairs:
    """P photos of a dump and the pictures made of them, which are known by the numbers -1, -2, ...

    Attributes:
        rows: (P,) int64, the nodes of the photos, ascending.
        strengths: (COPIES, P) of the re-uploads.
        covered: (COPIES, P) bool, whether something was stuck on them that may lie on the product.
        copies: COPIES arrays (P,), the numbers of the re-uploads.
        recolours: (R,) numbers.
        recoloured: (R,) which of the P photos each shows.
        packs: (2 K,) numbers; the first K show the same photos as the last K, each beside another one.
        packed: (2 K,) the photo of the P that each was made of.
        reprints: (2 J,) numbers; the first J show the same products as the last J, each with another motif.
        reprinted: (2 J,) the photo of the P that each was made of.
        features: of the made pictures; number n is row -1 - n.
        views: makes the views of all of them, by number.
    """

    rows: Rows
    strengths: Rows
    covered: npt.NDArray[np.bool_]
    copies: list[Rows]
    recolours: Rows
    recoloured: Rows
    packs: Rows
    packed: Rows
    reprints: Rows
    reprinted: Rows
    features: ImageFeatures
    views: Callable[[], dict[int, View]]


@dataclass(frozen=True)
class SimulationScope:
    """What may be simulated; all of it, but for rehearsals of what the calibration has not seen.

    Attributes:
        rows: the nodes that may be drawn, or None for all.
        without: names of edits that are never drawn.
    """

    rows: Rows | None = None
    without: frozenset[str] = frozenset()


def simulate(
    settings: Settings, dump_id: str, nodes: Nodes, found: NeighbourIndex, encoder: Encoder, *, sources: SimulationScope
) -> SimulatedPairs:
    """Make re-uploads, recolours, packs and reprints of some photos of a dump."""
    photos, rows = _sample(settings, dump_id, nodes, sources.rows)
    strengths = np.array(
        [[STRENGTHS[(number + copy) % len(STRENGTHS)] for number in range(len(photos))] for copy in range(COPIES)]
    )

    def edited(number: int) -> tuple[list[tuple[Picture, tuple[str, ...]]], Picture | None]:
        generator = generator_of(settings.seed, number)
        drawn: list[Strength] = strengths[:, number].tolist()
        copies = [reupload_with_names(photos[number], strength, generator, sources.without) for strength in drawn]
        return copies, recolour(photos[number], generator)

    made = list(map_ahead(edited, range(len(photos)), settings.worker_threads))
    recolours = [(number, other) for number, (_, other) in enumerate(made) if other is not None]
    reprints = _reprints(photos, settings)
    packs = _packs(photos, settings)
    pictures = [of_photo[copy][0] for copy in range(COPIES) for of_photo, _ in made]
    covered = [[not _ON_PRODUCT.isdisjoint(of_photo[copy][1]) for of_photo, _ in made] for copy in range(COPIES)]
    kinds = (recolours, packs, reprints)
    pictures += [picture for kind in kinds for _, picture in kind]
    numbers = -1 - np.arange(len(pictures), dtype=np.int64)
    parts = np.split(numbers[COPIES * len(photos) :], np.cumsum([len(kind) for kind in kinds[:-1]]))
    of = [np.array([number for number, _ in kind], dtype=np.int64) for kind in kinds]
    return SimulatedPairs(
        rows=rows,
        strengths=strengths,
        covered=np.array(covered, dtype=bool).reshape(strengths.shape),
        copies=[numbers[copy * len(photos) : (copy + 1) * len(photos)] for copy in range(COPIES)],
        recolours=parts[0],
        recoloured=of[0],
        packs=parts[1],
        packed=of[1],
        reprints=parts[2],
        reprinted=of[2],
        features=features_of(pictures, encoder, found, settings),
        views=lambda: dict(zip(numbers.tolist(), picture_views(pictures, settings), strict=True)),
    )


def _sample(settings: Settings, dump_id: str, nodes: Nodes, allowed: Rows | None) -> tuple[list[Picture], Rows]:
    """The photos of some pictures of the dump, and the rows of their nodes: what is painted must be no page."""
    usable = np.flatnonzero(nodes.matched)
    if allowed is not None:
        usable = np.intersect1d(usable, allowed)
    count = min(settings.match.calibration_photos, len(usable))
    rows = np.sort(np.random.default_rng(settings.seed).choice(usable, count, replace=False))
    pictures = of_nodes(settings, dump_id, nodes, rows.tolist(), photo_of)
    return [pictures[row] for row in rows.tolist()], rows.astype(np.int64)


def _reprints(photos: list[Picture], settings: Settings) -> list[tuple[int, Picture]]:
    """Photos with another motif and yet another: the number of each with its first, then all again with their second.

    Of every other photo the two are twins, such as two words in one place. Where a photo takes only one, it has none.
    """

    def printed(number: int) -> list[Picture]:
        found = []
        for copy in range(_PRINTS):
            twin = copy > 0 and number % (2 * _PRINTED) == 0
            generator = generator_of(settings.seed, number, _PRINT_STREAM, 0 if twin else copy)
            other = photos[int(generator.integers(len(photos)))]
            found.append(reprint(photos[number], other, generator, twin=twin))
        return [picture for picture in found if picture is not None]

    numbers = range(0, len(photos), _PRINTED)
    made = zip(numbers, map_ahead(printed, numbers, settings.worker_threads), strict=True)
    whole = [(number, some) for number, some in made if len(some) == _PRINTS]
    return [(number, some[copy]) for copy in range(_PRINTS) for number, some in whole]


def _packs(photos: list[Picture], settings: Settings) -> list[tuple[int, Picture]]:
    """Photos beside another and beside yet another: the number of each with its first, then all with their second.

    A photo of which one is no pack to who looks at it has none.
    """

    def packed(number: int) -> list[Picture]:
        found = []
        for copy in range(_PACKS):
            generator = generator_of(settings.seed, number, _PACK_STREAM)
            others = 1 + generator.choice(max(1, len(photos) - 1), size=_PACKS, replace=len(photos) <= _PACKS)
            found.append(pack(photos[number], photos[(number + int(others[copy])) % len(photos)], generator))
        return [picture for picture in found if picture is not None]

    numbers = range(0, len(photos), _PACKED)
    made = zip(numbers, map_ahead(packed, numbers, settings.worker_threads), strict=True)
    whole = [(number, some) for number, some in made if len(some) == _PACKS]
    return [(number, some[copy]) for copy in range(_PACKS) for number, some in whole]
