"""The benchmark suite: its frame on a toy claim with real processes, and this project's side of every claim."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dedup_pipeline.augmentation.edits import encode
from tiny_shop import draw_product

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

# every contender notes that it ran; most take the seconds that they are told, so that ratios are known
SCRIPTED = """\
import json, sys
from pathlib import Path

data, results, name, *seconds = sys.argv[1:]
log = Path(__file__).with_name("order.txt")
ran = log.read_text().split() if log.exists() else []
log.write_text(" ".join([*ran, name]))
took = float(seconds[ran.count(name)])
if took < 0:
    sys.exit(f"{name} has no licence")
told = {"seconds": took, "cpu_seconds": 2 * took, "megabytes": 1, "figures": {"items": 7}, "versions": {"toy": "1.2"}}
(results := Path(results)).joinpath("result.json").write_text(json.dumps(told))
results.joinpath("answer.txt").write_text(Path(data, "question.txt").read_text())
"""
CHILD = """\
import subprocess, sys
sys.path.append({contenders!r})
from contender import Contest

held = bytearray(b"1" * 60_000_000)
contest = Contest()
HOLD = "import time; held = bytearray(b'1' * 60_000_000); time.sleep(0.5)"
with contest.timed("first"):
    subprocess.run([sys.executable, "-c", HOLD], check=True)
with contest.timed("second", share=0.25):
    sum(range(10_000))
(contest.results / "answer.txt").write_text("41")
contest.report("psutil", pieces=3)
"""
THREADED = """\
import sys, threading
sys.path.append({contenders!r})
from contender import Contest


def busy():
    sum(range(1_000_000))


contest = Contest()
with contest.timed():
    thread = threading.Thread(target=busy)
    thread.start()
    thread.join()
(contest.results / "answer.txt").write_text("42")
contest.report("psutil")
"""
TOY = """\
from pathlib import Path

from claims.claim import Claim, Contender, Size
from claims.targets import as_fast_as, at_least, at_most, exponent_below, memory_below, memory_grows_below

HERE = Path(__file__).parent
SCRIPTED = str(HERE / "scripted.py")


def make(folder, items, materials):
    if items == 13:
        raise OSError("no room")
    (folder / "question.txt").write_text("42")
    return f"{{items}} questions"


def check(data, results):
    right = (results / "answer.txt").read_text() == (data / "question.txt").read_text()
    return {{"recall": float(right)}}


CLAIMS = (
    Claim(
        name="toy", text="it is fast", noun="questions", make=make, check=check,
        ours=Contender("this project", SCRIPTED, arguments=("ours", {ours})),
        peers=({peers}),
        quick=(Size(10, rounds=2), ), full=(Size(10, rounds=2), Size(100, rounds=1)),
        targets=(
            as_fast_as("twice scripted", 2.0, "scripted"),
            as_fast_as("three times scripted", 3.0, "scripted"),
            as_fast_as("ten times who is right", 10.0, recall=1.0),
            as_fast_as("as fast as who is absent", 1.0, "absent"),
            at_least("right", "recall", 1.0),
            at_most("few", "items", 7.0),
            at_most("fewer", "items", 6.0),
            at_most("untold", "nothing", 6.0),
            memory_below("little memory", 1000),
            memory_grows_below("no more memory", 10.0),
            exponent_below("linear", 1.1),
            exponent_below("linear by CPU seconds", 1.4, "cpu_seconds"),
            exponent_below("constant by a figure", 0.0, "items"),
        ),
    ),
)
"""
PLAYED = 'Contender("scripted", SCRIPTED, arguments=("peer", "6.0", "4.0")),'
FAILING = """
    Contender("failing", SCRIPTED, arguments=("failing", "-1")),
    Contender("absent", SCRIPTED, str(HERE / "absent.txt")),
    Contender("silent", str(HERE / "silent.py")),
    Contender("hanging", str(HERE / "hanging.py")),
    Contender("with a child", str(HERE / "child.py")),
