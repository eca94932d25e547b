"""Do one step of a run in this process and say what it took; called by unit_costs.py.

    one_step.py ORDER ANSWER

ORDER is a JSON file: settings, dump, step, part, catalog, flat (do not calibrate and align nothing: for
dumps of made-up fingerprints, which have no pictures), piece (rows whose photos are looked at together). ANSWER gets
seconds (CPU, without imports) and megabytes (the most memory of its own: what is mapped from files is the kernel's to
drop).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.append(str(Path(__file__).parent / "contenders"))
from contender import cpu_seconds

from dedup_pipeline.config import Settings
from dedup_pipeline.stages.chain import STAGES, run_stage


def work_of(order: dict[str, Any], settings: Settings) -> Callable[[], object]:
    """What the step does; only what it needs is imported, as by a task of its own."""
    step, dump = order["step"], order["dump"]
    stage = step.partition("-")[0]
    room = importlib.import_module(STAGES[stage])
    if step == "fetch-plan":
        return lambda: room.plan_fetch(settings, dump)
    if step == "fetch":
        return lambda: [room.fetch_pack(settings, dump, pack) for pack in room.plan_fetch(settings, dump)]
    if step == "index-plan":
        return lambda: room.plan_index(settings, dump)
    if step == "match-plan":
        return lambda: room.plan_match(settings, dump)
    if step == "match":
        return lambda: room.match_part(settings, dump, order["part"])
    return lambda: run_stage(settings, stage, dump, catalog=order.get("catalog"))


@contextlib.contextmanager
def flat(order: dict[str, Any]) -> Iterator[None]:
    """Let match take a calibration that is there, and rule every pair out in the first pass."""
    if not order.get("flat"):
        yield
        return
    door = importlib.import_module("dedup_pipeline.stages.match.stage")
    known = door.Calibration.from_dict(json.loads(Path(order["flat"]).read_text()))
    blind = replace(known, classifier=replace(known.classifier, least=math.inf))
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(door, "calibrate", return_value=blind))
        for name in ("Encoder", "_note"):  # there is no model to take, nor one to note anything on
            patches.enter_context(mock.patch.object(door, name))
        yield


@contextlib.contextmanager
def own_memory() -> Iterator[list[float]]:
    """Look every 20 ms how much memory of its own (RssAnon) the process has, in MB."""
    looks, done = [0.0], threading.Event()

    def look() -> None:
        while True:
            last = done.wait(0.02)
            lines = Path("/proc/self/status").read_text().splitlines()
            looks.append(next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon:")))
            if last:
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield looks
    finally:
        done.set()
        watcher.join()


def main() -> None:
    """Do it."""
    warnings.simplefilter("ignore")
    order = json.loads(Path(sys.argv[1]).read_text())
    settings = Settings(**order["settings"])
    if order["step"] == "embed":
        importlib.import_module("openvino")  # its import is not counted
    if "piece" in order:
        importlib.import_module("dedup_pipeline.stages.fetch.photos")._PIECE = order["piece"]
    with flat(order), own_memory() as megabytes:
        work = work_of(order, settings)
        before = cpu_seconds()
        work()
        seconds = cpu_seconds() - before
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "megabytes": max(megabytes)}))


if __name__ == "__main__":
    main()
