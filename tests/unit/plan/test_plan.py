"""Plans: how they grow, what they refuse, and that they say what was measured."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.plan import Cluster, Workload, load_costs, make_plan
from dedup_pipeline.plan import steps as forms
from dedup_pipeline.plan.costs import Catalog, Fetching, Origin, Stored, UnitCosts, Workflow
from dedup_pipeline.plan.learn import fitted, scaled
from dedup_pipeline.plan.observe import Observation, Observed
from dedup_pipeline.plan.steps import BY_NAME, STEPS, joined, ordered, pieces
from dedup_pipeline.stages.fetch import photos
from dedup_pipeline.stages.index.ivf_cells import cell_count
from dedup_pipeline.stages.match import merge_parts, partition

HOUR = 3600.0
SETTINGS = load_settings(["index.library=faiss"])  # at any size: where `auto` changes to it, less is taken
# rounder than any measurement, so that what is reckoned can be said by heart
COSTS = UnitCosts(
    origin=Origin(machine="toy", taken="2018-10-05", commit="", images=[1], command="by hand", settings={}),
    catalog=Catalog(vectors=0.9, nodes=0.8, candidates=10.0, aligned=2.0),
    seconds={step.name: {driver: 0.5 if driver == "task" else 1e-5 for driver in step.seconds} for step in STEPS},
    memory={step.name: {driver: 1e8 if driver == "task" else 1e3 for driver in step.memory} for step in STEPS},
    stored={"images": Stored(driver="images", bytes=30_000), "listings": Stored(driver="rows", bytes=100)},
    fetching=Fetching(latency=0.02),
    workflow=Workflow(task_seconds=2.0, tasks=20),
)

counts = st.integers(1, 50_000_000)
workers = st.integers(1, 500)


def reckoned(rows=1000, images=1000, *, new=None, shard=0, costs=COSTS, settings=SETTINGS, **cluster):
    work = Workload(rows, images, images if new is None else new, shard)
    return make_plan(work, Cluster(**{"memory": 1e6} | cluster), costs, settings)


def hours_of(plan):
    return {step.step: step.hours for step in plan.steps}


def not_less(more, less):
    """Every step takes at least as long, but for the last digits."""
    after, before = hours_of(more), hours_of(less)
    assert all(after[name] >= before[name] * (1 - 1e-9) for name in before), (before, after)
    assert more.workflow_hours >= less.workflow_hours


@example(rows=1, images=1335, more=16, shard=1351, many=1)  # a cell more, and less to look at
@given(rows=counts, images=counts, more=counts, shard=st.integers(1000, 10_000_000), many=workers)
def test_more_images_never_take_less(rows, images, more, shard, many):
    less, grown = (reckoned(rows, n, shard=shard, workers=many) for n in (images, images + more))
    # where faiss makes one cell more a query looks at a little less, by its share; a shard may be half full
    share = 1 / cell_count(min(images, shard) // 2)
    saved = share * next(step.core_hours for step in less.steps if step.step == "index")
    assert grown.core_hours >= (less.core_hours - saved) * (1 - 1e-9)
    assert sum(grown.stored.values()) > sum(less.stored.values())
    for step in ("fetch", "fingerprint", "embed", "index", "match", "match-plan"):
        least = 1 - (share if step == "index" else 0.0) - 1e-9
        assert hours_of(grown)[step] >= hours_of(less)[step] * least, step


@given(rows=counts, more=counts, images=counts, shard=st.integers(1000, 10_000_000), many=workers)
def test_more_rows_never_take_less(rows, more, images, shard, many):
    not_less(*(reckoned(n, images, shard=shard, workers=many) for n in (rows + more, rows)))


@given(images=counts, new=st.integers(0, 50_000_000), more=st.integers(0, 50_000_000), many=workers)
def test_more_new_images_never_take_less(images, new, more, many):
    new = min(new, images)
    not_less(*(reckoned(images, images, new=n, workers=many) for n in (min(new + more, images), new)))


@given(rows=counts, images=counts, shard=st.integers(0, 10_000_000), many=workers, more=workers)
def test_more_workers_are_never_slower(rows, images, shard, many, more):
    not_less(*(reckoned(rows, images, shard=shard, workers=n) for n in (many, many + more)))


@given(images=counts, cores=st.integers(1, 64), more=st.integers(0, 64))
def test_more_cores_are_never_slower(images, cores, more):
    not_less(*(reckoned(images=images, cores=n, workers=3) for n in (cores, cores + more)))


@given(rows=counts, images=counts, memory=st.floats(1, 1000), cores=st.integers(1, 64))
def test_what_runs_at_once_fits_a_worker(rows, images, memory, cores):
    try:
        plan = reckoned(rows, images, memory=memory, cores=cores)
    except InputError:
        assert rows * 1e3 + 1.5e8 > memory * 1e9  # the ingest reads all rows, however the dump is cut
        return
    assert plan.shards == -(-images // plan.shard_images)
    for step in plan.steps:
        assert step.at_once <= cores
        assert step.gigabytes * step.at_once <= memory * (1 + 1e-9), step


@given(rows=counts, images=counts, many=workers)
def test_sums_are_those_of_the_parts(rows, images, many):
    plan = reckoned(rows, images, workers=many)
    told = plan.to_dict()
    assert told["hours"] == pytest.approx(sum(plan.stage_hours().values()) + plan.workflow_hours)
    assert told["core_hours"] == pytest.approx(sum(step["core_hours"] for step in told["steps"]))
    assert told["stored_bytes_in_all"] == pytest.approx(sum(told["stored_bytes"].values()))
    # the workers do no more than they can
    for step in plan.steps:
        assert step.hours * many * step.at_once >= step.core_hours * (1 - 1e-9), step


def test_units_are_hours_gigabytes_and_bytes():
    plan = reckoned(rows=2_000_000, images=1_000_000, workers=1, cores=1)
    steps = {step.step: step for step in plan.steps}
    assert steps["ingest"].hours == pytest.approx((0.5 + 2_000_000 * 1e-5) / HOUR)
    assert steps["ingest"].gigabytes == pytest.approx((1e8 + 50_000 * 1e3 + 2_000_000 * 1e3) / 1e9)
    assert steps["fingerprint"].core_hours == pytest.approx((64 * 0.5 + 1_000_000 * 1e-5) / HOUR)
    assert steps["fingerprint"].gigabytes == pytest.approx((1e8 + 1000 * 1e3) / 1e9)  # of one pack
    vectors, compared = 900_000, 3794 + 42 * 900_000 / 3794  # centres of cells, and 42 cells
    assert steps["index"].core_hours == pytest.approx((0.5 + vectors * (1 + compared) * 1e-5) / HOUR)
    assert plan.stored == {"images": 1_000_000 * 30_000, "listings": 2_000_000 * 100}
    temporary = {step.step: step.temporary_gigabytes for step in plan.steps if step.temporary_gigabytes}
    assert temporary == {"ingest": pytest.approx(8 * 0.2)}
    known = COSTS.model_copy(update={"stored": {"verdicts": Stored(driver="candidates", bytes=80)}})
    halves = reckoned(rows=2_000_000, images=1_000_000, shard=500_000, costs=known)
    merge_parts = next(step for step in halves.steps if step.step == "match-finish")
    assert merge_parts.temporary_gigabytes == pytest.approx(1.25 * 500_000 * 10 * 80 / 1e9)  # of a shard's pairs
    # 1000 packs and 160 parts of 5000 nodes, in 64 tasks each
    assert {name: steps[name].tasks for name in ("fetch", "embed", "match", "index")} == {
        "fetch": 64, "embed": 64, "match": 64, "index": 1
    }  # fmt: skip


def test_every_part_reads_all_nodes_so_that_matching_grows_with_the_square():
    nodes = {"task": 0.0, "nodes": 1e-5, "joined": 0.0, "candidates": 0.0, "aligned": 0.0}
    costs = COSTS.model_copy(update={"seconds": COSTS.seconds | {"match": nodes}})
    small, large = (
        next(step for step in reckoned(images=images, costs=costs).steps if step.step == "match")
        for images in (1_000_000, 10_000_000)
    )
    assert large.core_hours == pytest.approx(100 * small.core_hours)


def test_a_fetch_is_bound_by_the_connections_that_hosts_allow():
    settings = load_settings(["fetch.threads=16", "fetch.connections_per_host=8"])
    one = {step.step: step for step in reckoned(images=1_000_000, latency=0.4, settings=settings).steps}["fetch"]
    assert one.bound == "connections"
    assert one.hours == pytest.approx(1_000_000 * 0.4 / 8 / HOUR)
    many = {"images": 1_000_000, "latency": 0.4, "settings": settings, "hosts": 4, "workers": 2}
    assert hours_of(reckoned(**many))["fetch"] == pytest.approx(1_000_000 * 0.4 / 32 / HOUR)
    slow = load_settings(["fetch.rate_per_host=10"])
    assert hours_of(reckoned(images=1_000_000, settings=slow))["fetch"] == pytest.approx(100_000 / HOUR)


def test_a_dump_that_fits_no_worker_is_cut_and_says_what_that_costs():
    plan = reckoned(rows=10_000, images=40_000_000, memory=4.0, workers=20)
    assert plan.shards > 1
    assert plan.shards * plan.shard_images >= 40_000_000
    assert any("duplicates across shards are not found" in note for note in plan.notes)
    assert any("no more images than rows" in note for note in plan.notes)
    whole = reckoned(rows=10_000, images=40_000_000, memory=1000.0, workers=20)
    assert whole.shards == 1
    assert not any("shards" in note for note in whole.notes)


def test_unit_costs_of_other_settings_are_said_to_be():
    origin = COSTS.origin.model_copy(update={"settings": {"index.trees": 50}})
    costs = COSTS.model_copy(update={"origin": origin})
    assert reckoned(costs=costs).notes == []
    (note,) = reckoned(costs=costs, settings=load_settings(["index.trees=10"])).notes
    assert "index.trees=50, not 10" in note


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"rows": 0}, "--rows"),
        ({"images": 0}, "--images"),
        ({"images": 10, "new": 11}, "--new-images"),
        ({"new": -1}, "--new-images"),
        ({"shard": -5}, "--shard-images"),
        ({"workers": 0}, "--workers"),
        ({"cores": -1}, "--cores-per-worker"),
        ({"memory": 0.0}, "--memory-per-worker"),
        ({"memory": math.nan}, "--memory-per-worker"),
        ({"memory": 0.05}, "'ingest' needs 0.1 GB"),
        ({"hosts": 0}, "--hosts"),
        ({"latency": 0.0}, "--latency"),
        ({"images": 10_000_000, "shard": 9_000_000, "memory": 2.0}, "--shard-images [0-9]+ or less"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(numbers, said):
    with pytest.raises(InputError, match=said) as refused:
        reckoned(**numbers)
    assert "\n" not in str(refused.value)


def test_unit_costs_are_found_again_in_runs_that_follow_them():
    true = {"task": 2.0, "nodes": 3e-6, "joined": 1.5, "candidates": 5e-5, "aligned": 8e-3}
    partition = ((500, 500, 900), (4500, 700, 1500), (20_000, 5000, 0), (80_000, 5000, 0), (900, 300, 0))
    drivers = [
        {"task": 1.0, "nodes": nodes, "joined": joined(own, nodes, 8), "candidates": 30 * own, "aligned": aligned}
        for nodes, own, aligned in partition
    ]
    seen = [Observation("match", one, BY_NAME["match"].of(one, true)) for one in drivers]
    found = fitted(seen, "match")
    assert {name: pytest.approx(value, rel=0.01) for name, value in true.items()} == found
    with pytest.raises(InputError, match="step 'index' was in none of the runs"):
        fitted(seen, "index")


def test_costs_that_are_learnt_from_a_run_say_what_the_run_took():
    drivers = {"task": 1.0, "images": 1000.0}
    took = Observation("embed", drivers, 7 * BY_NAME["embed"].of(drivers, COSTS.seconds["embed"]))
    sizes = {"rows": 1000.0, "images": 1000.0, "vectors": 1000.0, "nodes": 500.0}
    sizes |= {"candidates": 0.0, "aligned": 0.0}
    learnt = scaled(COSTS, Observed([took], sizes, {"images": ("images", 1000.0, 5e6)}), "2018-10-05", "mine")
    assert learnt.seconds["embed"] == {"task": 3.5, "images": pytest.approx(7e-5)}
    assert learnt.seconds["index"] == COSTS.seconds["index"]
    assert learnt.stored["images"].bytes == 5000
    assert learnt.stored["listings"] == COSTS.stored["listings"]
    assert learnt.catalog.nodes == 0.5
    with pytest.raises(InputError, match="no image"):
        scaled(COSTS, Observed([], sizes | {"images": 0.0}, {}), "2018-10-05", "mine")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda told: told["seconds"].pop("embed"), "none may be missing"),
        (lambda told: told["seconds"]["embed"].update(moons=1.0), "no driver moons"),
        (lambda told: told["seconds"]["embed"].update(images=-1.0), "seconds.embed.images"),
        (lambda told: told.update(surprise=1), "surprise"),
    ],
)
def test_a_file_that_holds_no_unit_costs_is_refused(tmp_path, spoil, said):
    told = json.loads(COSTS.to_json())
    spoil(told)
    (tmp_path / "costs.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match=said):
        load_costs(tmp_path / "costs.json")
    with pytest.raises(InputError, match="cannot be read"):
        load_costs(tmp_path / "nowhere.json")


def test_costs_survive_their_file(tmp_path):
    (tmp_path / "costs.json").write_text(COSTS.to_json())
    assert load_costs(tmp_path / "costs.json") == COSTS


@pytest.mark.parametrize("run", load_costs().checked, ids=lambda run: str(run.images))
def test_the_packages_costs_say_what_was_measured(run):
    match = Settings().match.model_copy(update={"part_nodes": run.part_nodes})
    settings = Settings().model_copy(update={"match": match})
    plan = reckoned(run.rows, run.images, costs=load_costs(), settings=settings, workers=1, cores=1)
    # docs/scale.md states the errors
    assert plan.core_hours * HOUR == pytest.approx(run.core_seconds, rel=0.25)
    assert run.said == pytest.approx(run.core_seconds, rel=0.5)


def test_the_packages_costs_are_measured_with_the_default_settings():
    assert make_plan(Workload(1000, 1000, 1000), Cluster(), load_costs(), Settings()).notes == []
    assert len(load_costs().checked) >= 3


def test_the_forms_know_how_much_the_steps_hold_at_a_time():
    assert photos._PIECE == forms.PIECE
    assert (partition._CELL, partition._MOST_CELLS) == (forms.CELL, forms.MOST_CELLS)
    assert (merge_parts.RANGE_ROWS, merge_parts._MOST_RANGES) == (forms.RANGE_ROWS, forms.MOST_RANGES)
    assert [pieces(rows) for rows in (1, 4_000_000, 4_000_001, 40_000_000)] == [1, 1, 2, 10]
    assert [ordered(n) for n in (10.0, 5e6, 256e6, 1e9)] == [10, 1e6, 1e6, 1e9 / 256]


def test_the_memory_of_what_works_in_pieces_does_not_grow_with_the_dump():
    small, large = (
        {step.step: step.gigabytes for step in reckoned(rows, rows).steps} for rows in (10_000_000, 20_000_000)
    )
    for step in ("fetch-plan", "fetch", "fingerprint", "embed", "index", "match-finish"):
        assert large[step] == small[step], step
    for step in ("index-plan", "match-plan", "match", "group", "export"):
        assert large[step] > small[step], step


def test_files_of_the_index_are_tasks_and_each_asks_all():
    settings = load_settings(["index.part_vectors=900000"])
    steps = {step.step: step for step in reckoned(images=4_000_000, settings=settings).steps}
    assert steps["index"].tasks == 4
    compared = 7589 + 59 * 3_600_000 / 7589
    assert steps["index"].core_hours == pytest.approx(4 * (0.5 + 900_000 * (1 + compared) * 1e-5) / HOUR)
    assert steps["index"].gigabytes == pytest.approx((1e8 + 900_000 * 1e3) / 1e9)
