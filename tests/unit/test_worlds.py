"""The small worlds: truth folders of look-alikes, drawn from seeds."""

import csv
import hashlib
from itertools import combinations
from pathlib import Path

import pytest

from benchmarks.worlds import UNSEEN, WORLDS, write_world
from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate.truth import read_truth

NAMES = ("make-up", "size-charts")
FEW = 9


def _digests(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module", params=NAMES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("world") / request.param
    write_world(folder, request.param, 5, FEW)
    return request.param, folder


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_pictures(world, tmp_path):
    name, folder = world
    write_world(tmp_path / "again", name, 5, FEW)
    write_world(tmp_path / "other", name, 6, FEW)
    assert _digests(tmp_path / "again") == _digests(folder)
    assert not set(_digests(tmp_path / "other" / "images").values()) & set(_digests(folder / "images").values())


def test_truth_holds_exactly_the_pairs_of_listings_that_show_one_photo(world):
    truth = read_truth(world[1])
    groups = truth.listings
    pairs = set(zip(truth.pairs["id_a"], truth.pairs["id_b"], strict=True))
    shared = {
        (first, second)
        for first, second in combinations(sorted(groups.index), 2)
        if groups["photo_group"][first] == groups["photo_group"][second]
        and groups["family"][first] != groups["family"][second]
    }
    assert pairs == shared
    assert pairs
    assert groups["photo_group"].nunique() == FEW
    assert groups["style"].nunique() < FEW, "some products are look-alikes of others"
    assert truth.ignored.empty


def test_every_listing_has_its_picture_and_its_row(world):
    folder = world[1]
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["productId"] for row in rows} == set(read_truth(folder).listings.index)
    for row in rows:
        original = row["imageUrlStr"].split(";")[0].removeprefix("{base}/")
        assert (folder / "images" / original).is_file()


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(InputError, match="no world"):
        write_world(tmp_path / "a", "moon", 1)
    with pytest.raises(InputError, match="seed is -1"):
        write_world(tmp_path / "b", "posters", -1)
    with pytest.raises(InputError, match="originals"):
        write_world(tmp_path / "c", "posters", 1, 0)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not an empty folder"):
        write_world(tmp_path, "posters", 1)


def test_five_worlds_are_kept_unseen():
    assert len(UNSEEN) == 5
    assert set(WORLDS) > UNSEEN
