"""Columns whose values repeat, such as brands and photos: dictionaries all the way from the dump to the table.

So each value is cleaned, ranked, spooled and compressed once for all rows of a part that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dedup_pipeline.compute.ranges import concatenated_ranges
from dedup_pipeline.schemas import LISTINGS
from dedup_pipeline.store.parquet import CHECKSUMS

_CODE = pa.int32()
_TEXTS = ("title", "brand", "category", "category_path", "seller", "colour")
_DICTIONARY_BYTES = 64 << 20  # of a column and row group; what goes beyond is written without one
_COMPARED = ["listing_id", "row", "family_id", "price"]  # the columns of whose values a reader may want least and most


def _encoded(field: pa.Field) -> pa.Field:
    if pa.types.is_list(field.type):
        return field.with_type(pa.list_(pa.dictionary(_CODE, field.type.value_type)))
    return field.with_type(pa.dictionary(_CODE, field.type))


WRITTEN = pa.schema([_encoded(f) if f.name in (*_TEXTS, "photo_url", "photo_urls") else f for f in LISTINGS])


def listing_writer(file: BinaryIO) -> pq.ParquetWriter:
    """Write tables of the schema ``WRITTEN``, which readers see as ``LISTINGS``: dictionaries are a way to store."""
    return pq.ParquetWriter(
        file,
        WRITTEN,
        compression="zstd",
        **CHECKSUMS,
        use_dictionary=[*_TEXTS, "photo_url", "photo_urls.list.element"],
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
        write_statistics=_COMPARED,
        store_schema=False,
    )


def spooled(name: str) -> pa.Field:
    """The field of a listing's column, as it is handed on before the table is written."""
    field = LISTINGS.field(name)
    return field.with_type(pa.dictionary(_CODE, field.type)) if name in (*_TEXTS, "photo_urls") else field


def convert_values(text: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> pa.DictionaryArray:
    """Convert each distinct text once.

    Args:
        text: (rows,) text.
        convert: makes (values,) values of (values,) text, null where there is no value.

    Returns:
        (rows,) values; those of the dictionary are distinct and none is null.
    """
    encoded = text.dictionary_encode()
    distinct = convert(encoded.dictionary).dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(encoded.indices), distinct.dictionary)


def pruned(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values, with a dictionary of those alone that occur; it keeps its order."""
    codes = column.indices.fill_null(0).to_numpy()
    used = np.zeros(len(column.dictionary), bool)
    used[codes if not column.null_count else column.indices.drop_null().to_numpy()] = True
    if used.all():
        return column
    numbers = np.cumsum(used, dtype=np.int32) - np.int32(1)
    found = numbers[codes] if len(numbers) else codes
    mask = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return pa.DictionaryArray.from_arrays(
        pa.array(found, _CODE, mask=mask), column.dictionary.take(pa.array(np.flatnonzero(used)))
    )


def photo_columns(parts: Sequence[pa.DictionaryArray]) -> tuple[pa.DictionaryArray, pa.ListArray]:
    """The columns ``photo_url`` and ``photo_urls`` of a table.

    Args:
        parts: (rows,) lists of URLs in all, each part with a dictionary of its own.

    Returns:
        (rows,) the first URL of each list, null where it is empty; and (rows,) the lists, of URLs of one dictionary.
    """
    parts = [pruned(part) for part in parts]
    lists = pa.concat_arrays([part.dictionary for part in parts])
    base = np.cumsum([0, *(len(part.dictionary) for part in parts)])
    numbers = np.concatenate([part.indices.to_numpy() + first for part, first in zip(parts, base[:-1], strict=True)])
    urls = lists.flatten().dictionary_encode()
    codes = urls.indices.to_numpy()
    bounds = lists.offsets.to_numpy().astype(np.int64) - lists.offsets[0].as_py()
    begins, lengths = bounds[:-1][numbers], np.diff(bounds)[numbers]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    entries = codes[concatenated_ranges(begins, lengths)]
    first = np.append(entries, np.int32(0))[offsets[:-1]]
    return (
        pruned(pa.DictionaryArray.from_arrays(pa.array(first, _CODE, mask=lengths == 0), urls.dictionary)),
        pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), pa.DictionaryArray.from_arrays(pa.array(entries, _CODE), urls.dictionary)
        ),
    )
