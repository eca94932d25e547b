"""The benchmark against the peers, with small peers of its own: real scripts, environments and processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]

# P1 and Q1 are a re-upload, Q2 is of Q1's family, R1 a recolour of P1; S1 and S2 share one URL, as do the placeholders
# T1 and T2
CATALOG = """\
productId,imageUrlStr
P1,{base}/a-original-p.jpeg;{base}/a-200x200-p.jpeg;{base}/a-400x400-p.jpeg;{base}/a-800x800-p.jpeg
Q1,{base}/b-400x400-q.jpeg
Q2,{base}/b-400x400-q.jpeg
R1,{base}/c-400x400-r.jpeg;{base}/c-original-r.jpeg
malformed,{base}/a-400x400-p.jpeg,too,many
P1,{base}/b-400x400-q.jpeg
S1,{base}/d%20d-400x400-s.jpeg
S2,{base}/d%20d-400x400-s.jpeg
T1,{base}/e-400x400-t.jpeg
T2,{base}/e-400x400-t.jpeg
gone,{base}/gone-400x400-g.jpeg
broken,{base}/broken-400x400-h.jpeg
empty,
"""
PHOTOS = """\
productId,photo_id,photo_group,level,edits,family,kind,style,scored
P1,p,G1,base,,F1,photo,S1,1
Q1,q,G1,1,jpeg:50,F2,photo,S1,1
Q2,q,G1,1,jpeg:50,F2,photo,S1,1
R1,r,G2,base,,F3,photo,S1,1
S1,s,G3,base,,F4,photo,S2,1
S2,s,G3,0,same-url,F5,photo,S2,1
T1,t,,,,F6,placeholder,,1
T2,t,,,,F7,placeholder,,1
"""
TRUTH = """\
id_a,id_b,level,edits,photo_a,photo_b,hops
P1,Q1,1,jpeg:50,p,q,1
P1,Q2,1,jpeg:50,p,q,1
S1,S2,0,same-url,s,s,0
"""
PICTURES = {  # name -> colour; the peers are to see the renditions 400x400, whatever their format
    "a-original-p.jpeg": "white",
    "a-200x200-p.jpeg": "white",
    "a-400x400-p.jpeg": "red",
    "b-400x400-q.jpeg": "red",
    "c-original-r.jpeg": "orange",
    "d d-400x400-s.jpeg": "green",
    "e-400x400-t.jpeg": "blue",
}
REDDISH = """\
import csv, itertools, sys
from pathlib import Path

folder, target = map(Path, sys.argv[1:])
colours = {file.name: file.read_bytes()[-3:] for file in sorted(folder.iterdir())}
with target.open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["file_a", "file_b", "score", "default"])
    for a, b in itertools.combinations(colours, 2):
        apart = sum(abs(x - y) for x, y in zip(colours[a], colours[b]))
        rows.writerow([a, b, 1 - apart / 765, int(apart < 200)])
