"""Running a stage: once, and again only when something changed."""

import pytest

from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.stage import Done, result_of, run_stage
from dedup_pipeline.store import Store


class Work:
    """Counts how often it is done."""

    def __init__(self, store):
        self.store, self.times = store, 0

    def __call__(self):
        self.times += 1
        self.store.write_bytes("dumps/d/x/out", b"result")
        return Done({"out": "dumps/d/x/out"}, {"rows": 3})


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def test_finished_work_is_not_done_again(store):
    work = Work(store)
    first = run_stage(store, "d", "x", inputs={"a": 1}, version=1, work=work)
    second = run_stage(store, "d", "x", inputs={"a": 1}, version=1, work=work)
    assert work.times == 1
    assert (first.reused, second.reused) == (False, True)
    assert second.counts == {"rows": 3}
    assert result_of(store, "d", "x").key == first.key


@pytest.mark.parametrize(("inputs", "version"), [({"a": 2}, 1), ({"a": 1}, 2)])
def test_other_inputs_or_code_mean_work(store, inputs, version):
    work = Work(store)
    run_stage(store, "d", "x", inputs={"a": 1}, version=1, work=work)
    run_stage(store, "d", "x", inputs=inputs, version=version, work=work)
    assert work.times == 2


def test_a_lost_output_is_made_again(store):
    work = Work(store)
    run_stage(store, "d", "x", inputs={}, version=1, work=work)
    store.remove("dumps/d/x/out")
    run_stage(store, "d", "x", inputs={}, version=1, work=work)
    assert work.times == 2


def test_failed_work_leaves_no_manifest_even_over_an_older_one(store):
    run_stage(store, "d", "x", inputs={"a": 1}, version=1, work=Work(store))

    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_stage(store, "d", "x", inputs={"a": 2}, version=1, work=fail)
    with pytest.raises(NotReadyError, match="run `dedup x` first"):
        result_of(store, "d", "x")


def test_inputs_are_asked_for_only_when_they_matter(store):
    asked = []
    work = Work(store)

    def inputs():
        asked.append(work.times)
        return {"digest": 1}

    first = run_stage(store, "d", "x", inputs=inputs, version=1, work=work)
    assert asked == [1]  # after the work
    again = run_stage(store, "d", "x", inputs=inputs, version=1, work=work)
    assert asked == [1, 1]
    assert (again.reused, again.key) == (True, first.key)
    assert first.key == run_stage(store, "d", "x", inputs={"digest": 1}, version=1, work=work).key
