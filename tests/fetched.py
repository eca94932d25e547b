"""What tests of the fetch ask for, and what lies in a pack afterwards."""

import subprocess
import sys
import textwrap

from dedup_pipeline.schemas import FETCHES

FETCH = textwrap.dedent(
    """
    import sys
    from dedup_pipeline.config import Settings
    from dedup_pipeline.stages.fetch import fetch
    fetch(Settings.model_validate_json(sys.argv[1]), sys.argv[2])
    """
)


def paths(first, last, sizes=("big",)):
    return [[f"/{number}-{size}.jpg" for size in sizes] for number in range(first, last)]


def content(store, pack_id):
    """The tables of a pack without what may differ between runs."""
    fetches = store.read_table(store.pack(pack_id, "fetches.parquet"))
    assert fetches.schema.equals(FETCHES)
    return fetches.drop_columns(["attempts", "fetched_at"]), store.read_bytes(store.pack(pack_id, "images.parquet"))


def start(settings, dump):
    """Fetch a dump in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, settings.model_dump_json(), dump], stderr=subprocess.PIPE, text=True
    )
