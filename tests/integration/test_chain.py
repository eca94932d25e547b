"""The whole chain on the sample shop, as a person runs it."""

import csv
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from dedup_pipeline.evaluate import read_predictions, score, to_dict
from dedup_pipeline.stages.chain import STAGES

DUMP = "2018-10-05"


def test_the_json_holds_every_exact_copy_and_no_family(undisturbed, shop):
    duplicates = undisturbed.store / "exports" / DUMP / "duplicates.json"
    read = read_predictions(duplicates)
    result = to_dict(score(shop.folder, read.pairs, scored=False))
    assert result["counts"]["family_violations"] == 0
    assert result["counts"]["unknown_ids"] == 0
    assert result["photo"]["by_level"]["0"]["recall"] == 1.0
    assert result["photo"]["by_level"]["1"]["recall"] >= 0.8
    assert result["photo"]["precision"] >= 0.9


def test_the_json_and_the_accepted_pairs_say_the_same(undisturbed):
    folder = undisturbed.store / "exports" / DUMP
    duplicates = json.loads((folder / "duplicates.json").read_bytes())
    pairs = pd.read_parquet(folder / "pairs.parquet")
    accepted = pairs[pairs["accepted"]]
    assert {(a, b) for a, others in duplicates.items() for b in others if a < b} == set(
        zip(accepted["id_a"], accepted["id_b"], strict=True)
    )
    for listing, others in duplicates.items():
        assert others == sorted(set(others))
        assert all(listing in duplicates[other] for other in others)
    as_text = pd.read_csv(folder / "pairs.csv", keep_default_na=False)
    assert as_text["id_a"].tolist() == pairs["id_a"].tolist()
    assert as_text["score"].tolist() == pytest.approx(pairs["score"].tolist())


def test_what_is_to_be_reviewed_agrees_with_the_pairs_and_the_summary(undisturbed):
    folder = undisturbed.store / "exports" / DUMP
    review = pd.read_csv(folder / "review.csv", keep_default_na=False)
    pairs = pd.read_parquet(folder / "pairs.parquet").set_index(["id_a", "id_b"])
    told = pairs.loc[list(zip(review["id_a"], review["id_b"], strict=True))]
    assert (review["accepted"] == "yes").tolist() == told["accepted"].tolist()
    assert review["reason"].str.contains("contradicts").tolist() == told["suspicious"].tolist()
    uncertain = review[review["reason"].str.contains("uncertain")]
    assert uncertain["probability"].between(0.1, 0.9).all()
    counted = json.loads((folder / "summary.json").read_bytes())["export"]
    assert counted["review_rows"] == len(review)
    assert counted["uncertain_photo_pairs"] >= len(uncertain)
    assert counted["suspicious_photo_pairs"] == review["reason"].str.contains("contradicts").sum()


def test_rows_are_listings_and_rejects_and_the_summary_says_so(undisturbed, shop):
    summary = json.loads((undisturbed.store / "exports" / DUMP / "summary.json").read_bytes())
    known = json.loads((shop.folder / "counts.json").read_text())
    read = summary["ingest"]
    assert read["rows"] == known["rows"] == read["listings"] + read["rejects"]
    assert read["rejects_by_reason"]["malformed"] == known["malformed_lines"]
    assert read["rejects_by_reason"]["repeated-id"] == known["repeated_rows"]
    rejects = pd.read_parquet(undisturbed.store / "dumps" / DUMP / "ingest" / "rejects.parquet")
    lines = shop.catalog.read_text(encoding="utf-8").splitlines()
    for row, listing in zip(rejects["row"], rejects["listing_id"], strict=True):
        assert listing is None or str(listing) in lines[row - 1]


def test_placeholders_are_in_no_group(undisturbed, shop):
    photos = pd.read_csv(shop.folder / "photos.csv", dtype=str, keep_default_na=False)
    placeholders = set(photos.loc[photos["kind"] == "placeholder", "productId"])
    pairs = pd.read_parquet(undisturbed.store / "exports" / DUMP / "pairs.parquet")
    assert placeholders
    assert placeholders.isdisjoint(set(pairs["id_a"]) | set(pairs["id_b"]))


def test_groups_have_one_canonical_listing_each(undisturbed):
    groups = pd.read_parquet(undisturbed.store / "exports" / DUMP / "groups.parquet")
    assert (groups.groupby("group_id")["canonical"].sum() == 1).all()
    assert (groups.groupby("group_id")["family_id"].nunique() > 1).all()
    assert groups["listing_id"].is_unique


def test_running_again_does_nothing_and_says_so(undisturbed, shop):
    before = undisturbed.exports()
    said = undisturbed("run", "--catalog", str(shop.catalog), "--model", "train")
    assert said.count("done before") >= len(STAGES)
    assert undisturbed.exports() == before


