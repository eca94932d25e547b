"""The sample shop: a made-up catalog dump with rendered photos, whose duplicates are known."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dedup_pipeline.errors import InputError
from dedup_pipeline.sample import tables
from dedup_pipeline.sample.bundle_planner import BundlePlanner, bundled_products
from dedup_pipeline.sample.catalog import Catalog, build_catalog, without_medium_file
from dedup_pipeline.sample.copies import recipes
from dedup_pipeline.sample.copies.recipes import DrawRecipe
from dedup_pipeline.sample.offers import OfferMaker
from dedup_pipeline.sample.pictures import write_pictures
from dedup_pipeline.sample.plan import Offer
from dedup_pipeline.sample.planner import Planner
from dedup_pipeline.sample.rendering.camera import STUDIO, Camera

_FEWEST_PRODUCTS = 40


@dataclass(frozen=True)
class SampleCounts:
    """What a sample shop holds; counts.json has the same keys.

    Attributes:
        rows: lines of catalog.csv below the header.
        listings: different productIds, the malformed lines included.
        malformed_lines: lines with more than 32 fields.
        repeated_rows: lines that repeat a productId.
        families: of listings.
        photo_groups: different photographs.
        bundles: those of them that show a pack or a set.
        photos: uploads that have a picture.
        reuploads_by_level: uploads that are copies, by level.
        same_url_families: families that use the very URLs of another one.
        true_listing_pairs: rows of truth.csv.
        true_photo_pairs: different pairs of photos in them.
        listing_pairs_by_level: the former by level.
        photo_pairs_by_level: the latter by level.
        ignore_pairs: rows of ignore.csv.
        ignore_by_reason: the same by reason.
        kinds: listings by what is wrong with their picture or line; `photo` is fine.
        image_files: files below images.
        megabytes: their size in 10^6 bytes.
    """

    rows: int
    listings: int
    malformed_lines: int
    repeated_rows: int
    families: int
    photo_groups: int
    bundles: int
    photos: int
    reuploads_by_level: dict[str, int]
    same_url_families: int
    true_listing_pairs: int
    true_photo_pairs: int
    listing_pairs_by_level: dict[str, int]
    photo_pairs_by_level: dict[str, int]
    ignore_pairs: int
    ignore_by_reason: dict[str, int]
    kinds: dict[str, int]
    image_files: int
    megabytes: float


def write_sample_shop(
    folder: Path,
    *,
    seed: int = 7,
    products: int = 260,
    camera: Camera = STUDIO,
    draw_recipe: DrawRecipe = recipes.draw_recipe,
) -> SampleCounts:
    """Render the sample shop and write it as a truth folder; the same seed gives the same files, byte for byte.

    Args:
        folder: to write to; made if it does not exist.
        seed: of all choices, 0 or more.
        products: original products, 40 or more; re-uploads and faulty listings come on top.
        camera: how the originals are photographed.
        draw_recipe: how re-uploads are made; by default with edits that the re-upload simulator of the training knows.

    Returns:
        What was written.

    Raises:
        InputError: too few products, a negative seed, or the folder is not empty.
    """
    folder = Path(folder)
    if products < _FEWEST_PRODUCTS:
        raise InputError(f"products is {products}: ask for {_FEWEST_PRODUCTS} or more, or some faults find no place")
    tables.begin_folder(folder, seed)
    offers, spoilable = _plan(seed, products, draw_recipe)
    catalog = build_catalog(offers, spoilable, np.random.default_rng([seed, 2]))
    write_pictures(folder / "images", [offer.photo for offer in offers], camera)
    return _write_tables(folder, offers, catalog)


def _plan(seed: int, products: int, draw_recipe: DrawRecipe) -> tuple[list[Offer], set[str]]:
    """Return all offers, and the families that have no true duplicate."""
    maker = OfferMaker(seed)
    planner, in_bundles = Planner(maker, draw_recipe), bundled_products(products)
    originals = planner.products(products - in_bundles)
    bundled = BundlePlanner(maker).products(in_bundles)
    originals += [offer for offer in bundled if not offer.photo.parts]
    bundles = [offer for offer in bundled if offer.photo.parts]
    copies = [*planner.copies(originals), *planner.copies_of_bundles(bundles)]
    originals += bundles
    copied = {offer.photo.group for offer in copies}
    lonely = [index for index, offer in enumerate(originals) if offer.photo.group not in copied]
    originals[lonely[0]] = without_medium_file(originals[lonely[0]])
    busy = {offer.family for offer in originals if offer.photo.group in copied}
    busy.add(originals[lonely[0]].family)
    spoilable = {offer.family for offer in originals} - busy
    return [*originals, *copies, *planner.faulty()], spoilable


def _write_tables(folder: Path, offers: list[Offer], catalog: Catalog) -> SampleCounts:
    ignored = [(first, second, "one-sided-family") for first, second in catalog.one_sided]
    truth, photos = tables.write_tables(folder, offers, catalog.lines, ignored)
    files = [file for file in (folder / "images").rglob("*") if file.is_file()]
    listing_levels, photo_levels = tables.levels_of(truth)
    uploads = {offer.photo.photo_id: offer.photo for offer in offers if offer.photo.group}
    kinds = Counter(row["kind"] for row in photos)
    same_url = [offer for offer in offers if offer.photo.group and offer.photo.look is not None]
    counts = SampleCounts(
        rows=len(catalog.lines),
        listings=len(photos),
        malformed_lines=kinds["malformed"],
        repeated_rows=catalog.repeated,
        families=len({offer.family for offer in offers}),
        photo_groups=len({photo.group for photo in uploads.values()}),
        bundles=len({photo.group for photo in uploads.values() if photo.parts}),
        photos=len(uploads),
        reuploads_by_level=dict(sorted(Counter(p.level for p in uploads.values() if p.level != "base").items())),
        same_url_families=len(same_url) - len({offer.photo.photo_id for offer in same_url}),
        true_listing_pairs=len(truth),
        true_photo_pairs=sum(photo_levels.values()),
        listing_pairs_by_level=listing_levels,
        photo_pairs_by_level=photo_levels,
        ignore_pairs=len(ignored),
        ignore_by_reason=dict(Counter(reason for _, _, reason in ignored)),
        kinds=dict(kinds.most_common()),
        image_files=len(files),
        megabytes=round(sum(file.stat().st_size for file in files) / 1e6, 1),
    )
    (folder / "counts.json").write_text(json.dumps(asdict(counts), indent=1) + "\n", encoding="utf-8")
    return counts
