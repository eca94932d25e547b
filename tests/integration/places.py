"""Where a round's store lies, seen from outside of the project: a folder, or a prefix in object storage."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import fsspec

FOLDER, OBJECT = "folder", "object"
STORES = (FOLDER, OBJECT)
"""The kinds of stores."""

UNFINISHED = ".tmp-"


@dataclass(frozen=True)
class Place:
    """A store's root and every file below it.

    Args:
        url: what the setting ``store`` is to be: a folder, or ``s3://bucket/prefix``.
        options: how the object storage is reached, as fsspec takes it.
    """

    url: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether it is a folder."""
        return "://" not in self.url

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.url.rstrip("/").rpartition("/")[2]

    def names(self, under: str = "") -> list[str]:
        """The sorted paths of all files, without the root; unfinished ones included."""
        files, base = self._files()
        found = files.find(f"{base}/{under}".rstrip("/"))
        return sorted(str(path).removeprefix(f"{base}/") for path in found)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: it is not there, or not any more.
        """
        files, base = self._files()
        return bytes(files.cat_file(f"{base}/{name}"))

    def write(self, name: str, content: bytes) -> None:
        """Put a file there in place of what is there."""
        files, base = self._files()
        if self.local:
            files.makedirs(f"{base}/{name}".rpartition("/")[0], exist_ok=True)
        files.pipe_file(f"{base}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a file."""
        files, base = self._files()
        files.rm_file(f"{base}/{name}")

    def empty(self) -> None:
        """Remove everything, but not the root itself, which may be a mounted file system."""
        files, base = self._files()
        with contextlib.suppress(FileNotFoundError):
            for path in files.ls(base, detail=False):
                files.rm(path, recursive=True)

    def unfinished(self) -> int:
        """How many files a kill has left under a temporary name; nobody reads them."""
        return sum(name.rpartition("/")[2].startswith(UNFINISHED) for name in self.names())

    def _files(self) -> tuple[fsspec.AbstractFileSystem, str]:
        # others write here: a remembered listing would hide what they wrote
        files, base = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **self.options)
        files.invalidate_cache()
        return files, str(base).rstrip("/")
