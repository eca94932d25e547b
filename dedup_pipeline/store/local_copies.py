"""Copies, on this machine, of what lies in object storage: libraries that map a file into memory want a file.

They are under the temporary folder, shared by the tasks of a user on a machine and closed to others, named by what the
storage says of the object, so that one that is there is not fetched again. Those that nobody has asked for in a day are
removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from fsspec import AbstractFileSystem

from dedup_pipeline.private import private_folder
from dedup_pipeline.store.whole import unfinished

FOLDER = "dedup-copies"
_UNUSED = 24 * 3600.0  # seconds


def copy_of(files: AbstractFileSystem, path: str) -> Path:
    """The file with an object's content; it is fetched piece by piece, never held in memory.

    Args:
        files: the storage.
        path: of the object.

    Raises:
        FileNotFoundError: it is not there.
        InputError: the folder of the copies is somebody else's.
        OSError: it cannot be read, or the temporary folder has no room.
    """
    files.invalidate_cache()
    mark = hashlib.sha256(f"{path}\n{files.ukey(path)}".encode()).hexdigest()[:32]
    folder = private_folder(Path(tempfile.gettempdir()) / f"{FOLDER}-{os.geteuid()}")
    copy = folder / mark / Path(path).name
    with contextlib.suppress(FileNotFoundError):
        os.utime(copy)  # asked for now
        return copy
    _remove_unused(folder)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(copy) as some:
        files.get_file(path, str(some))
        some.replace(copy)
    return copy


def _remove_unused(folder: Path) -> None:
    """What a process has mapped stays readable to it."""
    for file in folder.glob("*/*"):
        with contextlib.suppress(OSError):  # another task removes it too
            if time.time() - file.stat().st_mtime > _UNUSED:
                file.unlink()
                file.parent.rmdir()
