"""Ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def choose_port(preferred: int, taken: Collection[int] = ()) -> int:
    """The preferred port, or a free one when that is busy.

    Args:
        preferred: 0 takes any free one.
        taken: ports that are promised to others, though nobody listens there yet.
    """
    for port in (preferred, *[0] * (len(taken) + 1)):
        found = _bound(port)
        if found is not None and found not in taken:
            return found
    return _bound(0) or 0


def _bound(port: int) -> int | None:
    """The number of a port that can be listened on, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as the servers do: connections of a former server that linger do not make a port busy
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return None
        return int(probe.getsockname()[1])
