"""Make the buckets that BUCKETS names (``a,b``), and see that the store's locks would hold in this object storage.

With nothing in BUCKETS the store is a folder and there is nothing to do.
"""

from __future__ import annotations

import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import s3fs

from dedup_pipeline.config import load_settings
from dedup_pipeline.store import Store

_AT_ONCE = 8


def make_buckets(names: list[str]) -> None:
    """Make those that are not there yet."""
    storage = s3fs.S3FileSystem()
    present = {str(path).rstrip("/") for path in storage.ls("")}
    for name in names:
        if name not in present:
            storage.mkdir(name)
        sys.stdout.write(f"bucket {name} is there\n")


def winners(root: str) -> int:
    """How many of several writers at once create one object that was not there: a lock needs exactly one."""
    path = f"locks/.check/{uuid.uuid4().hex}"
    store = Store(root)
    with ThreadPoolExecutor(_AT_ONCE) as writers:
        created = list(writers.map(lambda number: store.create_json(path, {"writer": number}), range(_AT_ONCE)))
    store.remove(path)
    return sum(created)


def main() -> None:
    """Make the buckets and check; ends with a sentence when the storage is not fit to hold a store."""
    names = [name for name in os.environ.get("BUCKETS", "").split(",") if name]
    if not names:
        return
    make_buckets(names)
    root = load_settings().store
    won = winners(root)
    if won != 1:
        sys.exit(
            f"{root}: of {_AT_ONCE} writers that created one object at once {won} succeeded, not 1: the store's locks "
            "would not hold there; take an object storage that supports conditional writes (If-None-Match)"
        )


if __name__ == "__main__":
    main()
