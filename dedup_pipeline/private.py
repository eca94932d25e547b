"""Folders that nobody else on the machine may read or replace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dedup_pipeline.errors import InputError


def private_folder(folder: Path) -> Path:
    """A folder of this user alone: made when it is not there, closed to others when it is.

    In a place where everybody may write, such as the temporary folder, somebody else may have been there first. A link
    that the user has made is followed.

    Raises:
        InputError: it belongs to somebody else, or is a file or somebody else's link.
        OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()  # of a link itself: where it leads is up to its owner
        if stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid():
            found = folder.stat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise InputError(
                f"{folder} is not a folder of this user, and others could change what lies there: remove it or have it "
                "removed, or name another place"
            ) from None
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    return folder
