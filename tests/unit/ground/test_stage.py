"""Running a stage: once, and again only when something changed."""

from pathlib import Path

import pytest

from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, check_inputs, result_of, run_stage

NEW = ("files", "sha256")  # in a manifest, since files are compared with it


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


def damaged(store, path, way):
    """Damage a file behind the store's back."""
    file = Path(store.url(path))
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        {
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "cut": data[:middle],
            "empty": b"",
        }[way]
    )


@pytest.mark.parametrize("way", ["flipped", "cut", "empty"])
@pytest.mark.parametrize("path", ["dumps/d/x/out", "dumps/d/x/manifest.json"])
def test_a_damaged_file_is_made_anew(store, path, way):
    work = Work(store)
    first = run_stage(store, "d", "x", inputs={}, version=1, work=work)
    damaged(store, path, way)
    again = run_stage(store, "d", "x", inputs={}, version=1, work=work)
    assert (work.times, again.reused, again.key) == (2, False, first.key)
    assert store.read_bytes("dumps/d/x/out") == b"result"
    assert run_stage(store, "d", "x", inputs={}, version=1, work=work).reused


def test_whoever_asks_on_the_way_compares_sizes(store):
    work = Work(store)
    run_stage(store, "d", "x", inputs={}, version=1, work=work)
    damaged(store, "dumps/d/x/out", "flipped")
    assert run_stage(store, "d", "x", inputs={}, version=1, work=work, sizes_only=True).reused
    damaged(store, "dumps/d/x/out", "cut")
    assert not run_stage(store, "d", "x", inputs={}, version=1, work=work, sizes_only=True).reused


def test_a_damaged_file_of_an_earlier_stage_is_named_and_what_to_run(store):
    run_stage(store, "d", "x", inputs={}, version=1, work=Work(store))
    damaged(store, "dumps/d/x/out", "flipped")
    told = r"dumps/d/x/out is damaged .*: run `dedup x` for dump d again"
    with pytest.raises(DamagedError, match=told) as caught:
        check_inputs(store, result_of(store, "d", "x"))
    assert not caught.value.retryable
    with pytest.raises(DamagedError, match=told):
        store.read_bytes("dumps/d/x/out")
    damaged(store, "dumps/d/x/manifest.json", "flipped")
    with pytest.raises(DamagedError, match=r"manifest\.json is damaged .*: run `dedup x` for dump d again"):
        result_of(store, "d", "x")


def test_a_manifest_of_an_earlier_version_counts_when_its_outputs_are_there(store):
    work = Work(store)
    first = run_stage(store, "d", "x", inputs={}, version=1, work=work)
    old = {name: value for name, value in store.read_json("dumps/d/x/manifest.json").items() if name not in NEW}
    store.write_json("dumps/d/x/manifest.json", old)
    damaged(store, "dumps/d/x/out", "cut")
    again = run_stage(store, "d", "x", inputs={}, version=1, work=work)
    assert (again.reused, again.key) == (True, first.key)
    store.remove("dumps/d/x/out")
    assert not run_stage(store, "d", "x", inputs={}, version=1, work=work).reused