print("colours compared")
"""
PEERS = {
    "fake_reddish.py": REDDISH,
    "fake_status.py": "import sys\nsys.exit('no licence for this machine')\n",
    "fake_columns.py": "import sys\nopen(sys.argv[2], 'w').write('a,b\\n1,2\\n')\n",
    "fake_slow.py": "import time\ntime.sleep(600)\n",
    "fake.txt": "# nothing: it works without a network\n",
    "absent_tool.py": "",
    "absent.txt": "./no-such-folder\n",
    "helper_module.py": "raise SystemExit('no requirements: not a peer')\n",
}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    for name, content in {"catalog.csv": CATALOG, "photos.csv": PHOTOS, "truth.csv": TRUTH}.items():
        (folder / name).write_text(content)
    for name, colour in PICTURES.items():
        Image.new("RGB", (8, 8), colour).save(folder / "images" / name, "PPM")
    (folder / "images" / "broken-400x400-h.jpeg").write_text("<html>")
    return folder


@pytest.fixture
def peers(tmp_path: Path) -> Path:
    folder = tmp_path / "peers"
    folder.mkdir()
    for name, content in PEERS.items():
        (folder / name).write_text(content)
    return folder


def run(catalog: Path, tmp_path: Path, *options: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, ROOT / "benchmarks" / "peers" / "run.py", catalog, "--cache", tmp_path / "cache", *options]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=ROOT)


def table(tmp_path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((tmp_path / "cache" / "results" / "shop" / "table.json").read_text())
    return read


def test_peers_run_on_the_same_pictures_and_a_failing_one_does_not_stop_the_others(catalog, peers, tmp_path):
    names = ("fake_reddish", "fake_status", "fake_columns", "absent_tool")
    done = run(catalog, tmp_path, "--peers", peers, "--only", *names)
    assert done.returncode == 0, done.stderr
    read = table(tmp_path)
    assert read["pictures"] == 5  # p, q, r, s, t: one each, without those that are gone or broken
    rows = {row["name"]: row for row in read["rows"]}
    assert set(rows) == set(names)
    assert "no licence for this machine" in rows["fake_status"]["error"]
    assert "line 2 is not file_a,file_b,score,default" in rows["fake_columns"]["error"]
    assert "its environment cannot be made" in rows["absent_tool"]["error"]
    assert rows["fake_reddish"]["error"] == ""
    assert rows["fake_reddish"]["usage"]["megabytes"] > 0
    # p, q and r are called equal: right is p - q, wrong are p - r and q - r; Q1 - Q2 are a family;
    # what shares a URL no tool can tell: S1 - S2 is given to it, T1 - T2 is not held against it
    figures = rows["fake_reddish"]["figures"]["all"]
    assert figures["by_level"] == {"0": 1.0, "1": 1.0}
    assert (figures["precision"], figures["recall"]) == (0.5, 1.0)
    # s and p - q have score 1, so nothing wrong stands above them
    assert (figures["average_precision"], figures["recall_at_p99"]) == (1.0, 1.0)
    assert "fake_reddish" in done.stdout
    assert "colours compared" in (tmp_path / "cache" / "results" / "shop" / "fake_reddish.log").read_text()


def test_a_peer_that_hangs_is_ended(catalog, peers, tmp_path):
    done = run(catalog, tmp_path, "--peers", peers, "--only", "fake_slow", "--timeout", 2, "--one-at-a-time")
    assert done.returncode == 0, done.stderr
    assert table(tmp_path)["rows"][0]["error"] == "it was not done after 2 seconds"
    assert not list((tmp_path / "cache" / "environments").iterdir())


def test_an_exported_folder_stands_beside_the_peers(catalog, peers, tmp_path):
    export = tmp_path / "export"
    export.mkdir()
    (export / "duplicates.json").write_text('{"P1": ["Q1"], "Q1": ["P1"]}')
    # the recolour and the placeholder stand above the second pair that is right
    pairs = [("S1", "S2", 1.0), ("P1", "R1", 0.9), ("P1", "T1", 0.8), ("P1", "Q1", 0.7)]
    pd.DataFrame(pairs, columns=["id_a", "id_b", "score"]).to_parquet(export / "pairs.parquet")
    done = run(catalog, tmp_path, "--peers", peers, "--only", "fake_status", "--ours", export)
    assert done.returncode == 0, done.stderr
    row = table(tmp_path)["rows"][0]
    assert row["name"] == "this project"
    figures = row["figures"]["all"]
    assert figures["precision"] == 1.0
    assert figures["by_level"] == {"0": 0.0, "1": 1.0}
    assert figures["average_precision"] == 0.75
    assert figures["recall_at_p99"] == 0.5
    assert figures["forgiving_average_precision"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--only", "nobody"], "no peer nobody: there are"), (["--ours", "nowhere"], "no file nowhere/pairs.parquet")],
)
def test_what_cannot_be_is_said_before_any_work(catalog, tmp_path, options, message):
    done = run(catalog, tmp_path, *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "cache" / "environments").exists()


def test_a_folder_without_a_catalog_is_refused(tmp_path):
    done = run(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "name a truth folder" in done.stderr


def test_every_peer_pins_its_tool():
    folder = ROOT / "benchmarks" / "peers"
    sources = sorted(folder.glob("*.in"))
    assert len(sources) == 5
    for source in sources:
        wanted = source.read_text().splitlines()[0].split("[")[0].split("==")[0]
        assert any(line.startswith(f"{wanted}==") for line in source.with_suffix(".txt").read_text().splitlines())
        assert list(folder.glob(f"{source.stem}_*.py")), f"no script runs {source.stem}"
