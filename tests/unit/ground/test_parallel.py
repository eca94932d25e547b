"""Work in threads."""

import gc
import sys
import threading
import time

import pytest

from dedup_pipeline.compute.threads import map_ahead


def test_results_come_in_order_and_little_is_begun_ahead():
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.001 * (number % 3))
        return number * number

    results = map_ahead(work, range(1000), 2)
    assert [next(results) for _ in range(10)] == [number * number for number in range(10)]
    assert len(begun) <= 30
    results.close()
    assert len(begun) <= 30


def test_an_error_comes_when_it_is_its_turn():
    results = map_ahead(lambda number: 1 // (3 - number), range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_is_let_go_in_one_of_its_own_threads_ends_without_a_word(monkeypatch):
    """A process that is asked to end leaves its work in cycles, and any thread may come to collect them."""
    ignored: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: ignored.append(str(unraisable.exc_value)))
    let_go, collected = threading.Event(), []

    def work(number):
        if number:
            let_go.wait(10)
            collected.append(gc.collect())
        return number

    def leave():
        results = map_ahead(work, range(30), 2)
        assert next(results) == 0
        cycle = [results]
        cycle.append(cycle)

    gc.disable()
    try:
        leave()
        let_go.set()
        until = time.monotonic() + 10
        while not any(collected) and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        gc.enable()
    assert any(collected)
    assert ignored == []
