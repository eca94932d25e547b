"""The checkpoint of a training, in the store."""

from __future__ import annotations

import io
import logging
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.plugins import CheckpointIO

from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.store import Store

logger = logging.getLogger(__name__)


class StoreCheckpoint(CheckpointIO):
    """Writes Lightning's one checkpoint to a path of the store, whatever path Lightning has in mind.

    Lightning's own writer goes through the system's temporary folder and copies from there: a kill or a full disk in
    between leaves half a checkpoint. A file of the store is there whole or not at all, in an object store too.

    Args:
        store: the store.
        path: the checkpoint's.
    """

    def __init__(self, store: Store, path: str) -> None:
        self._store = store
        self._path = path

    def __str__(self) -> str:
        return self._store.url(self._path)

    def exists(self) -> bool:
        """Whether an earlier try left one that is whole; a damaged one is removed, and the training starts anew."""
        try:
            with zipfile.ZipFile(io.BytesIO(self._store.read_bytes(self._path))) as archive:
                broken = archive.testzip()
        except NotReadyError:
            return False
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OverflowError, struct.error) as error:
            broken = str(error)
        if broken is not None:
            logger.warning("%s is damaged (%s): the training starts anew", self, broken)
            self._store.remove(self._path)
        return broken is None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it.

        Raises:
            StoreError: it cannot be written; the one before stays.
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        self._store.write_bytes(self._path, content.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Callable[..., Any] | str | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read it, onto the CPU unless told otherwise.

        Raises:
            NotReadyError: there is none.
        """
        content = io.BytesIO(self._store.read_bytes(self._path))
        # a checkpoint holds tensors and plain values; anything else in it would be someone's code
        checkpoint: dict[str, Any] = torch.load(content, map_location=map_location or "cpu", weights_only=True)
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Remove it."""
        self._store.remove(self._path)
