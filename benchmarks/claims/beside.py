"""A script that runs while others do, such as a server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPTS = Path(__file__).parents[1] / "contenders"
_READY = "ready"
_PATIENCE = 60  # seconds


class BesideError(Exception):
    """A script that others need beside them does not run."""


@contextmanager
def beside(script: str, data: Path) -> Iterator[None]:
    """Let a script of ``contenders/`` run while the block does; without a script, nothing does.

    Args:
        script: its name; it is called with the folder.
        data: the folder of the data, where the script makes a file ``ready``.

    Raises:
        BesideError: it ended, or was not ready in time.
    """
    if not script:
        yield
        return
    ready = data / _READY
    ready.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, str(_SCRIPTS / script), str(data)])
    try:
        end = time.monotonic() + _PATIENCE
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise BesideError(f"{script} did not start for {data}: see what it said above")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()
