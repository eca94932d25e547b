"""An S3 server of this machine: moto's, which keeps everything in memory, but with one request at a time.

By itself it looks whether an object is there and creates it later, so that of two who create one at once both succeed.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

LOOPBACK = "127.0.0.1"
BUCKET = "tests"
KEY = "tests"
_START_SECONDS = 120.0


class S3Server:
    """The server, a process of its own with one bucket, while its ``with`` block lasts.

    Args:
        log: where it writes what it was asked.

    Attributes:
        port: where it listens.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.port = _free_port()

    def __enter__(self) -> Self:
        """Start the server and make the bucket."""
        command = [sys.executable, __file__, str(self.port)]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while not _listens(self.port):
            if self._server.poll() is not None or time.monotonic() > until:
                self._stop()
                raise RuntimeError(f"the S3 server does not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        requests.put(f"http://{LOOPBACK}:{self.port}/{BUCKET}", timeout=30).raise_for_status()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._stop()

    def _stop(self) -> None:
        self._server.kill()
        self._server.wait()


def environment_of(port: int) -> dict[str, str]:
    """What makes a process find a server, and nothing else of Amazon's."""
    return {
        "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _serve(port: int) -> None:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    dispatch, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def one_at_a_time(environment: Any, start_response: Any) -> Any:
        with turn:
            return dispatch(environment, start_response)

    run_simple(LOOPBACK, port, one_at_a_time, threaded=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