"""


def toy(folder: Path, ours: str, peers: str) -> Path:
    """A file with one claim, and what it needs."""
    (folder / "scripted.py").write_text(SCRIPTED)
    (folder / "child.py").write_text(CHILD.format(contenders=str(BENCHMARKS / "contenders")))
    (folder / "silent.py").write_text("")
    (folder / "hanging.py").write_text("import time\ntime.sleep(600)\n")
    (folder / "absent.txt").write_text("./no-such-folder\n")
    (folder / "toy.py").write_text(TOY.format(ours=ours, peers=peers))
    return folder / "toy.py"


def bench(tmp_path: Path, *options: object) -> subprocess.CompletedProcess[str]:
    places = ["--cache", tmp_path / "cache", "--environments", tmp_path / "environments"]
    words = [sys.executable, BENCHMARKS / "bench.py", *places, *options]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=ROOT)


def results(tmp_path: Path, mode: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((tmp_path / "cache" / mode / "results.json").read_text())
    return read


def met(read: dict[str, Any], size: int) -> dict[str, bool | None]:
    return {one["text"]: one["met"] for one in read["targets"] if one["size"] == size}


@pytest.mark.slow
def test_pairs_take_turns_and_a_failing_peer_is_a_row_that_says_why(tmp_path):
    claims = toy(tmp_path, '"1.0", "2.0", "1.0", "1.0", "1.0", "1.0", "1.0"', PLAYED + FAILING)
    done = bench(tmp_path, "--quick", "--claims", claims, "--timeout", 10)
    assert done.returncode == 0, done.stderr
    # ours before each; who failed, or has no environment, is not run again; silent, hanging and child note nothing
    assert (tmp_path / "order.txt").read_text().split() == [
        "ours", "peer", "ours", "failing", "ours", "ours", "ours", "ours", "peer", "ours"
    ]  # fmt: skip
    read = results(tmp_path, "quick")
    (outcome,) = read["outcomes"]
    rows = {row["name"]: row for row in outcome["peers"]}
    assert rows["scripted"]["ratios"] == rows["scripted"]["cpu_ratios"] == [6.0, 4.0]
    assert "failing has no licence" in rows["failing"]["error"]
    assert "its environment cannot be made" in rows["absent"]["error"]
    assert "its result cannot be read" in rows["silent"]["error"]
    assert "it was not done after 10 seconds" in rows["hanging"]["error"]
    assert all(not rows[name]["runs"] for name in ("failing", "absent", "silent", "hanging"))
    assert all(f"{name}: " in done.stdout for name in ("failing", "absent", "silent", "hanging"))
    run = rows["with a child"]["runs"][0]
    assert run["megabytes"] > 120  # its own 60 and its child's
    assert run["seconds"] == pytest.approx(run["figures"]["first seconds"] + run["figures"]["second seconds"])
    assert run["figures"] | {"first seconds": 0, "second seconds": 0} == {
        "first seconds": 0, "second seconds": 0, "share done": 0.25, "pieces": 3, "recall": 0.0
    }  # fmt: skip
    assert set(run["versions"]) == {"psutil"}
    assert {"processor", "cores", "memory_gb", "load_before", "load_after", "python", "taken"} <= set(
        outcome["machine"]
    )
    assert "| toy, 10 questions | scripted (toy 1.2) | 5 of 2 | 2 | 5.00 (4.00 to 6.00) |" in done.stdout
    assert done.stdout.strip() == (tmp_path / "cache" / "quick" / "table.md").read_text().strip()
    assert not list((tmp_path / "cache").glob("data-*"))


def test_targets_are_judged_by_the_pairs(tmp_path):
    done = bench(tmp_path, "--claims", toy(tmp_path, '"2.0", "2.0", "40.0"', PLAYED.replace('"4.0"', '"4.0", "100"')))
    assert done.returncode == 0, done.stderr
    read = results(tmp_path, "full")
    assert met(read, 10) == {
        "twice scripted": True,  # 3 and 2: median 2.5
        "three times scripted": False,
        "ten times who is right": False,
        "as fast as who is absent": None,
        "right": True,
        "few": True,
        "fewer": False,
        "untold": False,
        "little memory": True,
        "no more memory": None,
        "linear": None,
        "linear by CPU seconds": None,
        "constant by a figure": None,
    }
    assert met(read, 100)["linear"] is False  # 20 times the seconds for 10 times the questions
    assert met(read, 100)["no more memory"] is True
    assert met(read, 100)["linear by CPU seconds"] is True
    assert met(read, 100)["constant by a figure"] is True
    assert "**missed**: toy, 100: linear: 1.3\n" in done.stdout


def test_what_was_measured_is_kept_and_the_rest_is_added(tmp_path):
    claims = toy(tmp_path, '"2.0", "2.0", "40.0"', PLAYED.replace('"4.0"', '"4.0", "100"'))
    assert bench(tmp_path, "--claims", claims, "--sizes", 100, "--rounds", 1).returncode == 0
    (first,) = results(tmp_path, "full")["outcomes"]
    done = bench(tmp_path, "--claims", claims, "--add")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "order.txt").read_text().split() == ["ours", "peer", "ours", "peer", "ours", "peer"]
    small, large = results(tmp_path, "full")["outcomes"]
    assert large == first
    assert small["size"] == 10
    assert small["peers"][0]["cpu_ratios"] == [2.0, 2.5]
    assert met(results(tmp_path, "full"), 100)["linear"] is True  # over the size that was added
    assert done.stdout.count(" commit ") == 2
    before = (tmp_path / "cache" / "full" / "table.md").read_text()
    assert bench(tmp_path, "--claims", claims, "--add", "--only", "toy").stdout.strip() == before.strip()
    assert len((tmp_path / "order.txt").read_text().split()) == 6


def test_where_this_project_fails_its_row_says_why_and_its_targets_are_missed(tmp_path):
    done = bench(tmp_path, "--quick", "--claims", toy(tmp_path, '"-1"', PLAYED))
    assert done.returncode == 0, done.stderr
    read = results(tmp_path, "quick")
    assert "ours has no licence" in read["outcomes"][0]["ours"]["error"]
    assert len(read["outcomes"][0]["peers"][0]["runs"]) == 2
    assert read["outcomes"][0]["peers"][0]["ratios"] == []
    assert met(read, 10)["twice scripted"] is False


def test_a_claim_without_data_is_a_row_that_says_why(tmp_path):
    done = bench(tmp_path, "--sizes", 13, 10, "--rounds", 1, "--claims", toy(tmp_path, '"1.0"', PLAYED))
    assert done.returncode == 0, done.stderr
    measured, without = results(tmp_path, "full")["outcomes"]
    assert without["ours"]["error"] == "the claim cannot be measured: no room"
    assert len(measured["ours"]["runs"]) == 1


def test_alone_it_needs_no_peers(tmp_path):
    done = bench(tmp_path, "--quick", "--alone", "--claims", toy(tmp_path, '"1.0", "3.0"', PLAYED))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "order.txt").read_text().split() == ["ours", "ours"]
    assert "| toy, 10 questions | this project (toy 1.2) | 2 of 2 | 5 | - |" in done.stdout


def test_a_profile_tells_the_functions_of_all_threads_and_counts_for_nothing_else(tmp_path):
    claims = toy(tmp_path, '"1.0", "3.0"', PLAYED)
    (tmp_path / "scripted.py").write_text(THREADED.format(contenders=str(BENCHMARKS / "contenders")))
    done = bench(tmp_path, "--quick", "--alone", "--rounds", 1, "--profile", "--claims", claims)
    assert done.returncode == 0, done.stderr
    found = (tmp_path / "cache" / "quick" / "profiles" / "toy-10.txt").read_text()
    assert re.search(r"scripted\.py: busy$", found, re.MULTILINE)
    assert len(results(tmp_path, "quick")["outcomes"][0]["ours"]["runs"]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "nothing"], "no claim nothing: there are ingest"),
        (["--photos", "nowhere"], "no file nowhere/catalog"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(tmp_path, options, message):
    done = bench(tmp_path, *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "cache").exists()


def test_the_readme_lists_the_claims_and_every_script_and_requirement_is_used(tmp_path):
    listed = [line.partition(": ") for line in bench(tmp_path, "--list").stdout.splitlines()]
    section = (BENCHMARKS / "README.md").read_text().partition("## Speed and memory")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE)
    assert dict(rows) == {name: text for name, _, text in listed}
    named = "".join(file.read_text() for file in (BENCHMARKS / "claims").glob("*.py"))
    contenders = BENCHMARKS / "contenders"
    assert {file.name for file in contenders.glob("*.py") if f'"{file.name}"' not in named} == {
        "contender.py", "found.py", "own_store.py", "staged.py", "training_batches.py"
    }  # fmt: skip
    for source in contenders.glob("*.in"):
        pinned = source.with_suffix(".txt").read_text().splitlines()
        assert f'"contenders/{source.stem}.txt"' in named
        assert source.read_text().splitlines()[0].split()[0].lower() in pinned


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder in the truth format, as far as the benchmarks read it."""
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    for number in range(8):
        (folder / "images" / f"{number}-400x400-x.jpeg").write_bytes(encode(draw_product(number), "jpeg", 92))
    lines = [f"P{number},{{base}}/{number}-400x400-x.jpeg" for number in range(8)]
    (folder / "catalog.csv").write_text("\n".join(["productId,imageUrlStr", *lines]) + "\n")
    return folder


