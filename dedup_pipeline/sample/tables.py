"""The tables of the truth folder: who is whose duplicate, which photo shows what, and what does not count."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from dedup_pipeline.errors import InputError
from dedup_pipeline.sample.catalog import COLUMNS
from dedup_pipeline.sample.plan import Offer

TRUTH_COLUMNS = (
    "id_a", "id_b", "level", "edits", "photo_a", "photo_b", "hops", "same_category", "same_seller"
)  # fmt: skip
PHOTO_COLUMNS = (
    "productId", "photo_id", "photo_group", "level", "edits", "family", "kind", "style", "scored", "parts"
)  # fmt: skip
IGNORE_COLUMNS = ("id_a", "id_b", "reason")
_UNSCORED = {"malformed", "truncated"}


@dataclass(frozen=True)
class TruthRow:
    """One pair of listings that show the same product."""

    id_a: str
    id_b: str
    level: str
    edits: str
    photo_a: str
    photo_b: str
    hops: int
    same_category: int
    same_seller: int


def begin_folder(folder: Path, seed: int) -> None:
    """Make a truth folder, with nothing but a folder for images in it.

    Raises:
        InputError: a negative seed, or the folder is not empty.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}: use 0 or more")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder: name a new one, or delete it first")
    (folder / "images").mkdir(parents=True, exist_ok=True)


def write_tables(
    folder: Path, offers: list[Offer], lines: Iterable[Sequence[object]], ignored: Iterable[Sequence[object]]
) -> tuple[list[TruthRow], list[dict[str, str]]]:
    """Write the CSVs of a truth folder; returns the rows of truth.csv and photos.csv.

    Args:
        folder: the truth folder.
        offers: everything the shop sells.
        lines: of catalog.csv below its header.
        ignored: rows of ignore.csv.
    """
    truth, photos = truth_rows(offers), photo_rows(offers)
    _write_csv(folder / "catalog.csv", COLUMNS, lines)
    _write_csv(folder / "truth.csv", TRUTH_COLUMNS, (list(asdict(row).values()) for row in truth))
    _write_csv(folder / "photos.csv", PHOTO_COLUMNS, (list(row.values()) for row in photos))
    _write_csv(folder / "ignore.csv", IGNORE_COLUMNS, ignored)
    return truth, photos


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def truth_rows(offers: list[Offer]) -> list[TruthRow]:
    """Return all pairs of listings of one photo group that are not one family, sorted."""
    groups: dict[str, list[Offer]] = defaultdict(list)
    for offer in offers:
        if offer.photo.kind == "photo":
            groups[offer.photo.group].append(offer)
    rows = [
        _truth_row(first, first_id, second, second_id)
        for members in groups.values()
        for first, second in combinations(members, 2)
        if first.family != second.family
        for first_id, _ in first.listings
        for second_id, _ in second.listings
    ]
    return sorted(rows, key=lambda row: (row.id_a, row.id_b))


def _truth_row(first: Offer, first_id: str, second: Offer, second_id: str) -> TruthRow:
    if first_id > second_id:
        return _truth_row(second, second_id, first, first_id)
    photos = (first.photo, second.photo)
    copies = [photo for photo in photos if photo.level != "base"]
    level, edits, hops = "0", "same-url", 0
    if photos[0].photo_id != photos[1].photo_id:
        level, hops = max(photo.level for photo in copies), len(copies)
        edits = " | ".join(photo.edits for photo in copies)
    return TruthRow(
        id_a=first_id,
        id_b=second_id,
        level=level,
        edits=edits,
        photo_a=photos[0].photo_id,
        photo_b=photos[1].photo_id,
        hops=hops,
        same_category=int(first.shelf.category == second.shelf.category),
        same_seller=int(first.seller == second.seller),
    )


def photo_rows(offers: list[Offer]) -> list[dict[str, str]]:
    """Return one row per listing, sorted by its id."""
    return sorted(_photo_rows(offers), key=lambda row: row["productId"])


def _photo_rows(offers: list[Offer]) -> Iterator[dict[str, str]]:
    for offer in offers:
        photo = offer.photo
        for product_id, _ in offer.listings:
            yield {
                "productId": product_id,
                "photo_id": photo.photo_id,
                "photo_group": photo.group,
                "level": photo.level,
                "edits": photo.edits,
                "family": offer.family,
                "kind": photo.kind,
                "style": offer.style,
                "scored": "0" if photo.kind in _UNSCORED else "1",
                "parts": " ".join(photo.parts) or photo.group,
            }


def levels_of(rows: list[TruthRow]) -> tuple[dict[str, int], dict[str, int]]:
    """Count listing pairs and photo pairs per level."""
    photo_pairs = {(*sorted((row.photo_a, row.photo_b)),): row.level for row in rows}
    return dict(sorted(Counter(row.level for row in rows).items())), dict(sorted(Counter(photo_pairs.values()).items()))
