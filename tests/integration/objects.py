"""Object storage for the rounds: an S3 server as a process of its own, behind a gate that can be shut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from places import Place

from s3_server import BUCKET, KEY, LOOPBACK, S3Server, environment_of

_PIECE = 65536


class ObjectStorage:
    """An S3 server, which keeps everything in memory, while its ``with`` block lasts.

    Whoever is struck speaks to the gate; the harness itself goes past it, and sees what is there while it is shut.

    Args:
        log: where the server writes what it was asked.
    """

    def __init__(self, log: Path) -> None:
        self._server = S3Server(log)
        self.gate = Gate(self._server.port)

    def __enter__(self) -> Self:
        """Start the server, and open the gate."""
        self._server.__enter__()
        self.gate.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        self.gate.stop()
        self._server.__exit__(kind, error, trace)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process find it, and nothing else of Amazon's."""
        return environment_of(self.gate.port)

    def place(self, prefix: str) -> Place:
        """A store under a prefix, for the harness."""
        options = {"key": KEY, "secret": KEY, "endpoint_url": f"http://{LOOPBACK}:{self._server.port}"}
        return Place(f"s3://{BUCKET}/{prefix}", options)


class Gate:
    """Passes connections on to a port of this machine; shut, it drops those there are and every new one.

    Args:
        port: where to.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._shut = False

    def start(self) -> None:
        """Let connections in."""
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Let nobody in any more."""
        self.shut()
        self._listener.close()

    def shut(self) -> None:
        """Drop all connections, in the middle of what they carry, and let nobody in."""
        with self._lock:
            self._shut = True
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Let connections in again."""
        with self._lock:
            self._shut = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.socket() as far, suppress(OSError):
            with self._lock:
                if self._shut:
                    return
                self._ends |= {near, far}
            try:
                far.connect((LOOPBACK, self._to))
                back = threading.Thread(target=_pour, args=(far, near), daemon=True)
                back.start()
                _pour(near, far)
                back.join()
            finally:
                with self._lock:
                    self._ends -= {near, far}


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Carry what comes, then say that nothing will follow."""
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RD if end is source else socket.SHUT_WR)
