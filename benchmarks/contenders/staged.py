"""Every stage of a dump in one process, with the clock and the CPU seconds of each; the calibration stands apart."""

from __future__ import annotations

import time

from contender import cpu_seconds

from dedup_pipeline.config import Settings
from dedup_pipeline.stages.chain import STAGES, run_stage
from dedup_pipeline.stages.match import plan_match

CALIBRATION = "calibration"  # the first part of ``match``; much of it is the same however large the dump


class Stages:
    """What each stage took.

    Attributes:
        seconds: stage to seconds on the clock.
        cpu: stage to CPU seconds.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def run(self, settings: Settings, dump: str, catalog: str) -> None:
        """Run all stages of a dump."""
        for stage in STAGES:
            if stage == "match":
                self._timed(CALIBRATION, lambda: plan_match(settings, dump))
            self._timed(stage, lambda stage=stage: run_stage(settings, stage, dump, catalog=catalog))

    def _timed(self, name, work) -> None:  # noqa: ANN001 - a name and what it does
        start, cpu = time.monotonic(), cpu_seconds()
        work()
        self.seconds[name] = time.monotonic() - start
        self.cpu[name] = cpu_seconds() - cpu

    def figures(self, prefix: str = "") -> dict[str, float]:
        """All of it for the table."""
        return {f"{prefix}{name} CPU seconds": value for name, value in self.cpu.items()}
