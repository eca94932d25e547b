"""What every contender's script does besides the work; of the standard library, as many have their own environment.

    <script>.py DATA RESULTS [ARGUMENT ...]

DATA is what the claim made; RESULTS an empty folder, which gets result.json and what the claim's check reads.
Where BENCH_PROFILE names a file, it gets the functions that the work spends its CPU seconds in.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

_STATUS = Path("/proc/self/status")
_KIBIBYTE, _MEGABYTE = 1024, 1_000_000
_SHOWN = 40  # functions of a profile


class Contest:
    """One run of a contender.

    Attributes:
        data: the folder of the claim's data.
        results: the folder for its results.
        arguments: what the claim adds.
    """

    def __init__(self) -> None:
        self.data, self.results = (Path(word) for word in sys.argv[1:3])
        self.arguments = sys.argv[3:]
        self._seconds = self._cpu_seconds = 0.0
        self._figures: dict[str, float] = {}

    @contextmanager
    def timed(self, phase: str = "", share: float = 1.0, cpu: Callable[[], float] | None = None) -> Iterator[None]:
        """Count what is done inside.

        Args:
            phase: its seconds become a figure of this name.
            share: of the work that is done, where all of it would take hours; the seconds are divided by it.
            cpu: tells the CPU seconds so far, where those of this process and its ended children are not all.
        """
        used = cpu or cpu_seconds
        start, before = time.monotonic(), used()
        with _profiled():
            yield
        seconds = (time.monotonic() - start) / share
        self._seconds += seconds
        self._cpu_seconds += (used() - before) / share
        if phase:
            self._figures[f"{phase} seconds"] = seconds
        if share < 1:
            self._figures["share done"] = share

    def cannot_run(self, why: str) -> None:
        """Say that this machine lacks what the contender needs, and end.

        Args:
            why: a clause, for its row.
        """
        (self.results / "result.json").write_text(json.dumps({"absent": why}))
        sys.exit()

    def report(self, *packages: str, **figures: float) -> None:
        """Write result.json.

        Args:
            packages: whose versions are told.
            figures: of the result.
        """
        told = {
            "seconds": self._seconds,
            "cpu_seconds": self._cpu_seconds,
            "megabytes": peak_megabytes(),
            "figures": self._figures | figures,
            "versions": {package: version(package) for package in packages},
        }
        (self.results / "result.json").write_text(json.dumps(told))


@contextmanager
def _profiled() -> Iterator[None]:
    """Write what all threads of this process spend their CPU seconds in, where that is asked for."""
    file = os.environ.get("BENCH_PROFILE")
    if not file:
        yield
        return
    import yappi  # noqa: PLC0415 - only this project's environment has it

    yappi.set_clock_type("cpu")
    yappi.start()
    yield
    yappi.stop()
    found = sorted(yappi.get_func_stats(), key=lambda one: -one.tsub)[:_SHOWN]
    lines = [f"{'alone':>9} {'with all':>9} {'calls':>9}  function"]
    for one in found:
        module = one.module.rpartition("site-packages/")[2]
        for folder in (Path(__file__).parents[2], sysconfig.get_path("stdlib")):
            module = module.removeprefix(f"{folder}/")
        lines.append(f"{one.tsub:9.2f} {one.ttot:9.2f} {one.ncall:9}  {module}: {one.name}")
    Path(file).write_text("\n".join(lines) + "\n")


def cpu_seconds() -> float:
    """Of this process, on all cores, and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_megabytes() -> float:
    """Most resident memory of this process, in MB.

    Not ru_maxrss where there is better: that of a process begins at what its parent had when it started it.
    """
    if _STATUS.is_file():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * _KIBIBYTE / _MEGABYTE
    unit = 1 if sys.platform == "darwin" else _KIBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE
