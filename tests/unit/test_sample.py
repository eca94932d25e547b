import csv
import hashlib
import json
from dataclasses import asdict, replace
from io import BytesIO
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.rehearsal import PHONE
from dedup_pipeline.augmentation.edits import Picture
from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate import score
from dedup_pipeline.sample import SampleCounts, write_sample_shop
from dedup_pipeline.sample.rendering.bundle import Bundle
from dedup_pipeline.sample.rendering.camera import STUDIO
from dedup_pipeline.sample.rendering.garments import KINDS
from dedup_pipeline.sample.rendering.patterns import PATTERNS
from dedup_pipeline.sample.rendering.photo import Look, photograph

PRODUCTS = 44


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleCounts]:
    folder = tmp_path_factory.mktemp("sample") / "shop"
    return folder, write_sample_shop(folder, seed=3, products=PRODUCTS)


@pytest.fixture(scope="module")
def folder(shop: tuple[Path, SampleCounts]) -> Path:
    return shop[0]


@pytest.fixture(scope="module")
def photos(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "photos.csv", dtype=str, keep_default_na=False).set_index("productId")


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[list[str]]:
    with (folder / "catalog.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@pytest.fixture(scope="module")
def rows(lines: list[list[str]]) -> list[dict[str, str]]:
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:] if len(line) == len(lines[0])]


def _paths(row: dict[str, str]) -> list[str]:
    return [url.removeprefix("{base}/") for url in row["imageUrlStr"].split(";") if url.startswith("{base}/")]


def _shows_several(photos: pd.DataFrame) -> "pd.Series[bool]":
    return photos["parts"].str.contains(" ")


