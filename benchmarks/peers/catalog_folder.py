"""From a catalog in the truth format to a folder with one picture per photo, and back to its listings."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from dedup_pipeline.errors import InputError

_BASE = "{base}"
_RENDITIONS = ("-400x400-", "-original-")  # of a photo, the preferred first


@dataclass(frozen=True)
class Pictures:
    """A folder that a peer can work on.

    Attributes:
        folder: holds nothing but pictures.
        listings: name of a file in it to the productIds that show it, in the catalog's order.
    """

    folder: Path
    listings: dict[str, list[str]]


def prepare(catalog: Path, folder: Path) -> Pictures:
    """Copy one picture per photo: its rendition 400x400, where that is missing its original, else any other.

    Malformed rows and listings without a stored picture are left out; of a repeated productId the first picture counts.
    Files that cannot be decoded are left out too: some peers stop at the first.

    Args:
        catalog: holds catalog.csv, whose URLs begin with {base}, and images/.
        folder: to be made.

    Raises:
        InputError: the catalog is not of that form, or has no picture.
    """
    listings: dict[Path, list[str]] = {}
    seen: set[str] = set()
    for listing, urls in _rows(catalog / "catalog.csv"):
        picture = None if listing in seen else _picture(catalog / "images", urls)
        if picture is not None:
            seen.add(listing)
            listings.setdefault(picture, []).append(listing)
    listings = {picture: shown_by for picture, shown_by in listings.items() if _is_decodable(picture)}
    if not listings:
        raise InputError(
            f"no row of {catalog / 'catalog.csv'} names a picture in {catalog / 'images'}: give a truth folder"
        )
    folder.mkdir(parents=True)
    named = {f"{number:06}-{picture.name}": picture for number, picture in enumerate(listings)}
    for name, picture in named.items():
        shutil.copyfile(picture, folder / name)
    return Pictures(folder, {name: listings[picture] for name, picture in named.items()})


def _rows(file: Path) -> list[tuple[str, list[str]]]:
    """The productId and the URLs of every row that has as many fields as the header."""
    if not file.is_file():
        raise InputError(f"no file {file}: give a truth folder, for example one that `dedup sample DIR` wrote")
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        if not {"productId", "imageUrlStr"} <= set(header):
            raise InputError(f"{file} has no columns productId and imageUrlStr: give a truth folder")
        listing, urls = header.index("productId"), header.index("imageUrlStr")
        return [(row[listing], row[urls].split(";")) for row in reader if len(row) == len(header)]


def _picture(images: Path, urls: list[str]) -> Path | None:
    """The preferred stored file among the URLs of a photo."""
    paths = [images / unquote(url.strip().removeprefix(_BASE)).lstrip("/") for url in urls if url.strip()]
    stored = [path for path in paths if path.is_file()]
    return min(stored, key=lambda path: _preference(path.name), default=None)


def _is_decodable(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            image.load()
    except OSError:
        return False
    return True


def _preference(name: str) -> int:
    return next((rank for rank, mark in enumerate(_RENDITIONS) if mark in name), len(_RENDITIONS))
