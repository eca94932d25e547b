"""The words of titles, hashed to buckets, and how rare each is in a dump."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer

from dedup_pipeline.listings.colours import COLOUR_WORDS
from dedup_pipeline.schemas import WORDS, conform
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of

BUCKETS = 1 << 18
FREE_TEXT = ("title", "brand", "category", "seller", "colour")
_FIELD_CHARS = 300  # of each of these
_TITLE_WORDS = 40
_WORD = re.compile(r"[^\W_]+")


def word_weights(store: Store, dump_id: str) -> pa.Table:
    """How much each word of the dump's titles tells: the logarithm of how rare it is among the listings.

    Returns:
        WORDS.
    """
    counts, listings = np.zeros(BUCKETS, dtype=np.int64), 0
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as table:
        for batch in table.iter_batches(columns=["title", "brand"]):
            words = hashed([(row["title"], row["brand"]) for row in cut(batch).to_pylist()])
            counts += np.bincount(words.indices, minlength=BUCKETS)
            listings += len(batch)
    buckets = np.flatnonzero(counts)
    weights = np.log((1 + listings) / (1 + counts[buckets])).round(6)
    return conform({"bucket": buckets, "weight": weights}, WORDS)


def cut(listings: pa.RecordBatch) -> pa.RecordBatch:
    """Listings, cut to what is heard."""
    for place, field in enumerate(listings.schema):
        if field.name in FREE_TEXT:
            short = pc.utf8_slice_codeunits(listings[field.name], 0, _FIELD_CHARS)
            listings = listings.set_column(place, field, short)
    return listings


def hashed(titles: Sequence[tuple[str | None, str | None]]) -> csr_matrix:
    """(T, buckets) which words each of T titles with their brands has."""
    if not titles:  # the vectoriser refuses to make a matrix without rows
        return csr_matrix((0, BUCKETS))
    hasher = HashingVectorizer(
        analyzer=_words, n_features=BUCKETS, binary=True, alternate_sign=False, norm=None, dtype=np.float64
    )
    return csr_matrix(hasher.transform(titles))


def _words(title_and_brand: tuple[str | None, str | None]) -> list[str]:
    """The words of a title that are neither its brand nor a colour."""
    title, brand = (unicodedata.normalize("NFKC", text or "").casefold()[:_FIELD_CHARS] for text in title_and_brand)
    known = {*_WORD.findall(brand), *COLOUR_WORDS}
    return [word for word in _WORD.findall(title)[:_TITLE_WORDS] if word not in known]
