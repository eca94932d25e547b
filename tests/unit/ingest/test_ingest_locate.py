"""Which dump a run is for."""

import pytest

from dedup_pipeline.config import IngestSettings, load_settings
from dedup_pipeline.errors import InputError, SettingsError
from dedup_pipeline.stages.ingest import check_inside, choose_dump, date_in, dumps_there, is_there


@pytest.fixture
def place(tmp_path):
    """A folder with three dumps."""
    for day in ("2018-10-03", "2018-10-05", "2018-10-04"):
        (tmp_path / "in" / f"{day}.csv").parent.mkdir(exist_ok=True)
        (tmp_path / "in" / f"{day}.csv").touch()
    (tmp_path / "in" / "notes.txt").touch()
    (tmp_path / "secret.csv").touch()
    return IngestSettings(dumps=f"{tmp_path}/in/{{dump_id}}.csv")


@pytest.mark.parametrize(
    ("named", "file", "expected"),
    [
        ({"field": "2018-10-04"}, None, "2018-10-04"),
        ({"field": None, "partition key": "2018-10-03"}, None, "2018-10-03"),
        ({"field": "2018-10-03", "partition key": "2018-10-03"}, None, "2018-10-03"),
        ({}, "2018-10-04.csv", "2018-10-04"),
        ({}, None, "2018-10-05"),
        ({"field": "autumn"}, "2018-10-04.csv", "autumn"),
        ({"field": "2018-10-04"}, "2018-10-04.csv", "2018-10-04"),
    ],
    ids=["named", "partition", "both-agree", "file", "nothing-takes-the-newest", "own-id-for-a-file", "file-agrees"],
)
def test_the_dump_that_a_person_means(place, named, file, expected):
    dump = choose_dump(place, named, file)
    assert dump.dump_id == expected
    assert dump.catalog.endswith(f"/in/{file or expected + '.csv'}")
    assert is_there(dump.catalog)


@pytest.mark.parametrize(
    ("named", "file", "said"),
    [
        (
            {"field": "2018-10-04", "partition key": "2018-10-05"},
            None,
            "2018-10-04 by its field, 2018-10-05 by its part",
        ),
        ({"partition key": "2018-10-05"}, "2018-10-04.csv", "2018-10-04 by its file name"),
        ({}, "2018-10-04-to-2018-10-05.csv", "several dates"),
        ({}, "notes.txt", "no date in its name"),
        ({"field": "../2018"}, None, "not usable"),
        ({}, "../secret.csv", "does not lie in"),
        ({}, "/etc/passwd", "does not lie in"),
        ({}, "s3://bucket/2018-10-04.csv", "does not lie in"),
        ({}, "/2018-10-04.csv", "does not lie in"),
    ],
)
def test_what_is_ambiguous_or_elsewhere_is_refused_with_a_sentence(place, named, file, said):
    with pytest.raises(InputError, match=said):
        choose_dump(place, named, file)


def test_a_folder_that_only_begins_alike_is_elsewhere(place, tmp_path):
    (tmp_path / "in-other").mkdir()
    with pytest.raises(InputError, match="does not lie in"):
        choose_dump(place, {}, f"{tmp_path}/in-other/2018-10-04.csv")


def test_nothing_named_and_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no dump is named and none lies at"):
        choose_dump(IngestSettings(dumps=f"{tmp_path}/{{dump_id}}.csv"), {})


