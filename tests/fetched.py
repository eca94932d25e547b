"""What tests of the fetch ask for, and what lies in a pack afterwards."""

from dedup_pipeline.schemas import FETCHES


def paths(first, last, sizes=("big",)):
    return [[f"/{number}-{size}.jpg" for size in sizes] for number in range(first, last)]


def content(store, pack_id):
    """The tables of a pack without what may differ between runs."""
    fetches = store.read_table(store.pack(pack_id, "fetches.parquet"))
    assert fetches.schema.equals(FETCHES)
    return fetches.drop_columns(["attempts", "fetched_at"]), store.read_bytes(store.pack(pack_id, "images.parquet"))