def _picture(folder: Path, photo_id: str) -> Picture:
    """The original of a photo, `(H, W, 3)` RGB."""
    with Image.open(next((folder / "images").rglob(f"*-original-{photo_id}.jpeg"))) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _likeness(single: Picture, bundle: Picture) -> float:
    """How well the middle of a single product is found in a bundle at some scale: 1 is pixel by pixel."""
    height, width = single.shape[:2]
    middle = single[int(0.36 * height) : int(0.6 * height), int(0.36 * width) : int(0.64 * width)]
    best = 0.0
    for scale in np.geomspace(0.2, 1.1, 60):
        small = cv2.resize(middle, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if small.shape[0] < bundle.shape[0] and small.shape[1] < bundle.shape[1]:
            best = max(best, float(cv2.matchTemplate(bundle, small, cv2.TM_CCOEFF_NORMED).max()))
    return best


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_sample_shop(tmp_path / "again", seed=3, products=PRODUCTS)
    assert _digests(tmp_path / "again") == _digests(folder)


def test_counts_are_those_of_the_files(
    shop: tuple[Path, SampleCounts], lines: list[list[str]], photos: pd.DataFrame
) -> None:
    folder, counts = shop
    assert json.loads((folder / "counts.json").read_text()) == asdict(counts)
    assert counts.rows == len(lines) - 1
    assert counts.listings == len(photos) == len({line[0] for line in lines[1:]})
    assert counts.repeated_rows == counts.rows - counts.listings
    assert counts.malformed_lines == sum(len(line) != 32 for line in lines)
    assert counts.kinds == photos["kind"].value_counts().to_dict()
    assert counts.image_files == sum(file.is_file() for file in (folder / "images").rglob("*"))
    uploads = photos[photos["level"] != "base"].query("photo_group != ''").drop_duplicates("photo_id")
    assert counts.reuploads_by_level == uploads["level"].value_counts().to_dict()
    assert set(counts.reuploads_by_level) == {"0", "1", "2", "3"}
    assert counts.photo_groups == PRODUCTS + counts.malformed_lines
    assert counts.bundles == photos.loc[_shows_several(photos), "photo_group"].nunique()


def test_truth_follows_from_the_photos(folder: Path, photos: pd.DataFrame) -> None:
    truth = pd.read_csv(folder / "truth.csv", dtype=str, keep_default_na=False)
    good = photos[(photos["kind"] == "photo") & (photos["scored"] == "1")]
    expected = set()
    for _, group in good.groupby("photo_group"):
        families = group["family"].to_dict()
        pairs = combinations(sorted(map(str, families)), 2)
        expected |= {(first, second) for first, second in pairs if families[first] != families[second]}
    assert set(zip(truth["id_a"], truth["id_b"], strict=True)) == expected
    assert (truth["photo_a"] == truth["id_a"].map(photos["photo_id"])).all()
    assert (truth["photo_b"] == truth["id_b"].map(photos["photo_id"])).all()
    copied = photos["level"].ne("base").astype(int)
    copies = truth["id_a"].map(copied) + truth["id_b"].map(copied)
    same = truth["photo_a"] == truth["photo_b"]
    assert (truth["hops"].astype(int) == copies.where(~same, 0)).all()
    assert set(truth["hops"]) == {"0", "1", "2"}
    assert (truth.loc[same, "edits"] == "same-url").all()


def test_bundles_share_parts_with_singles_and_with_each_other(photos: pd.DataFrame) -> None:
    originals = photos[(photos["level"] == "base") & (photos["kind"] == "photo")].drop_duplicates("photo_id")
    bundles = originals[_shows_several(originals)]
    singles = originals[~_shows_several(originals)]
    assert (singles["parts"] == singles["photo_group"]).all()
    parts = {
        str(group): set(shown.split()) for group, shown in zip(bundles["photo_group"], bundles["parts"], strict=True)
    }
    assert {len(shown) for shown in parts.values()} <= {2, 3}
    in_bundles = set().union(*parts.values())
    assert len(parts) + singles["photo_group"].isin(in_bundles).sum() >= 0.08 * PRODUCTS
    assert singles["photo_group"].isin(in_bundles).any()
    assert any(len(first & second) == 1 for first, second in combinations(parts.values(), 2))
    assert all(len(first & second) <= 1 for first, second in combinations(parts.values(), 2))
    assert bundles["style"].nunique() == len(bundles)
    assert not set(bundles["style"]) & set(singles["style"])


def test_only_a_reupload_of_a_bundle_is_its_duplicate(folder: Path, photos: pd.DataFrame) -> None:
    truth = pd.read_csv(folder / "truth.csv", dtype=str, keep_default_na=False)
    first, second = (photos.loc[truth[name], ["parts", "photo_group"]] for name in ("id_a", "id_b"))
    assert (first.to_numpy() == second.to_numpy()).all()
    of_bundles = truth[_shows_several(first).to_numpy()]
    assert set(of_bundles["level"]) == {"1", "2", "3"}


def test_a_bundle_shows_the_pixels_of_its_single(folder: Path, photos: pd.DataFrame) -> None:
    originals = photos[(photos["level"] == "base") & (photos["kind"] == "photo") & (photos["edits"] == "")]
    originals = originals.drop_duplicates("photo_id")
    singles = dict(zip(originals["photo_group"], originals["photo_id"], strict=True))
    bundles = originals[_shows_several(originals)]
    found = [
        _likeness(_picture(folder, singles[part]), _picture(folder, str(row["photo_id"])))
        for _, row in bundles.iterrows()
        for part in str(row["parts"]).split()
        if part in singles
    ]
    assert len(found) >= 2
    assert min(found) > 0.85


def test_garments_of_a_bundle_are_where_its_mask_says() -> None:
    look = Look("t-shirt", 5, "floral", 5, "Blue", 5, 5, 5)
    bundle = Bundle((look, replace(look, colour="Red")), 8)
    for camera in (STUDIO, PHONE):
        shot = camera.shoot(bundle)
        assert shot.mask.shape == shot.picture.shape[:2]
        assert 560 <= max(shot.mask.shape) <= 640
        garments, _, sizes, _ = cv2.connectedComponentsWithStats((shot.mask > 128).astype(np.uint8))
        assert sum(sizes[1:garments, cv2.CC_STAT_AREA] > 5000) in {1, 2}  # one where they overlap
        left, right = shot.picture[:, : shot.mask.shape[1] // 2], shot.picture[:, shot.mask.shape[1] // 2 :]
        assert np.abs(left.mean(axis=(0, 1)) - right.mean(axis=(0, 1))).max() > 4


def test_the_catalog_says_how_many_pieces_a_bundle_has(rows: list[dict[str, str]], photos: pd.DataFrame) -> None:
    pieces = photos["parts"].str.count(" ") + 1
    for row in rows:
        number = int(pieces[row["productId"]]) if photos.loc[row["productId"], "kind"] == "photo" else 1
        assert row["keySpecsStr"].endswith((f"Pack of {number}", f"Set of {number}"))


def test_a_pair_that_shares_a_part_is_called_so(folder: Path, photos: pd.DataFrame) -> None:
    bundle = photos[_shows_several(photos)].index
    pairs = {
        (str(one), str(other)): 1.0
        for one in bundle
        for other in photos.index[(photos["kind"] == "photo") & (photos["edits"] == "")]
        if set(photos.loc[one, "parts"].split()) & set(photos.loc[other, "parts"].split())
    }
    result = score(folder, pairs)
    assert set(result.photo.wrong_by_kind) == {"shares a part"}


def test_level_0_is_the_same_bytes(folder: Path, photos: pd.DataFrame) -> None:
    identical = photos[photos["edits"] == "identical"].drop_duplicates("photo_id")
    assert len(identical)
    for _, row in identical.iterrows():
        group = set(photos.loc[photos["photo_group"] == row["photo_group"], "photo_id"])
        files = {name: (folder / "images").rglob(f"*-original-{name}.jpeg") for name in group}
        contents = {name: next(found).read_bytes() for name, found in files.items()}
        own = contents.pop(row["photo_id"])
        assert own in contents.values()


def test_a_listed_file_exists_or_is_meant_to_be_missing(
    folder: Path, rows: list[dict[str, str]], photos: pd.DataFrame
) -> None:
    named = set()
    for row in rows:
        photo = photos.loc[row["productId"]]
        for path in _paths(row):
            missing = photo["kind"] == "dead-url" or "-800x800-" in path
            missing |= "missing-400x400" in photo["edits"] and "-400x400-" in path
            assert (folder / "images" / path).is_file() != missing, path
            named.add(path)
    malformed = set(photos.loc[photos["kind"] == "malformed", "photo_id"])
    stored = {str(file.relative_to(folder / "images")) for file in (folder / "images").rglob("*.jpeg")}
    single = {path.rpartition("-")[2] for row in rows if len(_paths(row)) == 1 for path in _paths(row)}
    for path in stored - named:
        name = path.rpartition("-")[2]
        assert name in single or name.removesuffix(".jpeg") in malformed


def test_sizes_of_renditions(folder: Path, photos: pd.DataFrame) -> None:
    good = set(photos.loc[photos["kind"].isin(["photo", "placeholder"]), "photo_id"])
    for file in (folder / "images").rglob("*.jpeg"):
        size, photo_id = file.stem.split("-")[-2:]
        if photo_id in good:
            with Image.open(file) as image:
                image.load()
                assert max(image.size) <= {"original": 900, "400x400": 400, "200x200": 200}[size]


def test_usual_faults_are_there(rows: list[dict[str, str]], lines: list[list[str]], photos: pd.DataFrame) -> None:
    assert sorted(len(line) for line in lines if len(line) != 32) == [34, 41, 49, 65, 84]
    categories = {row["categories"] for row in rows}
    assert {"", "null", "[[]]", '[[{"nodeid":20001}]]', "dummy", "womens_clothing"} <= categories
    last = {category.split(">")[-1] for category in categories}
    assert {"Tunics", "Tunics Sets"} <= last
    assert any(row["title"] == "" for row in rows)
    assert any(row["productBrand"] == "" for row in rows)
    assert any(row["color"] == "null" for row in rows)
    assert any(len(_paths(row)) == 1 for row in rows)
    assert {"4", "4.0"} <= {"4.0" if row["mrp"].endswith(".0") else "4" for row in rows}
    assert photos["edits"].eq("missing-400x400").any()
    placeholders = photos[photos["kind"] == "placeholder"]
    assert (len(placeholders), placeholders["photo_id"].nunique(), placeholders["family"].nunique()) == (8, 1, 8)


def test_odd_rows_take_no_part_in_true_pairs(folder: Path, rows: list[dict[str, str]]) -> None:
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    first_rows = {row["productId"]: row for row in reversed(rows)}
    odd = {i for i, row in first_rows.items() if ">" not in row["categories"] or row["title"] == ""}
    assert odd
    assert not odd & {*truth["id_a"], *truth["id_b"]}


def test_families_name_their_other_members(folder: Path, rows: list[dict[str, str]], photos: pd.DataFrame) -> None:
    ignored = pd.read_csv(folder / "ignore.csv", dtype=str)
    assert set(ignored["reason"]) == {"one-sided-family"}
    incomplete = set(ignored[["id_a", "id_b"]].to_numpy().ravel())
    members = photos.groupby("family").groups
    lonely = set()
    for row in rows:
        family = set(members[photos.loc[row["productId"], "family"]])
        named = {name for name in row["productFamily"].split(",") if name}
        if len(family) == 1:
            lonely.add(len(named))
            assert named <= family
        elif row["productId"] not in incomplete:
            assert named == family - {row["productId"]}
    assert lonely == {0, 1}
    names = {row["productId"]: row["productFamily"].split(",") for row in rows}
    first, second = ignored.iloc[0]["id_a"], ignored.iloc[0]["id_b"]
    assert (second in names[first]) != (first in names[second])


def test_unusual_encodings(folder: Path, photos: pd.DataFrame) -> None:
    def opened(encoding: str) -> Image.Image:
        name = photos.loc[photos["edits"].str.endswith(f"+{encoding}"), "photo_id"].iloc[0]
        return Image.open(BytesIO(next((folder / "images").rglob(f"*-original-{name}.jpeg")).read_bytes()))

    assert (opened("cmyk").format, opened("cmyk").mode) == ("JPEG", "CMYK")
    assert (opened("png-alpha").format, opened("png-alpha").mode) == ("PNG", "RGBA")
    assert opened("gif-animated").format == "GIF"
    assert getattr(opened("gif-animated"), "n_frames", 1) > 1
    assert opened("exif-rotated").getexif()[0x0112] == 6
    assert opened("grey").mode == "L"
    assert photos["edits"].str.contains("webp:").any()


def test_broken_files(folder: Path, photos: pd.DataFrame) -> None:
    def content(kind: str) -> bytes:
        name = photos.loc[photos["kind"] == kind, "photo_id"].iloc[0]
        return next((folder / "images").rglob(f"*-original-{name}.jpeg")).read_bytes()

    assert content("html").startswith(b"<!DOCTYPE html")
    assert content("zero-byte") == b""
    with Image.open(BytesIO(content("truncated"))) as image, pytest.raises(OSError, match="truncated"):
        image.load()


def test_the_truth_scores_itself_perfectly(folder: Path) -> None:
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    result = score(folder, dict.fromkeys(zip(truth["id_a"], truth["id_b"], strict=True), 1.0))
    assert (result.photo.f1, result.listing.f1) == (1.0, 1.0)
    assert result.counts.ignored_pairs == result.counts.family_violations == 0


def test_every_kind_and_pattern_can_be_drawn_and_looks_different() -> None:
    pictures = []
    for seed in range(max(len(KINDS), len(PATTERNS))):
        kind, pattern = KINDS[seed % len(KINDS)], PATTERNS[seed % len(PATTERNS)]
        picture = photograph(Look(kind, seed, pattern, seed, "Blue", seed, seed, seed))
        assert picture.dtype == np.uint8
        assert 520 <= max(picture.shape) <= 640
        pictures.append(np.asarray(Image.fromarray(picture).resize((16, 16)), dtype=float))
    gaps = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(gaps) > 4


def test_a_recolour_keeps_everything_but_the_colour() -> None:
    blue, red = (photograph(Look("tunic", 5, "floral", 5, name, 5, 5, 5)).astype(int) for name in ("Blue", "Red"))
    assert blue.shape == red.shape
    np.testing.assert_array_equal(blue[:8], red[:8])
    middle = np.s_[blue.shape[0] // 2 - 40 : blue.shape[0] // 2 + 40, blue.shape[1] // 2 - 40 : blue.shape[1] // 2 + 40]
    assert np.abs(blue[middle] - red[middle]).mean() > 20


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 40 or more"):
        write_sample_shop(tmp_path / "shop", products=3)
    with pytest.raises(InputError, match="use 0 or more"):
        write_sample_shop(tmp_path / "shop", seed=-1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not an empty folder"):
        write_sample_shop(tmp_path)
