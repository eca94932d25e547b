"""The child process that decodes what its parent would rather not.

``python -m dedup_pipeline.pictures.decoding.child`` has no environment, no file but its socket, no more memory and
processor time for a picture than it is told, and ends when its parent does. Whatever a decoder does in here costs one
picture.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from PIL import AvifImagePlugin, Image

from dedup_pipeline.pictures.decoding.confine import confine
from dedup_pipeline.pictures.decoding.formats import (
    DAMAGED,
    WORKING_SIDE,
    UnreadableError,
    can_have,
    read_image,
    within,
)

REQUEST = struct.Struct("!?QQdQ")  # whether the picture is wanted; most pixels, bytes, seconds; length of what follows
REPLY = struct.Struct("!BIIQ")  # an Outcome, width, height; length of what follows
READY = b"+"
NO_MEMORY_EXIT = os.EX_TEMPFAIL

_MOST_CHARS = 1000
_ENOUGH = 0.5  # of the room that a picture had: a machine that still has it was not short of memory


class DecodeOutcome(IntEnum):
    """What became of a request, and what follows the reply."""

    PICTURE = 1  # its size; the pixels
    SOUND = 2  # the size as stored; the format
    REFUSED = 3  # a FetchStatus, a line break, a sentence
    NO_ROOM = 4  # it takes more bytes than it may
    NO_MEMORY = 5  # this machine has not as many as it may take


class _Allowance(NamedTuple):
    """What one picture may take: bytes, seconds of the processor; and the file that tells what this process takes."""

    room: int
    seconds: float
    sizes: int | None


Reply = tuple[DecodeOutcome, int, int, bytes]


def main() -> None:
    """Answer requests until the parent ends."""
    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread would take memory of its own
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, also in the midst of a decoder
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    sizes = _open_sizes()
    confine()
    with socket.socket(fileno=0) as parent:
        parent.sendall(READY)
        while (head := receive(parent, REQUEST.size)) is not None:
            wanted, pixels, room, seconds, length = REQUEST.unpack(head)
            data = receive(parent, length)
            if data is None:
                return
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the parent ended meanwhile
                outcome, width, height, body = _answer(bytes(data), wanted, pixels, _Allowance(room, seconds, sizes))
                parent.sendall(REPLY.pack(outcome, width, height, len(body)))
                parent.sendall(body)


def receive(stream: socket.socket, length: int) -> bytearray | None:
    """So many bytes of a stream; None where it ends before."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = stream.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return data


def _open_sizes() -> int | None:
    """The file that tells this process how much it takes; None where the system has no such."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _answer(data: bytes, wanted: bool, pixels: int, allowed: _Allowance) -> Reply:
    """Decode under limits, then shrink without them: by then the pixels are ours."""
    try:
        with _limited(allowed):
            picture, header = read_image(data, max_pixels=pixels)
    except UnreadableError as error:
        if error.status != DAMAGED or can_have(int(allowed.room * _ENOUGH)):
            return DecodeOutcome.REFUSED, 0, 0, f"{error.status}\n{error}"[:_MOST_CHARS].encode(errors="replace")
        return DecodeOutcome.NO_MEMORY, 0, 0, b""
    except MemoryError:
        pass  # what the error holds on to is let go first
    else:
        if wanted:
            small = np.ascontiguousarray(within(picture, WORKING_SIDE))
            return DecodeOutcome.PICTURE, small.shape[1], small.shape[0], small.tobytes()
        return DecodeOutcome.SOUND, header.width, header.height, header.format.encode()
    return (DecodeOutcome.NO_ROOM if can_have(int(allowed.room * _ENOUGH)) else DecodeOutcome.NO_MEMORY), 0, 0, b""


@contextlib.contextmanager
def _limited(allowed: _Allowance) -> Iterator[None]:
    """Let no more memory be had, where the system tells how much is; end this process after so many seconds of work."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if allowed.sizes is not None:
        most = int(os.pread(allowed.sizes, 64, 0).split()[0]) * resource.getpagesize() + allowed.room
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    signal.setitimer(signal.ITIMER_PROF, allowed.seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        sys.exit(NO_MEMORY_EXIT)
