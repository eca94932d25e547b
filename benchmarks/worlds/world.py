"""Writing a world as a truth folder: its products, their re-uploads, who is whose duplicate."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.rehearsal import unseen
from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.sample import tables, words
from dedup_pipeline.sample.copies.recipe import Recipe, Step, encoded
from dedup_pipeline.sample.pictures import sizes_of, write_files
from dedup_pipeline.sample.plan import Offer

from .goods import MANY, Drawer, Family, Product, picked
from .listings import Clerk, catalog_lines

_LEVELS, _LEVEL_SHARES = (0, 1, 2, 3), (1 / 9, 2 / 9, 3 / 9, 3 / 9)
_QUALITY = 92
_LEAST_APART = 0.01
"""Look-alikes differ visibly on at least this share of the picture, or the later one is not sold."""
_LEAST_LEFT = 0.45
"""A re-upload keeps at least this share of what tells a product from its nearest look-alike."""
_VISIBLE = 16.0
"""Grey levels in any channel, after a blur, that an eye sees."""
_TRIES = 30

Files = dict[str, bytes]


def draw_world(
    folder: Path, draw: Drawer, seed: tuple[int, int], originals: int, reuploads: float, *, mirrors: bool
) -> None:
    """Draw a world and write it as a truth folder; the same arguments give the same bytes.

    Args:
        folder: to write to; made if it does not exist.
        draw: draws families of look-alikes.
        seed: of all choices: the caller's, 0 or more, and the world's own.
        originals: products.
        reuploads: how many of them are uploaded again, as a share; a third of these twice.
        mirrors: whether half of the strong re-uploads are mirrored as well.

    Raises:
        InputError: a negative seed, or the folder is not empty.
    """
    tables.begin_folder(folder, seed[0])
    chances, plan = np.random.default_rng([*seed, 11]), np.random.default_rng([*seed, 12])
    copied = set(plan.permutation(originals)[: round(reuploads * originals)].tolist())
    clerk, copier = Clerk(np.random.default_rng([*seed, 13])), _Copier(chances, mirrors=mirrors)
    offers: list[Offer] = []
    number = 0
    for index, family in enumerate(_families(draw, np.random.default_rng([*seed, 10]), originals)):
        for product in family:
            offer = clerk.original(product, f"S{index + 1:05d}")
            files = sizes_of(product.shot.picture, edits.encode(product.shot.picture, "jpeg", _QUALITY))
            write_files(folder / "images", offer.photo, files)
            offers.append(offer)
            if number in copied:
                offers += copier.copies(folder, clerk, product, family, offer, files=files)
            number += 1
    _write_tables(folder, offers, np.random.default_rng([*seed, 14]))


def _families(draw: Drawer, generator: np.random.Generator, originals: int) -> Iterator[Family]:
    """Yield families with that many products together, without those that look like an earlier one of their family."""
    left = originals
    for family in draw(generator, MANY):
        kept: Family = []
        for product in family:
            if len(kept) < left and all(_apart(product.shot.picture, o.shot.picture) >= _LEAST_APART for o in kept):
                kept.append(product)
        left -= len(kept)
        if kept:
            yield kept
        if left == 0:
            return


class _Copier:
    """Uploads photos again.

    Args:
        generator: source of all choices.
        mirrors: whether half of the strong re-uploads are mirrored as well.
    """

    def __init__(self, generator: np.random.Generator, *, mirrors: bool) -> None:
        self._generator, self._mirrors = generator, mirrors

    def copies(
        self, folder: Path, clerk: Clerk, product: Product, family: Family, offer: Offer, *, files: Files
    ) -> list[Offer]:
        """Upload a photo again, once or twice; the second copier sometimes takes the picture of the first."""
        generator, made, sources = self._generator, list[Offer](), {offer.photo.photo_id: files}
        nearest = _nearest(product, family)
        for _ in range(2 if generator.random() < 1 / 3 else 1):
            second = bool(made) and generator.random() < 0.3
            source = made[0] if second else offer
            mask = product.shot.mask if not second and product.shot.mask.any() else None
            own = decoded(sources[source.photo.photo_id]["original"])
            recipe, picture = self._recipe(own, mask, nearest if not second else None)
            copy = clerk.copy(product, source, recipe)
            new = sources[source.photo.photo_id]
            if recipe.encoding != "identical":
                new = sizes_of(picture, encoded(picture, recipe))
            sources[copy.photo.photo_id] = new
            write_files(folder / "images", copy.photo, new)
            made.append(copy)
        return made

    def _recipe(self, picture: Picture, mask: Mask | None, nearest: Product | None) -> tuple[Recipe, Picture]:
        """Draw a recipe that leaves in the picture what tells it from the nearest look-alike, and apply it."""
        level = int(self._generator.choice(_LEVELS, p=_LEVEL_SHARES))
        best: tuple[float, Recipe, Picture] | None = None
        for _ in range(_TRIES):
            recipe = unseen.draw_recipe(level, self._generator, picked(self._generator, words.SELLERS))
            if recipe.cut_out is not None and mask is None:
                continue
            if self._mirrors and level == 3 and self._generator.random() < 0.5:
                mirror = Step("mirror", edits.mirror)
                recipe = Recipe(level, (mirror, *recipe.steps), recipe.encoding, recipe.quality, recipe.cut_out)
            edited = recipe.edit(picture, mask)
            if nearest is None or level == 0:
                return recipe, edited
            before = _apart(picture, nearest.shot.picture)
            after = _apart(edited, recipe.edit(nearest.shot.picture, nearest.shot.mask))
            if best is None or after / before > best[0]:
                best = after / before, recipe, edited
            if after >= _LEAST_LEFT * before:
                break
        if best is None:
            raise RuntimeError("no re-upload without a cut-out was drawn: use another seed")
        return best[1:]


def _nearest(product: Product, family: Family) -> Product | None:
    """Return the look-alike that differs least, among those whose pictures have the same sides."""
    shape = product.shot.picture.shape
    others = [other for other in family if other is not product and other.shot.picture.shape == shape]
    return min(others, key=lambda other: _apart(product.shot.picture, other.shot.picture), default=None)


def _apart(first: Picture, second: Picture) -> float:
    """Return the share of the picture on which two differ visibly; 1 where their sides differ."""
    if first.shape != second.shape:
        return 1.0
    size = (first.shape[1] // 2, first.shape[0] // 2)
    one, other = (
        cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 1.5).astype(np.float32)
        for picture in (first, second)
    )
    return float((np.abs(one - other).max(axis=2) > _VISIBLE).mean())


def _write_tables(folder: Path, offers: list[Offer], generator: np.random.Generator) -> None:
    truth, photos = tables.write_tables(folder, offers, catalog_lines(offers, generator), ())
    listing_levels, photo_levels = tables.levels_of(truth)
    copies = [offer.photo for offer in offers if offer.photo.recipe is not None]
    counts = {
        "listings": len(photos),
        "photos": len(offers),
        "photo_groups": len(offers) - len(copies),
        "styles": len({offer.style for offer in offers}),
        "reuploads_by_level": dict(sorted(Counter(photo.level for photo in copies).items())),
        "true_listing_pairs": len(truth),
        "true_photo_pairs": sum(photo_levels.values()),
        "listing_pairs_by_level": listing_levels,
        "photo_pairs_by_level": photo_levels,
    }
    (folder / "counts.json").write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
