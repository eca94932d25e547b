"""Do one step of a run in this process and say what it took; called by unit_costs.py.

    one_step.py ORDER ANSWER

ORDER is a JSON file: settings, dump, step, part, catalog, flat (do not calibrate and lay nothing over each other: for
dumps of made-up fingerprints, which have no pictures). ANSWER gets seconds (CPU, without imports) and megabytes (peak).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.append(str(Path(__file__).parent / "contenders"))
from contender import cpu_seconds, peak_megabytes

from dedup_pipeline.config import Settings
from dedup_pipeline.stages import STAGES, run_one


def work_of(order: dict[str, Any], settings: Settings) -> Callable[[], object]:
    """What the step does; only what it needs is imported, as by a task of its own."""
    step, dump = order["step"], order["dump"]
    stage = step.partition("-")[0]
    room = importlib.import_module(STAGES[stage])
    if step == "fetch-plan":
        return lambda: room.plan_fetch(settings, dump)
    if step == "fetch":
        return lambda: [room.fetch_pack(settings, dump, pack) for pack in room.plan_fetch(settings, dump)]
    if step == "match-plan":
        return lambda: room.plan_match(settings, dump)
    if step == "match":
        return lambda: room.match_part(settings, dump, order["part"])
    return lambda: run_one(stage, settings, dump, catalog=order.get("catalog"))


@contextlib.contextmanager
def flat(order: dict[str, Any]) -> Iterator[None]:
    """Let match take a calibration that is there, and rule every pair out at a glance."""
    if not order.get("flat"):
        yield
        return
    door = importlib.import_module("dedup_pipeline.match.stage")
    known = door.Calibration.from_dict(json.loads(Path(order["flat"]).read_text()))
    blind = replace(known, judge=replace(known.judge, least=math.inf))
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(door, "calibrate", return_value=blind))
        for name in ("Encoder", "_note"):  # there is no model to take, nor one to note anything on
            patches.enter_context(mock.patch.object(door, name))
        yield


def main() -> None:
    """Do it."""
    warnings.simplefilter("ignore")
    order = json.loads(Path(sys.argv[1]).read_text())
    settings = Settings(**order["settings"])
    if order["step"] == "embed":
        importlib.import_module("openvino")  # its import is not counted
    with flat(order):
        work = work_of(order, settings)
        before = cpu_seconds()
        work()
        seconds = cpu_seconds() - before
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


if __name__ == "__main__":
    main()