@pytest.mark.slow
def test_this_projects_side_of_every_claim_but_whole_chains_runs(tmp_path, shop):
    claims = ("ingest", "fetch", "fingerprint", "embed", "neighbours", "perceptual", "training", "verify")
    done = bench(tmp_path, "--only", *claims, "--alone", "--sizes", 60, "--rounds", 1, "--photos", shop)
    assert done.returncode == 0, done.stderr
    read = results(tmp_path, "full")
    assert {outcome["claim"] for outcome in read["outcomes"]} == set(claims)
    for outcome in read["outcomes"]:
        assert outcome["ours"]["error"] == ""
        assert len(outcome["ours"]["runs"]) == 1
        assert outcome["data"]
    figures = {outcome["claim"]: outcome["ours"]["runs"][0]["figures"] for outcome in read["outcomes"]}
    assert figures["fetch"]["fetched"] == 1.0
    assert figures["fingerprint"]["pictures"] == figures["embed"]["pictures"] == 60
    assert figures["neighbours"]["recall"] == 1.0
    assert figures["perceptual"]["exact"] == 1.0
    assert figures["training"]["steps"] == 1
    assert figures["verify"]["pairs"] > 2 * 60  # a re-upload and a stranger of each, and a recolour of most
    assert figures["verify"]["ms a photo"] > figures["verify"]["ms a view"] > 0


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_what_this_machine_cannot_run_is_a_row_that_says_so_and_no_failure(tmp_path, shop):
    done = bench(tmp_path, "--only", "training_gpu", "--sizes", 60, "--photos", shop)
    assert done.returncode == 0, done.stderr
    (outcome,) = results(tmp_path, "full")["outcomes"]
    for line in (outcome["ours"], *outcome["peers"]):
        assert (line["absent"], line["error"], line["runs"]) == ("no GPU here", "", [])
    assert set(met(results(tmp_path, "full"), 60).values()) == {None}
    assert "| training_gpu, 60 views | this project | not run: no GPU here |" in done.stdout
    assert "Failed" not in done.stdout