@pytest.mark.parametrize("form", ["canonical", "separate"])
def test_the_json_comes_in_other_forms(undisturbed, form, tmp_path):
    groups = pd.read_parquet(undisturbed.store / "exports" / DUMP / "groups.parquet")
    canonical = set(groups.loc[groups["canonical"], "listing_id"])
    before = undisturbed.exports()
    undisturbed("export", "--dump", DUMP, "--set", f"export.form={form}")
    found = json.loads(undisturbed.exports()["duplicates.json"])
    undisturbed("export", "--dump", DUMP)
    assert set(found) == canonical
    single = [isinstance(other, list) and len(other) == 1 for others in found.values() for other in others]
    assert all(single) if form == "separate" else not any(single)
    assert undisturbed.exports() == before


def test_two_runs_from_nothing_give_the_same_bytes(undisturbed, dedup_in, shop, tmp_path):
    other = dedup_in(tmp_path / "store")
    other("run", "--catalog", str(shop.catalog), "--model", "train")
    assert other.exports() == undisturbed.exports()


def test_a_run_killed_in_every_stage_gives_the_same_bytes(undisturbed, dedup_in, shop, tmp_path):
    dedup = dedup_in(tmp_path / "store")
    chance = random.Random(5)
    killed = []
    for stage in STAGES:
        if _killed_in(dedup, shop, stage, chance):
            killed.append(stage)
    dedup("run", "--catalog", str(shop.catalog), "--model", "train")
    assert {"fetch", "train", "embed", "match"} <= set(killed), killed
    assert dedup.exports() == undisturbed.exports()
    assert _mlflow_states(dedup.store) == {"train": ["FINISHED"], "record": ["FINISHED"]}


