"""What a decoding child gives up before it sees the first byte of others."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sysconfig
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

_OPEN_FILES = 16
_NO_NEW_PRIVILEGES = 38  # of prctl(2)
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/local/lib")
_IMPORTED_LATE = ("PIL", "cv2", "dedup_pipeline", "numpy")

# of landlock(7): system calls, and what each version of it can deny
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _PATH_ONLY = 1, 1, 0o10000000
_READ = 1 << 2 | 1 << 3  # files and folders
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK = {1: 0, 4: 1 << 0 | 1 << 1}  # TCP
_SCOPES = {1: 0, 6: 1 << 0 | 1 << 1}  # sockets without a path, signals


def confine() -> None:
    """Give up what decoding has no use for: further processes, writing, and on Linux the files and hosts of others.

    Read can be only what Python and its packages are loaded from. Where the system has no such means (Landlock, Linux
    5.13), files stay as open as they are to the user that the process runs as.
    """
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))
    with contextlib.suppress(AttributeError, OSError):  # another system, or a kernel that has it not
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _close_files(library, _packages())


def _packages() -> list[str]:
    """Where what is imported later lies, and the libraries that it loads."""
    found = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    for name in _IMPORTED_LATE:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            package = Path(spec.origin).resolve().parent
            found.add(str(package))
            found |= {str(libraries) for libraries in package.parent.glob("*.libs")}
    return sorted(found) + [folder for folder in _LIBRARIES if Path(folder).is_dir()]


def _close_files(library: ctypes.CDLL, readable: Iterable[str]) -> None:
    """Deny all files but some, and all of the network that can be denied."""

    def call(number: int, *arguments: object) -> int:
        result: int = library.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), "landlock is not to be had")
        return result

    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    denied = struct.pack("=3Q", *(_of_version(kinds, version) for kinds in (_FILES, _NETWORK, _SCOPES)))
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = call(_CREATE_RULESET, denied, ctypes.c_size_t(size), 0)
    try:
        for folder in readable:
            place = os.open(folder, _PATH_ONLY | os.O_CLOEXEC)
            try:
                call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", _READ, place), 0)
            finally:
                os.close(place)
        call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _of_version(kinds: dict[int, int], version: int) -> int:
    return kinds[max(since for since in kinds if since <= version)]
