"""A namespace of one's own: what is mounted and started in it is gone with it, whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSIDE = "CHAOS_NAMESPACE"

# the first that this machine allows: with process ids of its own, no process can outlive the namespace
_WAYS = (["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"], ["--mount"])
_MOUNT = ("mount", "-t", "tmpfs", "-o")
# a first process adopts what its children leave behind; a shell reaps it, Python would not
_SHELL = ("sh", "-c", '"$@"; exit $?', "sh")


def enter() -> None:
    """Start this program again, with the same arguments, in a namespace of its own; does nothing inside of it.

    Raises:
        SystemExit: the program has ended in there, or the machine allows no namespace (status 2).
    """
    if os.environ.get(INSIDE):
        return
    found = None if shutil.which("unshare") is None else _allowed()
    if found is None:
        sys.stderr.write(
            "chaos: this machine lets nobody mount a file system in a namespace of their own (`unshare --mount`, or "
            "`unshare --user --map-root-user --mount`), so no store can be filled: run it as root or allow user "
            "namespaces\n"
        )
        raise SystemExit(2)
    command = ["unshare", *found, *_SHELL, sys.executable, *sys.argv]
    sys.stdout.flush()
    os.execvpe("unshare", command, {**os.environ, INSIDE: "1"})  # noqa: S606, S607  # the user's own


def _allowed() -> list[str] | None:
    """The options of unshare that work here."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    for way in _WAYS:
        command = ["unshare", *user, *way, *_MOUNT, "size=1m", "chaos", tempfile.gettempdir()]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return user + way
    return None


def mount_store(folder: Path, megabytes: int) -> None:
    """Mount a file system in memory that holds so much and no more."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([*_MOUNT, f"size={megabytes}m", "chaos", folder], check=True)
