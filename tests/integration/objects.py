"""Object storage for the rounds: an S3 server as a process of its own, behind a gate that can be shut."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from places import Place

LOOPBACK = "127.0.0.1"
BUCKET = "chaos"
_START_SECONDS = 120.0
_PIECE = 65536


class ObjectStorage:
    """moto's S3 server, which keeps everything in memory, while its ``with`` block lasts.

    Whoever is struck speaks to the gate; the harness itself goes past it, and sees what is there while it is shut.

    Args:
        log: where the server writes what it was asked.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._port = _free_port()
        self.gate = Gate(self._port)

    def __enter__(self) -> Self:
        """Start the server and make the bucket."""
        command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(self._port)]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while not _listens(self._port):
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the S3 server does not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        requests.put(f"http://{LOOPBACK}:{self._port}/{BUCKET}", timeout=30).raise_for_status()
        self.gate.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        self.gate.stop()
        self._server.kill()
        self._server.wait()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process find it, and nothing else of Amazon's."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{self.gate.port}",
            "AWS_ACCESS_KEY_ID": "chaos",
            "AWS_SECRET_ACCESS_KEY": "chaos",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def place(self, prefix: str) -> Place:
        """A store under a prefix, for the harness."""
        options = {"key": "chaos", "secret": "chaos", "endpoint_url": f"http://{LOOPBACK}:{self._port}"}
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