def test_the_id_may_stand_in_the_folder_and_in_the_name(tmp_path):
    for folder, name in (("2018-10-03", "2018-10-03"), ("2018-10-04", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.csv").touch()
    assert dumps_there(IngestSettings(dumps=f"{tmp_path}/{{dump_id}}/{{dump_id}}.csv")) == ["2018-10-03"]
    assert dumps_there(IngestSettings(dumps=f"{tmp_path}/{{dump_id}}/other.csv")) == ["2018-10-04"]


def test_dumps_in_an_object_store():
    import fsspec

    with fsspec.open("memory://bucket/in/2018-10-03.csv", "wb") as file:
        file.write(b"id\n")
    settings = IngestSettings(dumps="memory://bucket/in/{dump_id}.csv")
    assert dumps_there(settings) == ["2018-10-03"]
    assert is_there(choose_dump(settings, {}, "2018-10-03.csv").catalog)
    assert not is_there(choose_dump(settings, {"field": "2018-10-04"}).catalog)


@pytest.mark.parametrize(
    ("dumps", "said"),
    [
        ("/data/dump.csv", r"has no \{dump_id\} in it"),
        *(
            (dumps, "opens the root, the working folder or the home")
            for dumps in (
                "{dump_id}",
                "{dump_id}.csv",
                "/{dump_id}",
                "/{dump_id}/catalog.csv",
                "//{dump_id}.csv",
                "./{dump_id}.csv",
                "../{dump_id}.csv",
                "catalogs/../{dump_id}.csv",
                "/data/../{dump_id}.csv",
                "~/{dump_id}.csv",
                "file:{dump_id}.csv",
                "file:/{dump_id}.csv",
                "file:///{dump_id}.csv",
                "local://{dump_id}.csv",
                "s3://{dump_id}/catalog.csv",
                "s3://bucket-{dump_id}/catalog.csv",
                "https://{dump_id}/catalog.csv",
                "simplecache::file:///{dump_id}.csv",
            )
        ),
    ],
)
def test_a_place_of_dumps_that_opens_too_much_is_refused(dumps, said):
    with pytest.raises(SettingsError, match=said):
        load_settings(values={"ingest.dumps": dumps})


@pytest.mark.parametrize(
    "dumps",
    [
        "catalogs/{dump_id}.csv",
        "/dumps/{dump_id}.csv",
        "/data/{dump_id}/catalog.csv",
        "../catalogs/{dump_id}.csv",
        "s3://bucket/{dump_id}.csv",
        "s3://bucket/dumps/{dump_id}/part-{dump_id}.parquet",
        "https://files.example:8443/dumps/{dump_id}.csv.gz",
        "file:///data/dumps/{dump_id}.csv",
    ],
)
def test_a_place_of_dumps_with_a_folder_of_its_own_is_taken(dumps):
    settings = load_settings(values={"ingest.dumps": dumps}).ingest
    folder = dumps.split("{dump_id}")[0].rpartition("/")[0]
    assert choose_dump(settings, {}, "autumn/2018-10-05.csv").catalog == f"{folder}/autumn/2018-10-05.csv"
    assert choose_dump(settings, {}, f"{folder}/2018-10-05.csv").catalog == f"{folder}/2018-10-05.csv"


def test_a_file_is_named_from_no_folder_that_holds_the_working_folder(place, tmp_path, monkeypatch):
    (tmp_path / "in" / "work").mkdir()
    monkeypatch.chdir(tmp_path / "in" / "work")
    with pytest.raises(SettingsError, match="opens the working folder"):
        choose_dump(place, {}, "2018-10-04.csv")
    assert choose_dump(place, {"field": "2018-10-04"}).dump_id == "2018-10-04"


def test_a_relative_place_is_also_known_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = IngestSettings()
    assert choose_dump(settings, {}, f"{tmp_path}/catalogs/2018-10-05.csv").catalog == "catalogs/2018-10-05.csv"


def test_a_link_that_leads_out_of_the_folder_is_refused_and_one_that_stays_is_not(place, tmp_path):
    folder = tmp_path / "in"
    for name, target in (
        ("2018-10-01.csv", tmp_path / "secret.csv"),
        ("2018-10-02.csv", tmp_path / "missing.csv"),
        ("2018-10-06.csv", folder / "2018-10-05.csv"),
    ):
        (folder / name).symlink_to(target)
    check_inside(place, str(folder / "2018-10-06.csv"))
    said = []
    for name in ("2018-10-01.csv", "2018-10-02.csv"):
        with pytest.raises(InputError, match="does not lie in") as error:
            check_inside(place, str(folder / name))
        said.append(str(error.value).replace(name, "NAME"))
    assert said[0] == said[1], "whether there is a file elsewhere is nobody's business"


@pytest.mark.parametrize(
    ("name", "date"), [("a/2018-10-05.csv", "2018-10-05"), ("12018-10-05.csv", None), ("x.csv", None)]
)
def test_the_date_in_a_name(name, date):
    assert date_in(name) == date
