"""The store: objects by path in a folder or bucket, written whole, checked when read, locked where two may write."""

from dedup_pipeline.store.store import Store, check_dump_id, digest, room_in, to_json

__all__ = ["Store", "check_dump_id", "digest", "room_in", "to_json"]
