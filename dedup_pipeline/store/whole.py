"""Files that appear whole, whatever ends the writing, and stay through a loss of power once they have appeared.

In a folder a file is written under another name, locked as long as its process lives, and renamed. Whoever writes into
a folder first removes the unfinished ones that nobody holds: a kill left them.

What goes to an object store is written on this machine first and sent when it is complete, for the store's client would
finish an object whatever has ended the writing: in memory, or from _IN_MEMORY bytes on in the temporary folder, in a
file without a name that a kill leaves no trace of. A file sent whole costs no more requests than one sent in pieces.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from fsspec import AbstractFileSystem

UNFINISHED = ".tmp-"
_IN_MEMORY = 8 << 20
_swept: set[Path] = set()


@contextlib.contextmanager
def local_file(final: Path) -> Iterator[BinaryIO]:
    """Open a file, for writing and reading, that gets its name when the block ends well."""
    make_folder(final.parent)
    with unfinished(final) as path, path.open("w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        path.replace(final)
        sync_folder(final.parent)


@contextlib.contextmanager
def remote_file(files: AbstractFileSystem, target: str) -> Iterator[BinaryIO]:
    """Open a file, for writing and reading, that is sent to an object store when the block ends well."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        yield cast(BinaryIO, file)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size < _IN_MEMORY:
            files.pipe_file(target, file.read())
        else:
            files.put_file(f"/dev/fd/{file.fileno()}", target)


@contextlib.contextmanager
def unfinished(final: Path, *, folder: bool = False) -> Iterator[Path]:
    """A new file or folder beside the one that it is to become; it is removed unless the block renames it.

    Args:
        final: what it is to become.
        folder: whether it is a folder.
    """
    if final.parent not in _swept:
        _swept.add(final.parent)
        sweep(final.parent)
    path, handle = _new(final, folder=folder)
    try:
        yield path
    finally:
        _remove(path)
        os.close(handle)


def _new(final: Path, *, folder: bool) -> tuple[Path, int]:
    """Make an unfinished file or folder and hold it."""
    while True:
        path = final.with_name(f"{UNFINISHED}{uuid.uuid4().hex}")
        if folder:
            path.mkdir()
        else:
            path.touch(exist_ok=False)
        with contextlib.suppress(FileNotFoundError, BlockingIOError):  # swept before it was held
            handle = _hold(path)
            if path.exists():
                return path, handle
            os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what killed processes have left unfinished in a folder: files and folders that nobody holds."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):  # another sweeps too, or it is being written
            handle = _hold(left)
            _remove(left)
            os.close(handle)


def _hold(path: Path) -> int:
    """Lock a file or folder; the kernel lets go of it when this process ends.

    Raises:
        BlockingIOError: another holds it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are not there; each name is on the disk."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
