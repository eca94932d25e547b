"""The tables between the stages: their columns are the contract.

Every table is Parquet, written sorted by its first column unless said otherwise. ``conform`` is the one way to make a
table, so a stage cannot write what the next one does not expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import pyarrow as pa


class RejectReason(StrEnum):
    """Why a row of a dump is no listing."""

    MALFORMED = "malformed"  # another number of fields than the header, or a quote that never closes
    TOO_LONG = "too-long"  # a field longer than ingest.max_field_chars
    NO_ID = "no-id"  # empty or null product id
    REPEATED_ID = "repeated-id"  # an earlier row has the id
    CATEGORY = "category"  # not among the categories asked for


class FetchStatus(StrEnum):
    """What became of a URL; all but OK are failures."""

    OK = "ok"
    NO_URL = "no-url"  # the listing names no picture
    BAD_URL = "bad-url"  # not http or https, or not a URL
    BLOCKED = "blocked"  # an address inside the network
    NOT_FOUND = "not-found"  # 404 or 410
    REFUSED = "refused"  # another 4xx
    SERVER_ERROR = "server-error"  # 5xx after all tries
    THROTTLED = "throttled"  # 429 after all tries
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # DNS, connection refused or reset, TLS
    REDIRECTS = "redirects"  # too many, or to nowhere
    TOO_LARGE = "too-large"  # more bytes than fetch.max_bytes
    EMPTY = "empty"  # no bytes
    NOT_AN_IMAGE = "not-an-image"  # an HTML page or other content
    TRUNCATED = "truncated"  # the picture ends early or is damaged
    UNSUPPORTED = "unsupported"  # a picture in a format that is not read
    TOO_MANY_PIXELS = "too-many-pixels"  # more pixels than fetch.max_pixels
    TOO_COSTLY = "too-costly"  # decoding takes more than fetch.decode_seconds or fetch.decode_bytes


class VerdictKind(StrEnum):
    """What made a pair a candidate, strongest first."""

    SAME_BYTES = "same-bytes"
    SAME_PIXELS = "same-pixels"
    PERCEPTUAL = "perceptual"
    LEARNED = "learned"
    GROUP = "group"  # both match the group's medoid


class NodeState(StrEnum):
    """Whether a node takes part in matching, and why not."""

    MATCHED = "matched"
    PLACEHOLDER = "placeholder"  # one picture on many unrelated listings
    BLANK = "blank"  # a picture with nothing in it
    BANNER = "banner"  # a card of text on unrelated listings


def _table(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


_words = pa.list_(pa.string())

LISTINGS = _table(
    listing_id=pa.string(),
    row=pa.int64(),  # line of the file, the header being line 1; of Parquet, the row from 1
    family_id=pa.string(),  # the smallest listing id of the family, which may be the listing's own
    photo_url=pa.string(),  # the chosen rendition; null without a picture
    photo_urls=_words,  # all renditions, the preferred first
    title=pa.string(),
    brand=pa.string(),
    category=pa.string(),  # last part of the path
    category_path=pa.string(),
    seller=pa.string(),
    colour=pa.string(),
    price=pa.float64(),
)

REJECTS = _table(
    row=pa.int64(),
    listing_id=pa.string(),
    reason=pa.string(),  # RejectReason
    detail=pa.string(),
    raw=pa.string(),  # the row as it came, at most 20,000 characters
)

# one row per URL of a pack that was tried
FETCHES = _table(
    url=pa.string(),
    status=pa.string(),  # FetchStatus
    detail=pa.string(),
    http_status=pa.int32(),
    image_id=pa.string(),  # sha256 of the bytes, hex; null unless ok
    size=pa.int64(),  # bytes
    width=pa.int32(),  # pixels, as stored in the file
    height=pa.int32(),
    format=pa.string(),
    attempts=pa.int32(),
    fetched_at=pa.timestamp("ms", tz="UTC"),  # whole seconds; Parquet knows no coarser unit
)

# distinct images of a pack
IMAGES = _table(image_id=pa.string(), data=pa.binary())

# one row per photo of a dump: what its listings show
PHOTOS = _table(
    photo_url=pa.string(),
    status=pa.string(),  # FetchStatus of the URL that counts: the first that is ok, else the first
    url=pa.string(),  # that URL
    image_id=pa.string(),
    pack_id=pa.string(),
    detail=pa.string(),
)

FINGERPRINTS = _table(
    image_id=pa.string(),
    pixel_id=pa.string(),  # digest of the decoded pixels, hex
    phash=pa.uint64(),
    phash_mirrored=pa.uint64(),
    dhash=pa.uint64(),
    dhash_mirrored=pa.uint64(),
    width=pa.int32(),  # pixels, upright
    height=pa.int32(),
    photo_width=pa.int32(),  # pixels of the photo that a page shows, see pages; of the picture where it is none
    photo_height=pa.int32(),
    colour=pa.list_(pa.float32(), 16),  # see hashing.Figures
    layout=pa.binary(192),  # see hashing.Figures
    text_card=pa.bool_(),  # see graphics.is_text_card
)


def embeddings(dimension: int) -> pa.Schema:
    """The table of the embeddings of a pack: ``vector`` is (dimension,) float32, L2-normalised."""
    return _table(image_id=pa.string(), vector=pa.list_(pa.float32(), dimension))


# which row of the index an image's vector has; equal vectors share one
INDEX_ROWS = _table(image_id=pa.string(), row=pa.int64())

# which image has the vector of each of some consecutive rows of the index, and the pack that holds it
INDEX_SOURCES = _table(image_id=pa.string(), pack_id=pa.string())

# per row of the index: its nearest other rows, nearest first, and how near its neighbourhood is
NEIGHBOURS = _table(
    row=pa.int64(),
    neighbours=pa.list_(pa.int64()),
    cosines=pa.list_(pa.float32()),
    crowd=pa.float32(),
)

# which node an image belongs to: images with equal pixels are one node, named by the smallest of their ids
NODES = _table(image_id=pa.string(), node=pa.string(), state=pa.string())

# how rare a word is among the titles of a dump, by the bucket it is hashed to; ascending
WORDS = _table(bucket=pa.int64(), weight=pa.float64())

# one row per candidate pair of nodes, node_a < node_b
VERDICTS = _table(
    node_a=pa.string(),
    node_b=pa.string(),
    kind=pa.string(),  # VerdictKind
    directions=pa.int64(),  # 2 where each node found the other, 1 where one did
    logit=pa.float64(),  # of the pictures, at the share of duplicates of the calibration
    probability=pa.float64(),  # among the candidates of the dump
    cosine=pa.float32(),
    phash_distance=pa.float32(),  # bits of 64, the better of upright and mirrored
    dhash_distance=pa.float32(),
    colour_distance=pa.float32(),
    layout_likeness=pa.float32(),
    # of the aligned pictures, see alignment; null where the first pass ruled the pair out, or nothing fits
    inliers=pa.float32(),
    structure=pa.float32(),
    chroma_90=pa.float32(),  # CIE Lab units
    lightness_90=pa.float32(),
    colour_patch=pa.float32(),  # the rest are shares of the products
    unshared=pa.float32(),
    beyond=pa.float32(),
    mirrored=pa.bool_(),
    exchanged=pa.float64(),  # the logit but for a detail that is another one, see match/exchanged.py; null without such
    # of the listings that show the two, see match/text_evidence.py; null where one of them says nothing
    title_likeness=pa.float32(),  # 0 to 1
    same_brand=pa.float32(),  # 1 or 0, as the three below
    same_colour=pa.float32(),
    same_category=pa.float32(),
    same_seller=pa.float32(),
    price_gap=pa.float32(),  # of the logarithms
    text_logit=pa.float64(),  # what the texts add to the logit, 0 where they tell nothing
)


def aligned_pairs(count: int) -> pa.Schema:
    """The table of the pairs of nodes that a part of a dump aligned, node_a < node_b, sorted by both.

    ``evidence`` is (count,) float32 in the order of ``match.alignment_cache.NAMES``, NaN where it cannot be told.
    """
    return _table(node_a=pa.string(), node_b=pa.string(), evidence=pa.list_(pa.float32(), count))


GROUPS = _table(
    group_id=pa.string(),
    listing_id=pa.string(),
    canonical=pa.bool_(),
    family_id=pa.string(),
    image_id=pa.string(),
    medoid=pa.bool_(),  # whether the image is the group's medoid
    through=pa.string(),  # the image that ties this one to the group: its medoid, or the best match of who matches most
    score=pa.float64(),  # how surely the image belongs to the medoid: the least probability on the way
    photo_url=pa.string(),
    title=pa.string(),
)

PAIRS = _table(
    id_a=pa.string(),
    id_b=pa.string(),
    score=pa.float64(),  # calibrated probability
    kind=pa.string(),
    accepted=pa.bool_(),
    group_id=pa.string(),  # null unless accepted
    through=pa.string(),  # the listing that ties the two, where they are accepted though they do not match each other
    suspicious=pa.bool_(),  # accepted, though the listings contradict each other in brand or colour
)


def conform(rows: Mapping[str, Any] | Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of exactly this schema from columns (a mapping) or rows (mappings).

    Raises:
        pyarrow.ArrowInvalid: a value does not fit its column.
        KeyError: a column is missing.
    """
    if isinstance(rows, Mapping):
        return pa.table({field.name: pa.array(rows[field.name], field.type) for field in schema}, schema=schema)
    return pa.Table.from_pylist(list(rows), schema=schema)
