"""From the text of a dump to the values of a listing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.config import IngestSettings
from dedup_pipeline.schemas import LISTINGS, RejectReason
from dedup_pipeline.stages.ingest.csv.blocks import Positions
from dedup_pipeline.stages.ingest.dictionary_columns import convert_values, spooled
from dedup_pipeline.stages.ingest.id_table import IdKeys, id_keys
from dedup_pipeline.stages.ingest.presets import CatalogLayout
from dedup_pipeline.stages.ingest.readers import MAX_ID_CHARS, Batch
from dedup_pipeline.stages.ingest.renditions import ranked_distinct
from dedup_pipeline.stages.ingest.text_buffers import bytes_of, holds_blanks, lengths_of
from dedup_pipeline.wording import tidy

_NULLS = ("", "null", "Null", "NULL", "none", "None", "NONE", "nan", "NaN", "NAN", "n/a", "N/A", "<NA>", r"\N")
_NULL_SET = pa.array(_NULLS)
_LONGEST_NULL = max(map(len, _NULLS))
MAX_FAMILY_IDS = 10_000  # that a row may name
MAX_PHOTO_URLS = 1000
_KEY_MARK = "\0"  # no id holds it: a key is never mistaken for an id
_NUMBER = re.compile(r"[-+]?\d[\d,.' \u00a0]*")
PLAIN_COLUMNS = tuple(name for name in LISTINGS.names if name not in ("family_id", "photo_url"))


@dataclass(frozen=True)
class Rows:
    """The rows of a batch that have an id, and those that have not.

    Attributes:
        table: (rows,) the columns of a listing but ``family_id`` and ``photo_url``, which follow from others; those
            whose values repeat as dictionaries.
        keys: (rows, 2) the key of each id.
        members: (links, 2) the keys of the ids that rows name as their family.
        member_rows: (links,) which row names it.
        kept: (rows,) whether the category is among those asked for.
        places: (rows,) where each row stands in the batch.
        refused: (refused,) places of the others, with reason and detail.
    """

    table: pa.Table
    keys: IdKeys
    members: IdKeys
    member_rows: Positions
    kept: npt.NDArray[np.bool_]
    places: Positions
    refused: list[tuple[int, RejectReason, str]]


def normalise(
    batch: Batch, fields: Mapping[str, Sequence[int]], layout: CatalogLayout, settings: IngestSettings
) -> Rows:
    """Make listings of a batch of rows.

    Args:
        batch: the rows as text.
        fields: field to the columns that fill it.
        layout: how the dump fills its fields.
        settings: what to keep and which rendition to prefer.
    """
    text = {field: _coalesced(batch, fields.get(field, ())) for field in ("id", "image", "family")}
    identities = _cleaned(text["id"])
    refused = _refused(batch, text, identities, layout, settings.max_field_chars)
    places = np.delete(np.arange(len(batch.lines)), [place for place, _, _ in refused])
    if refused:
        chosen = pa.array(places)
        text = {field: values.take(chosen) for field, values in text.items()}
        identities = identities.take(chosen)

    def values(field: str, convert: Callable[[pa.Array], pa.Array] = _unchanged) -> pa.DictionaryArray:
        column = convert_values(_coalesced(batch, fields.get(field, ())), lambda text: convert(_cleaned(text)))
        return column.take(pa.array(places)) if refused else column

    category = values("category", _last_parts)
    price = values("price", prices_of)
    photos = ranked_distinct(text["image"], layout.photo_separator, settings.rendition_px)
    parents, members = _members(identities, text["family"], layout)
    columns = {
        "listing_id": identities,
        "row": pa.array(batch.lines[places]),
        "photo_urls": photos,
        "title": values("title"),
        "brand": values("brand"),
        "category": category,
        "category_path": values("category"),
        "seller": values("seller"),
        "colour": values("colour"),
        "price": price.dictionary.take(price.indices),
    }
    schema = pa.schema([spooled(name) for name in PLAIN_COLUMNS])
    kept = _asked_for(category, settings.categories)
    return Rows(pa.table(columns, schema=schema), id_keys(identities), id_keys(members), parents, kept, places, refused)


@lru_cache(maxsize=1 << 14)  # blocks of a dump hold much the same prices
def price_of(text: str) -> float | None:
    """The number in a price such as ``12.99 USD``, ``Rs. 1,299`` or ``1.299,00 EUR``; None where there is none.

    The last of comma and point sets off the decimals when both occur, or when one or two digits follow it.
    """
    try:
        value = float(text)
    except ValueError:
        found = _NUMBER.search(text)
        if not found:
            return None
        digits = re.sub(r"[' \u00a0]", "", found.group()).rstrip(",.")
        whole, mark, rest = digits, "", ""
        last = max(digits.rfind(","), digits.rfind("."))
        if last >= 0:
            both = "," in digits and "." in digits
            once = digits.count(digits[last]) == 1
            if once and (both or digits[last] == "." or len(digits) - last - 1 <= 2):
                whole, mark, rest = digits[:last], ".", digits[last + 1 :]
        value = float(re.sub("[,.]", "", whole) + mark + rest)
    return value if math.isfinite(value) else None


def prices_of(texts: pa.Array) -> pa.Array:
    """(values,) float64: the price that each text tells, null where there is none."""
    try:
        values = texts.cast(pa.float64())
    except pa.ArrowInvalid:  # not all are bare numbers
        return pa.array([None if text is None else price_of(text) for text in texts.to_pylist()], pa.float64())
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def _last_parts(paths: pa.Array) -> pa.Array:
    return pa.array([None if path is None else _last_part(path) for path in paths.to_pylist()], pa.string())


def _unchanged(texts: pa.Array) -> pa.Array:
    return texts


def _last_part(path: str) -> str | None:
    """The last part of a category path; None for remains of markup such as ``[[]]``."""
    last = path.rstrip("> \t").rpartition(">")[2].strip()
    return None if not last or last.startswith(("[", "{")) else last


def _coalesced(batch: Batch, columns: Sequence[int]) -> pa.Array:
    """(rows,) the first of some columns that is filled."""
    found = [batch.columns[index] for index in columns]
    if not found:
        return pa.nulls(len(batch.lines), pa.string())
    return found[0] if len(found) == 1 else pc.coalesce(*map(_cleaned, found))


def _cleaned(text: pa.Array) -> pa.Array:
    """Text without outer blanks and NULs; null where it is empty or says null."""
    if (bytes_of(text) == 0).any():
        text = pc.replace_substring(text, "\0", "")
    trimmed = pc.ascii_trim_whitespace(text) if holds_blanks(text) else text
    void = _says_null(trimmed)
    return pc.if_else(pa.array(void), pa.scalar(None, pa.string()), trimmed) if void.any() else trimmed


def _says_null(text: pa.Array) -> npt.NDArray[np.bool_]:
    """(rows,) whether a text is empty or says null; False for null."""
    void = np.zeros(len(text), bool)
    short = np.flatnonzero(lengths_of(text) <= _LONGEST_NULL)
    if len(short):
        void[short] = pc.is_in(text.take(pa.array(short)), value_set=_NULL_SET).to_numpy(zero_copy_only=False)
    return void


def _refused(
    batch: Batch, text: Mapping[str, pa.Array], identities: pa.Array, layout: CatalogLayout, max_field_chars: int
) -> list[tuple[int, RejectReason, str]]:
    """The rows without a usable id, or with a field or list that is too long, in order."""
    refused = {}
    for values in batch.columns.values():
        if len(values) and (pc.max(pc.binary_length(values)).as_py() or 0) > max_field_chars:
            lengths = pc.utf8_length(values).fill_null(0).to_numpy()
            for place in np.flatnonzero(lengths > max_field_chars).tolist():
                detail = f"a field of {lengths[place]} characters, more than {max_field_chars}"
                refused[place] = (RejectReason.TOO_LONG, detail)
    for place in np.flatnonzero(identities.is_null().to_numpy(zero_copy_only=False)).tolist():
        refused.setdefault(place, (RejectReason.NO_ID, f"the id is {_shown(text['id'][place].as_py())}"))
    lengths = pc.utf8_length(identities).fill_null(0).to_numpy()
    for place in np.flatnonzero(lengths > MAX_ID_CHARS).tolist():
        detail = f"an id of {lengths[place]} characters, more than {MAX_ID_CHARS}"
        refused.setdefault(place, (RejectReason.TOO_LONG, detail))
    lists = [] if layout.family_is_key else [("family", "ids", ",", MAX_FAMILY_IDS)]
    lists += [("image", "URLs", layout.photo_separator, MAX_PHOTO_URLS)] if layout.photo_separator else []
    for field, what, separator, most in lists:
        long = np.flatnonzero(lengths_of(text[field]) > most)  # only these can hold more
        counts = pc.count_substring(text[field].take(pa.array(long)), separator).to_numpy() + 1
        for place, count in zip(long.tolist(), counts.tolist(), strict=True):
            if count > most:
                detail = f"the {field} lists {count} {what}, more than {most}"
                refused.setdefault(place, (RejectReason.TOO_LONG, detail))
    return [(place, *refused[place]) for place in sorted(refused)]


def _shown(text: str | None) -> str:
    return f"'{tidy(text, 20)}'" if text and text.strip() else "empty"


def _members(identities: pa.Array, family: pa.Array, layout: CatalogLayout) -> tuple[Positions, pa.Array]:
    """Which row names which id, or which key, as its family: (links,) and (links,)."""
    if layout.family_is_key:
        keys = _cleaned(family)
        rows = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
        return rows, pc.binary_join_element_wise(pa.scalar(_KEY_MARK), keys.drop_null(), "")
    lists = pc.split_pattern(family.fill_null(""), ",")
    named = pc.ascii_trim(lists.flatten(), characters=" \t\r\n\"'[]{}")
    used = ~_says_null(named)
    rows = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    return rows[used], named.filter(pa.array(used))


def _asked_for(category: pa.DictionaryArray, wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(rows,) whether the category is one of those wanted, whatever the case."""
    if not wanted:
        return np.ones(len(category), bool)
    names = {name.strip().casefold() for name in wanted}
    matches = [value.casefold() in names for value in category.dictionary.to_pylist()]
    result: npt.NDArray[np.bool_] = np.array([*matches, False])[category.indices.fill_null(len(matches)).to_numpy()]
    return result