def _killed_in(dedup, shop, stage: str, chance: random.Random) -> bool:
    """Start the run, kill it when the stage is under way; false when the stage was over too soon."""
    words = dedup.command("run", "--catalog", str(shop.catalog), "--model", "train")
    process = subprocess.Popen(
        words, env=dedup.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    names = list(STAGES)
    before = names[names.index(stage) - 1] if names.index(stage) else None
    try:
        while process.poll() is None:
            if _under_way(dedup.store, stage, before):
                time.sleep(chance.uniform(0, 0.05 if stage in {"fetch", "embed"} else 0.3))  # these are soon over
                break
            time.sleep(0.005)
        finished = _manifest(dedup.store, stage).exists()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return not finished


def _manifest(store: Path, stage: str, dump: str = DUMP) -> Path:
    return store / "dumps" / dump / stage / "manifest.json"


def _under_way(store: Path, stage: str, before: str | None) -> bool:
    if before is not None and not _manifest(store, before).exists():
        return False
    if stage == "fetch":  # its one pack is written at its very end
        return _manifest(store, stage).with_name("plan.json").exists()
    if stage == "train":  # in the middle of the second epoch
        return any((store / "trainings").rglob("*.ckpt"))
    return True


def _mlflow_states(store: Path) -> dict[str, list[str]]:
    """The states of all MLflow runs, by the stage that made them."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{store}/mlflow/mlflow.db")
    states: dict[str, list[str]] = {}
    for run in client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]):
        states.setdefault(run.data.tags["stage"], []).append(run.info.status)
    return states


EARLIER = "2018-10-04"


@pytest.fixture(scope="module")
def two_dumps(dedup_in, shop, tmp_path_factory):
    """A store after a dump and, the next day, the same with a few more listings; and its packs after the first."""
    folder = tmp_path_factory.mktemp("two")
    dedup = dedup_in(folder / "store")
    smaller = folder / f"dump-{EARLIER}.csv"
    _first_rows(shop.catalog, smaller, share=0.9)
    dedup("run", "--catalog", str(smaller))
    packs = {file: file.stat().st_mtime_ns for file in (folder / "store" / "packs").rglob("*") if file.is_file()}
    dedup("run", "--catalog", str(shop.catalog))
    return dedup, packs


def _counts(store: Path, stage: str, dump: str = DUMP):
    return json.loads(_manifest(store, stage, dump).read_bytes())["counts"]


def test_a_second_dump_works_only_on_what_is_new(two_dumps):
    dedup, packs = two_dumps
    first, later = (_counts(dedup.store, "fetch", dump) for dump in (EARLIER, DUMP))
    assert later["reused"] == first["ok"]
    assert 0 < later["fetched_now"] <= later["photos"] - first["photos"]
    assert _counts(dedup.store, "train")["trained"] == 0
    assert _counts(dedup.store, "embed")["packs_reused"] >= 1
    assert {file: file.stat().st_mtime_ns for file in packs} == packs
    matched = _counts(dedup.store, "match")
    assert 0 < matched["laid"] < matched["aligned"] / 2
    groups = {d: pd.read_parquet(dedup.store / "exports" / d / "groups.parquet") for d in (EARLIER, DUMP)}
    first, second = (frame.set_index("listing_id")["group_id"] for frame in groups.values())
    both = first.index.intersection(second.index)
    assert len(both) > 5
    assert (first[both] == second[both]).mean() > 0.9


def test_a_second_dump_says_what_its_verdicts_were_calibrated_on(two_dumps):
    from mlflow.tracking import MlflowClient

    dedup, _ = two_dumps
    for dump in (EARLIER, DUMP):
        told = json.loads((dedup.store / "exports" / dump / "summary.json").read_bytes())["match"]
        assert told["calibrated_on"] == EARLIER
        assert (told["changed_since"] > 0) == (dump == DUMP)
        assert told["changed_since"] < 0.1
    client = MlflowClient(f"sqlite:///{dedup.store}/mlflow/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    recorded = {run.data.params["dump_id"]: run.data.params for run in runs if run.data.tags["stage"] == "record"}
    assert {dump: known["calibrated_on"] for dump, known in recorded.items()} == {EARLIER: EARLIER, DUMP: EARLIER}
    tags = client.get_model_version("embedder", _counts(dedup.store, "train")["model_version"]).tags
    assert (tags["matched"], tags["calibrated_on"]) == (DUMP, EARLIER)


def test_exports_do_not_depend_on_what_earlier_dumps_have_laid(two_dumps, shop):
    dedup, _ = two_dumps
    before, laid = dedup.exports(), _counts(dedup.store, "match")["laid"]
    folder = dedup.store / "dumps" / DUMP / "match"
    for file in [*(dedup.store / "dumps").rglob("laid-*.parquet"), *folder.glob("manifest*.json")]:
        file.unlink()
    dedup("run", "--catalog", str(shop.catalog))
    matched = _counts(dedup.store, "match")
    assert laid < matched["laid"] == matched["aligned"]
    assert dedup.exports() == before


def _first_rows(catalog: Path, target: Path, share: float) -> None:
    lines = catalog.read_text(encoding="utf-8").splitlines(keepends=True)
    target.write_text("".join(lines[: round(len(lines) * share)]), encoding="utf-8")


def test_verify_and_lookup_answer_from_the_run(undisturbed, shop):
    truth = pd.read_csv(shop.folder / "truth.csv", dtype=str)
    photos = pd.read_parquet(undisturbed.store / "dumps" / DUMP / "fetch" / "photos.parquet").set_index("photo_url")
    listings = pd.read_parquet(undisturbed.store / "dumps" / DUMP / "ingest" / "listings.parquet")
    url_of = listings.set_index("listing_id")["photo_url"].map(photos["url"])
    copy = truth[truth["level"] == "1"].iloc[0]
    same = json.loads(undisturbed("verify", url_of[copy.id_a], url_of[copy.id_b], "--json"))
    assert same["same"]
    assert same["probability"] >= same["threshold"]
    others = listings[listings["category"] != listings.set_index("listing_id")["category"][copy.id_a]]
    stranger = next(url for url in others["listing_id"].map(url_of).dropna() if photos["status"].get(url) == "ok")
    different = json.loads(undisturbed("verify", url_of[copy.id_a], stranger, "--json", status=1))
    assert not different["same"]
    near = json.loads(undisturbed("lookup", url_of[copy.id_a], "--json", "--count", "20"))
    assert near[0]["distance"] < 1e-3
    assert copy.id_a in {found["listing_id"] for found in near[:8]}
    assert [found["distance"] for found in near] == sorted(found["distance"] for found in near)


def test_bad_input_ends_with_one_sentence_and_status_two(undisturbed, tmp_path):
    no_picture = tmp_path / "page.jpg"
    no_picture.write_text("<html>sorry</html>")
    said = undisturbed("verify", str(no_picture), str(tmp_path / "missing.jpg"), status=2)
    assert said.startswith("dedup: ")
    assert "Traceback" not in said
    empty = tmp_path / "2018-01-01.csv"
    empty.write_text("")
    assert "Traceback" not in undisturbed("run", "--catalog", str(empty), status=2)
    with empty.open("w", newline="") as file:
        csv.writer(file).writerows([["sku", "photo"], ["1", "http://example.test/a.jpg"]])
    said = undisturbed("ingest", "--catalog", str(empty), "--dump", "x", status=2)
    assert "productId" in said
