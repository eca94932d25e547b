"""The form's *File* and its other fields, filled in by somebody who tries what can be opened with them."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def asked():
    """A server inside the network, and what it was asked for."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"id\n")

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a dump, beside it what is nobody's business, and links out of it."""
    root = tmp_path_factory.mktemp("place")
    folder, other = root / "in", root / "in-other"
    for each in (folder, other):
        each.mkdir()
        (each / "2018-10-05.csv").write_text("id\n")
    (root / "2018-10-05.csv").write_text("id\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "2018-10-04.csv").write_text("id\n")
    (folder / "2018-10-01.csv").symlink_to(other / "2018-10-05.csv")
    (folder / "2018-10-02.csv").symlink_to(other / "missing.csv")
    (folder / "away").symlink_to(other)
    return folder


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, place):
    """What comes of some forms."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEDUP_", "AIRFLOW_"))}
    environment |= {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environment["DEDUP_INGEST__DUMPS"] = f"{place}/{{dump_id}}.csv"

    def fill_in(forms):
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "dags" / "forms.py")],
            input=json.dumps(forms),
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return fill_in


def wrong_files(place: Path, host: str) -> list[str]:
    """Names of files that are none, each with a date, so that nothing else is wrong with them."""
    name = "2018-10-05.csv"
    inside = f"{place}/{name}"
    web = f"http://{host}/{name}"
    ways_up = [f"../{name}", f"../in-other/{name}", f"sub/../../{name}", f"./{name}", f"sub/./{name}", f"//{name}"]
    ways_up += [f"sub//{name}", f".../{name}", "..", ".", "/", "", f"{place}/../{name}", f"{place}-other/{name}"]
    ways_up += [f"{place}//{name}", f"/{name}", f"//{host}/{name}", "/etc/passwd", f"/etc/{name}", f"/proc/self/{name}"]
    ways_up += [f"~/{name}", f"~root/{name}", f"{place}/~/{name}", f"in/../../in-other/{name}", f"away/../{name}/"]
    schemes = [web, f"https://{host}/{name}", f"HTTP://{host}/{name}", f"http:/{host}/{name}", f"ftp://{host}/{name}"]
    schemes += [f"file://{inside}", f"file:{inside}", f"local://{inside}", f"memory://{name}", f"data:text/csv,{name}"]
    schemes += [f"s3://bucket/{name}", f"gs://bucket/{name}", f"github://owner:repository@main/{name}", f"git://{name}"]
    schemes += [f"sftp://{host}/{name}", f"ssh://{host}/{name}", f"smb://{host}/{name}", f"hdfs://{host}/{name}"]
    schemes += [f"webhdfs://{host}/{name}", f"dask://{name}", f"nosuch://{name}", f"reference://{name}", f"://{name}"]
    chains = [f"simplecache::{web}", f"filecache::{web}", f"blockcache::{web}", f"zip://{name}::{web}"]
    chains += [
        f"tar://{name}::{web}",
        f"zip://*::file://{inside}",
        f"simplecache::{name}",
        f"::{name}",
        f"{name}::{web}",
    ]
    chains += [
        f"{name}::{web}",
        f"simplecache::zip://{name}::{web}",
        f"dir::file://{place}",
        f"libarchive://{name}::{web}",
    ]
    letters = [f"..\\{name}", f"sub\\{name}", f"\\\\{host}\\{name}", f"%2e%2e/{name}", f"..%2f{name}", f"{name}?a=b"]
    letters += [f"{name}#part", f"*/{name}", "2018-10-0?.csv", "2018-10-0[5].csv", "{2018-10-05}.csv", f"{name}\0.gz"]
    letters += [
        f"{name}\n",
        f"\t{name}",
        f"\x1b[31m{name}",
        f"\uff0e\uff0e/{name}",
        f"\u2025/{name}",
        f"..\uff0f{name}",
    ]
    letters += [
        f"..\u2215{name}",
        f"\u202e{name}",
        f"\ud800{name}",
        "\uff12018-10-05.csv",
        f"$HOME/{name}",
        f"`id`{name}",
    ]
    longs = ["x" * 300 + name, "x/" * 600 + name, "\u0444" * 200 + name, "x" * 100_000]
    return [*ways_up, *schemes, *chains, *letters, *longs]


def test_no_form_opens_what_does_not_lie_in_the_folder_of_the_dumps(outcomes, place, asked):
    host, paths = asked
    files = wrong_files(place, host)
    assert len(files) > 66
    for file, seen in zip(files, outcomes([{"file": file} for file in files]), strict=True):
        assert seen["touched"] == [], file
        said = seen["outcome"]
        assert said.startswith("AirflowFailException: file "), (file, said)
        assert said.endswith(f" does not lie in {place}, where ingest.dumps has the dumps: put it there"), (file, said)
        assert len(said) < 600
        assert said.isprintable()
    assert paths == []


def test_what_lies_elsewhere_is_not_told_and_what_lies_in_the_folder_is_found(outcomes, place):
    alike = [
        ({"file": "../in-other/2018-10-05.csv"}, {"file": "../in-other/2018-10-09.csv"}),
        ({"file": "/etc/passwd"}, {"file": "/etc/none"}),
        ({"file": "2018-10-01.csv"}, {"file": "2018-10-02.csv"}),  # links to a file and to none
        ({"dump": "2018-10-01"}, {"dump": "2018-10-02"}),
        ({"file": "away/2018-10-05.csv"}, {"file": "away/2018-10-09.csv"}),
    ]
    right = {
        "2018-10-05.csv": ("2018-10-05", f"{place}/2018-10-05.csv"),
        f"{place}/2018-10-05.csv": ("2018-10-05", f"{place}/2018-10-05.csv"),
        "sub/2018-10-04.csv": ("2018-10-04", f"{place}/sub/2018-10-04.csv"),
    }
    forms = [form for pair in alike for form in pair] + [{"file": file} for file in right]
    found = [seen["outcome"] for seen in outcomes(forms)]
    for number, pair in enumerate(alike):
        said = found[2 * number : 2 * number + 2]
        names = [Path(next(iter(form.values()))).stem for form in pair]
        said = [text.replace(name, "NAME") for text, name in zip(said, names, strict=True)]
        assert said[0] == said[1], pair
        assert "does not lie in" in said[0], pair
    expected = [{"dump_id": day, "catalog": catalog} for day, catalog in right.values()]
    assert found[2 * len(alike) :] == expected


OTHERS = [
    {"file": 5},
    {"file": ["2018-10-05.csv"]},
    {"file": {"a": 1}},
    {"dump": 20181005},
    {"dump": "../2018-10-05"},
    {"dump": "2018-10-05\n"},
    {"dump": "\ud800"},
    {"dump": "x" * 1000},
    {"category": [None]},
    {"category": {"a": 1}},
    {"category": ["\ud800"]},
    {"category": ["a\0b"]},
    {"preset": "nosuch"},
    {"preset": ["flipkart"]},
    {"rendition_px": "four hundred"},
    {"rendition_px": "nan"},
    {"rendition_px": 1e300},
    {"max_failure_ratio": "inf"},
    {"target_precision": "nan"},
    {"target_precision": [0.9]},
    {"model": 7},
    {"form": None},
    {"form": "xml\ud800\n"},
]


def test_other_fields_that_do_not_fit_fail_at_once_with_a_sentence(outcomes):
    for form, seen in zip(OTHERS, outcomes([{"dump": "2018-10-05"} | form for form in OTHERS]), strict=True):
        said = seen["outcome"]
        assert str(said).startswith("AirflowFailException: "), (form, said)
        assert "unexpected" not in said, (form, said)
        assert said.isprintable(), (form, said)
        assert len(said) < 600, (form, said)
