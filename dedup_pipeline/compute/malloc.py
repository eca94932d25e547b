"""Memory that is freed and soon wanted again."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT, _LARGE = 1 << 28, 1 << 25  # bytes; the latter is the most that glibc takes


@cache
def keep_freed_memory() -> None:
    """Have glibc keep what this process frees for its next array, 256 MB at most, instead of giving it back at once.

    A picture takes dozens of arrays of some hundred kB. Until glibc has learnt better from larger ones that came and
    went, the system clears every page of them each time: a quarter of the seconds that looking at a picture takes.
    Other C libraries have no such setting, and are left as they are.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_TRIM_THRESHOLD, _KEPT)
    set_option(_MMAP_THRESHOLD, _LARGE)


def give_back_freed_memory() -> None:
    """Have glibc give back what it keeps: each thread would keep the arrays of the largest picture that it has seen."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is one that can give memory back."""
    try:
        library = ctypes.CDLL(None)
        return library if library.malloc_trim else None
    except (AttributeError, OSError, TypeError):
        return None
