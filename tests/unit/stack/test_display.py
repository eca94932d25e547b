import io
import time
from datetime import UTC, datetime, timedelta

from rich.console import Console

from dedup_pipeline.stack.display import RunDisplay, summarise
from dedup_pipeline.stack.records import TaskInstance

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORDER = {"index": [], "fetch": ["index"], "ingest": ["fetch"]}


def instance(task_id, state, *, map_index=-1, start=None, end=None):
    at = [None if second is None else START + timedelta(seconds=second) for second in (start, end)]
    return TaskInstance(task_id, map_index, None, state, 1, None, *at)


def half_way():
    return [
        instance("index", None),
        instance("fetch", "success", map_index=0, start=3, end=8),
        instance("fetch", "running", map_index=1, start=4, end=9),
        instance("fetch", None, map_index=2),
        instance("ingest", "success", start=0, end=2.5),
    ]


def test_tasks_stand_in_the_order_they_run_in():
    assert [line.task_id for line in summarise(ORDER, half_way())] == ["ingest", "fetch", "index"]


def test_a_mapped_task_is_one_line_with_its_count():
    fetch = summarise(ORDER, half_way())[1]
    assert (fetch.state, fetch.count, fetch.seconds) == ("running", "1/3", 6.0)


def test_one_failed_instance_makes_the_task_failed():
    instances = [instance("fetch", "success", map_index=0), instance("fetch", "failed", map_index=1)]
    assert summarise({"fetch": []}, instances)[0].state == "failed"


def test_a_task_that_was_skipped_is_done():
    line = summarise({"approve": []}, [instance("approve", "skipped")])[0]
    assert (line.state, line.done) == ("skipped", 1)


def test_without_a_terminal_every_change_is_a_line_once():
    out = io.StringIO()
    lines = summarise(ORDER, half_way())
    with RunDisplay(Console(file=out, width=80), time.monotonic()) as display:
        display.show(lines)
        display.show(lines)
        display.finish(lines)
    shown = [line.split("s  ", 1)[1] for line in out.getvalue().splitlines()]
    assert [" ".join(line.split()) for line in shown] == ["ingest success 2.5 s", "fetch running 1/3"]


def test_in_a_terminal_the_last_state_of_every_task_stays():
    out = io.StringIO()
    lines = summarise(ORDER, half_way())
    with RunDisplay(Console(file=out, width=80, force_terminal=True), time.monotonic()) as display:
        display.show(lines)
        display.finish(lines)
    left = out.getvalue().splitlines()[-4:]
    assert "ingest" in left[1]
    assert "1/3" in left[2]
    assert "waiting" in left[3]
