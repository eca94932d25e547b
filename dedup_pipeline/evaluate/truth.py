"""Reading a truth folder: which pairs of listings are duplicates, which are neither right nor wrong."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dedup_pipeline.errors import InputError

_TRUTH_COLUMNS = ("id_a", "id_b", "level", "edits")
_PHOTO_COLUMNS = ("productId", "photo_id", "family", "kind", "style", "scored")


@dataclass(frozen=True)
class Truth:
    """What is known about a catalog.

    Attributes:
        pairs: one row per true listing pair, `id_a <= id_b`; columns id_a, id_b, level, edits, hops, all text.
        listings: one row per listing, indexed by productId; columns photo_id, family, kind, style, scored, all text.
        ignored: pairs that are neither right nor wrong, `id_a <= id_b`; columns id_a, id_b.
    """

    pairs: pd.DataFrame
    listings: pd.DataFrame
    ignored: pd.DataFrame


def read_truth(folder: Path) -> Truth:
    """Read truth.csv, photos.csv and, where it exists, ignore.csv.

    Args:
        folder: a truth folder.

    Raises:
        InputError: a file or a column is missing.
    """
    pairs = _read_table(folder / "truth.csv", _TRUTH_COLUMNS)
    if "hops" not in pairs:
        pairs["hops"] = ""
    listings = _read_table(folder / "photos.csv", _PHOTO_COLUMNS).drop_duplicates("productId", keep="last")
    ignore_file = folder / "ignore.csv"
    ignored = pd.DataFrame({"id_a": [], "id_b": []}, dtype=str)
    if ignore_file.exists():
        ignored = _read_table(ignore_file, ("id_a", "id_b"))
    return Truth(
        pairs=unordered(pairs).drop_duplicates(["id_a", "id_b"], keep="last", ignore_index=True),
        listings=listings.set_index("productId"),
        ignored=unordered(ignored)[["id_a", "id_b"]].drop_duplicates(ignore_index=True),
    )


def unordered(pairs: pd.DataFrame, first: str = "id_a", second: str = "id_b") -> pd.DataFrame:
    """Return a copy in which the smaller of two text columns comes first in every row."""
    swap = pairs[first] > pairs[second]
    low, high = pairs[first].mask(swap, pairs[second]), pairs[second].mask(swap, pairs[first])
    return pairs.assign(**{first: low, second: high})


def _read_table(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(f"no file {file}: name a truth folder, which holds truth.csv and photos.csv") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a CSV table ({error}): write the truth folder again") from error
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{file} has no column {', '.join(missing)}: write the truth folder again")
    return table