def test_a_second_dump_has_all_of_the_first_and_some_new_ones(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from claims import second
    from claims.materials import Materials

    for name in ("photos", "pictures-100"):  # as they would be made
        (tmp_path / name).mkdir()
        for number in range(100):
            (tmp_path / name / f"{number:03}.jpg").write_bytes(b"picture")
    folder = tmp_path / "data"
    folder.mkdir()
    assert "100 pictures, 2 of them new" in second.make(folder, 100, Materials(tmp_path, None))
    first, more = ((folder / name).read_text().splitlines() for name in ("catalog.csv", "next.csv"))
    assert more[: len(first)] == first
    assert [line.split(",")[2].rpartition("/")[2] for line in more[len(first) :]] == ["098.jpg", "099.jpg"]


def test_parts_of_a_made_up_dump_come_to_the_same(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import prove_parts
    from claims.made_up_dump import make

    from dedup_pipeline.config import load_settings
    from dedup_pipeline.stages.fetch import photos
    from dedup_pipeline.stages.match import merge_parts

    monkeypatch.setattr(photos, "_PIECE", photos._PIECE)  # tasks set these for their own process
    monkeypatch.setattr(merge_parts, "RANGE_ROWS", merge_parts.RANGE_ROWS)

    def do(words: list[str]) -> tuple[float, float]:
        prove_parts.work(load_settings(words[1].split(",")), words[2:])
        return 0.0, 0.0

    settings = make(tmp_path, 600, "benchmark")
    found = []
    for parts in (1, 3):
        took = prove_parts.in_parts(settings, parts, 600, "faiss", do)
        assert list(took) == list(dict.fromkeys(name for name, _ in prove_parts.tasks(parts)))
        found.append(prove_parts.fingerprint_of(settings))
    assert found[0] == found[1]


def test_a_shop_is_sold_and_what_is_found_in_it_measured(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from claims import shop

    data, results = tmp_path / "data", tmp_path / "results"
    data.mkdir(), results.mkdir()
    pictures = shop.sell(data, 50)
    with (data / "catalog.csv").open(newline="") as file:
        sold = {row["productId"]: row["imageUrlStr"] for row in [*csv.DictReader(file)][::-1]}  # the first row counts
    for name, listings in pictures.listings.items():
        assert (data / "pictures" / name).is_file()
        assert all(sold[listing].endswith(f"/{name}") for listing in listings)
    file_of = {listing: name for name, listings in pictures.listings.items() for listing in listings}
    with (data / "shop" / "truth.csv").open(newline="") as file:
        true = {tuple(sorted((file_of[row["id_a"]], file_of[row["id_b"]]))) for row in csv.DictReader(file)}
    found = [f"{one},{other},0.95,1" for one, other in sorted(true) if one != other]
    lines = ["file_a,file_b,score,default", *found]
    (results / "pairs.csv").write_text("\n".join(lines))
    assert shop.check(data, results) == {shop.RECALL: 1.0, "precision": 1.0, "recall": 1.0}
    (results / "pairs.csv").write_text("\n".join(lines[: 1 + len(found) // 2]))
    assert shop.check(data, results)["recall"] < 0.8


def test_a_check_sees_what_was_not_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from claims import neighbours, perceptual

    vectors, pairs = neighbours.made_up(400)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(400), abs=1e-5)
    assert (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1).min() > 0.75
    np.save(tmp_path / "pairs.npy", pairs)
    found = np.full((400, 2), -1)
    found[pairs[:5, 0], 1] = pairs[:5, 1]  # either direction counts
    found[pairs[5:10, 1], 0] = pairs[5:10, 0]
    np.save(tmp_path / "queries.npy", np.arange(400))
    np.save(tmp_path / "neighbours.npy", found)
    assert neighbours.check(tmp_path, tmp_path) == {"recall": 0.5, "pairs asked for": 20}

    hashes, copies = perceptual.made_up(500)
    assert np.bitwise_count(hashes[copies[:, 0]] ^ hashes[copies[:, 1]]).max() <= perceptual.RADIUS
    np.save(tmp_path / "hashes.npy", hashes)
    near = np.argwhere(np.bitwise_count(hashes[:, None] ^ hashes[None]) <= perceptual.RADIUS)
    np.save(tmp_path / "queries.npy", np.arange(500))
    for pairs_found, exact in ((near, 1.0), (near[1:], 0.0), (np.concatenate([near, [[3, 4]]]), 0.0)):
        np.save(tmp_path / "near.npy", pairs_found)
        assert perceptual.check(tmp_path, tmp_path)["exact"] == exact
