"""review.csv and what else a person sees of an export, from real files through the stage."""

import csv
import io
import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from dedup_pipeline import schemas
from dedup_pipeline.stages.export import export
from dedup_pipeline.stages.group import group
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, result_of, run_stage
from tiny_shop import DUMP, write_tiny_shop

THRESHOLD = 0.9


@dataclass
class Matched:
    """A store that is matched: pictures by number, listings and verdicts as the test wants them."""

    settings: object
    images: list[str]
    listings: list[dict] = field(default_factory=list)
    verdicts: list[dict] = field(default_factory=list)

    @property
    def store(self):
        return Store(self.settings.store)

    def listing(self, name, picture, **says):
        row = {"listing_id": name, "family_id": name, "photo_url": f"http://shop.test/{picture}.jpeg", "row": 2}
        self.listings.append({**row, **says})

    def verdict(self, a, b, probability, kind="perceptual", logit=0.0):
        nodes = dict(zip(("node_a", "node_b"), sorted((self.images[a], self.images[b])), strict=True))
        self.verdicts.append({**nodes, "kind": kind, "probability": probability, "logit": logit, "directions": 2})

    def export(self, threshold=THRESHOLD, **changed):
        """Write the tables, group and export; the rows of review.csv as a spreadsheet reads them."""
        store = self.store
        listings = schemas.conform(sorted(self.listings, key=lambda row: row["listing_id"]), schemas.LISTINGS)
        store.write_table(store.dump(DUMP, "ingest", "listings.parquet"), listings)
        verdicts = sorted(self.verdicts, key=lambda row: (row["node_a"], row["node_b"]))
        nodes = [{"image_id": image, "node": image, "state": "matched"} for image in sorted(self.images)]
        paths = {name: store.dump(DUMP, "match", f"{name}.parquet") for name in ("verdicts", "nodes")}
        store.write_table(paths["verdicts"], schemas.conform(verdicts, schemas.VERDICTS), group_rows=2)
        store.write_table(paths["nodes"], schemas.conform(nodes, schemas.NODES))
        counts = {"threshold": threshold, "expected_precision": 0.991}
        made = {"match": Done(paths, counts), "train": Done({}, {}), "index": Done({}, {})}
        inputs = {"threshold": threshold, "verdicts": verdicts, "listings": listings.to_pylist()}
        for stage, done in made.items():
            run_stage(store, DUMP, stage, inputs=inputs, version=1, work=lambda done=done: done)
        group(self.settings, DUMP)
        options = self.settings.export.model_copy(update=changed)
        export(self.settings.model_copy(update={"export": options}), DUMP)
        text = store.read_bytes(store.export(DUMP, "review.csv")).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def summary(self):
        return self.store.read_json(self.store.export(DUMP, "summary.json"))

    def pairs(self):
        return pd.read_parquet(self.store.url(self.store.export(DUMP, "pairs.parquet"))).set_index(["id_a", "id_b"])


@pytest.fixture
def matched(tmp_path):
    settings = write_tiny_shop(tmp_path / "store", 8)
    store = Store(settings.store)
    photos = store.read_table(store.dump(DUMP, "fetch", "photos.parquet")).to_pylist()
    return Matched(settings, [photo["image_id"] for photo in photos])


def ids(rows):
    return [(row["id_a"], row["id_b"]) for row in rows]


def test_uncertain_pairs_come_most_useful_first(matched):
    for number in range(8):
        matched.listing(f"L{number}", number)
    matched.verdict(0, 1, 0.85)
    matched.verdict(0, 2, 0.1)
    matched.verdict(0, 3, 0.5)
    matched.verdict(0, 4, 0.0999)
    matched.verdict(5, 6, 0.9)
    matched.verdict(6, 7, 0.99)
    rows = matched.export()
    # at the threshold a wrong acceptance weighs as much as a missed pair
    assert ids(rows) == [("L5", "L6"), ("L0", "L1"), ("L0", "L3"), ("L0", "L2")]
    assert [row["accepted"] for row in rows] == ["yes", "no", "no", "no"]
    assert [row["probability"] for row in rows] == ["0.900000", "0.850000", "0.500000", "0.100000"]
    assert {row["reason"] for row in rows} == {"uncertain"}
    assert matched.summary()["export"]["uncertain_photo_pairs"] == 4
    assert matched.summary()["match"]["expected_precision"] == 0.991


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.5, 0.935, 1.0])
def test_every_verdict_that_rules_nothing_out_is_accepted_or_in_the_review(matched, seed, threshold):
    chance = random.Random(seed)
    for number in range(8):
        matched.listing(f"L{number}", number)
    likely = set()
    for a, b in itertools.combinations(range(8), 2):
        if chance.random() < 0.6:
            probability = chance.choice([0.05, 0.3, 0.7, 0.92, 0.95, 0.99, 0.999])
            matched.verdict(a, b, probability)
            likely |= {(f"L{a}", f"L{b}")} if probability >= 0.1 else set()
    reviewed = {(row["id_a"], row["id_b"]): row["accepted"] for row in matched.export(threshold=threshold)}
    accepted = set(matched.pairs().query("accepted").index)
    assert likely <= accepted | {pair for pair, answer in reviewed.items() if answer == "no"}
    assert {pair for pair, answer in reviewed.items() if answer == "yes"} <= accepted
    assert matched.summary()["export"]["uncertain_photo_pairs"] == len(reviewed)


def test_a_pair_that_is_accepted_through_another_says_so(matched):
    for number in range(8):
        matched.listing(f"L{number}", number)
    # the medoid is 0; 7 matches five of its seven and not itself
    for member in range(1, 7):
        matched.verdict(0, member, 0.999)
    for a, b in itertools.combinations(range(1, 6), 2):
        matched.verdict(a, b, 0.91)
    for member in range(1, 6):
        matched.verdict(member, 7, 0.96 if member == 3 else 0.95)
    matched.verdict(0, 7, 0.599)
    row = matched.export()[0]
    assert (row["id_a"], row["id_b"], row["accepted"], row["through"]) == ("L0", "L7", "yes", "L3")
    through, score = (matched.pairs()[name] for name in ("through", "score"))
    assert matched.pairs()["accepted"].all()
    assert pd.isna(through["L0", "L1"])  # they match each other
    assert pd.isna(through["L3", "L7"])
    assert (through["L0", "L7"], score["L0", "L7"]) == ("L3", 0.599)
    assert (through["L6", "L7"], score["L6", "L7"]) == ("L3", 0.96)
    assert (through["L1", "L6"], score["L1", "L6"]) == ("L0", 0.999)


def test_a_pair_has_the_id_of_its_group_where_it_is_accepted_and_none_else(matched):
    for number in range(5):
        matched.listing(f"L{number}", number)
    matched.verdict(0, 1, 0.97)
    matched.verdict(2, 3, 0.95)
    matched.verdict(1, 4, 0.3)
    matched.export()
    pairs = matched.pairs()
    groups = pd.read_parquet(matched.store.url(matched.store.export(DUMP, "groups.parquet")))
    group_of = groups.set_index("listing_id")["group_id"]
    for pair in (("L0", "L1"), ("L2", "L3")):
        assert pairs.loc[pair, "accepted"]
        assert pairs.loc[pair, "group_id"] == group_of[pair[0]] == group_of[pair[1]]
    assert group_of["L0"] != group_of["L2"]
    assert not pairs.loc[("L1", "L4"), "accepted"]
    assert pd.isna(pairs.loc[("L1", "L4"), "group_id"])


def test_a_row_is_a_pair_of_pictures_with_its_listings_counted(matched):
    for size in "SML":
        matched.listing(f"A-{size}", 0, family_id="A-L", title="Tee", brand="Kite", colour="Red")
    matched.listing("B-1", 1, title="T-Shirt")
    matched.verdict(0, 1, 0.6, "learned")
    (row,) = matched.export()
    assert ids([row]) == [("A-L", "B-1")]
    assert (row["listings_a"], row["listings_b"], row["kind"]) == ("3", "1", "learned")
    assert (row["title_a"], row["brand_a"], row["colour_a"], row["brand_b"]) == ("Tee", "Kite", "Red", "")
    assert row["photo_url_b"] == "http://shop.test/1.jpeg"
    assert (row["image_a"], row["image_b"]) == (matched.images[0], matched.images[1])


def test_listings_of_one_family_never_stand_for_a_pair(matched):
    matched.listing("A1", 0, family_id="A1")
    matched.listing("A2", 1, family_id="A1")
    matched.listing("Z9", 1)
    matched.verdict(0, 1, 0.6)
    assert ids(matched.export()) == [("A1", "Z9")]


def test_the_band_is_a_setting(matched):
    for number in range(3):
        matched.listing(f"L{number}", number)
    matched.verdict(0, 1, 0.2)
    matched.verdict(0, 2, 0.7)
    assert ids(matched.export(review_band=(0.3, 0.8))) == [("L0", "L2")]
    # one above the band is not accepted either
    assert ids(matched.export(review_band=(0.1, 0.3))) == [("L0", "L2"), ("L0", "L1")]


def test_contradictions_stay_duplicates_and_are_reported(matched):
    matched.listing("A", 0, brand="Kite", colour="Red")
    matched.listing("B", 0, brand="KITE!", colour="Navy")
    matched.listing("C", 1, brand="Fern", colour="Red")
    matched.listing("D", 2, brand="Kite", colour="Blue")
    matched.listing("E", 3, brand="Kite", colour="Blue")
    matched.listing("F", 4, brand="Moss", colour="Green")
    matched.verdict(0, 1, 0.97)
    matched.verdict(2, 3, 0.5)
    matched.verdict(2, 4, 0.05)
    rows = matched.export()
    assert [(row["id_a"], row["id_b"], row["reason"]) for row in rows] == [
        ("B", "C", "colour-contradicts brand-contradicts"),
        ("A", "B", "colour-contradicts"),
        ("D", "E", "uncertain"),
    ]
    assert [row["kind"] for row in rows[:2]] == ["perceptual", "same-bytes"]
    pairs = matched.pairs()
    assert pairs["suspicious"].to_dict() == {
        ("A", "B"): True, ("A", "C"): True, ("B", "C"): True, ("D", "E"): False, ("D", "F"): False,
    }  # fmt: skip
    duplicates = matched.store.read_json(matched.store.export(DUMP, "duplicates.json"))
    assert duplicates == {"A": ["B", "C"], "B": ["A", "C"], "C": ["A", "B"]}
    counted = matched.summary()["export"]
    assert (counted["suspicious_photo_pairs"], counted["uncertain_photo_pairs"], counted["review_rows"]) == (2, 1, 3)
    assert counted["suspicious_by_reason"] == {"colour-contradicts": 2, "brand-contradicts": 1}


def test_other_brands_come_last_and_uncertain_ones_say_so(matched):
    for number, brand in enumerate(["Kite", "Fern", "Moss", "Moss", "Reed", "Oak"]):
        matched.listing(f"L{number}", number, brand=brand)
    matched.verdict(0, 1, 0.9)
    matched.verdict(2, 3, 0.3)
    matched.verdict(4, 5, 0.95)
    rows = matched.export()
    assert [(row["id_a"], row["reason"]) for row in rows] == [
        ("L0", "uncertain brand-contradicts"),
        ("L2", "uncertain"),
        ("L4", "brand-contradicts"),
    ]
    assert matched.summary()["export"]["review_left_out"] == 0


def test_the_rows_are_bounded_and_a_quarter_is_kept_for_contradictions(matched):
    for number, brand in enumerate(["Kite", "Fern", "Moss", "Moss", "Moss", "Moss", "Moss", "Moss"]):
        matched.listing(f"L{number}", number, brand=brand)
    matched.verdict(0, 1, 0.99)
    for number in range(3, 8):
        matched.verdict(2, number, number / 10)
    rows = matched.export(review_rows=4)
    assert ids(rows) == [("L2", "L7"), ("L2", "L6"), ("L2", "L5"), ("L0", "L1")]
    assert matched.summary()["export"]["review_left_out"] == 2
    assert matched.export(review_rows=0) == []
    assert matched.summary()["export"]["review_left_out"] == 6


def test_hostile_text_cannot_leave_its_cell(matched):
    matched.listing(
        "=cmd|' /C calc'!A0", 0, title='=HYPERLINK("http://evil.test","click")\n,second,"row', brand="\t@SUM(A1)"
    )
    matched.listing("B", 1, title="Tee;=1+1", brand="\u202ecod.exe", colour="x" * 5000)
    matched.verdict(0, 1, 0.5)
    (row,) = matched.export()
    assert row["id_a"] == "'=cmd|' /C calc'!A0"
    assert row["title_a"] == """'=HYPERLINK("http://evil.test","click") ,second,"row"""
    assert (row["brand_a"], row["brand_b"], row["title_b"]) == ("'@SUM(A1)", "cod.exe", "Tee;'=1+1")
    assert len(row["colour_b"]) == 200
    # people open the one table, programs join by the ids of the other
    text = matched.store.read_bytes(matched.store.export(DUMP, "pairs.csv")).decode()
    (pair,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (pair["id_a"], pair["id_b"], pair["score"]) == ("'=cmd|' /C calc'!A0", "B", "0.500000")
    assert matched.pairs().index[0] == ("=cmd|' /C calc'!A0", "B")


def test_equal_input_gives_equal_bytes_and_the_manifest_lists_the_file(matched):
    for number in range(6):
        matched.listing(f"L{number}", number, brand=f"Brand {number}")
    matched.verdict(0, 1, 0.99)
    for a, b in ((2, 3), (2, 4), (2, 5), (3, 4), (3, 5), (4, 5)):
        matched.verdict(a, b, 0.4)
    matched.export()
    path = matched.store.export(DUMP, "review.csv")
    first = matched.store.read_bytes(path)
    assert result_of(matched.store, DUMP, "export").outputs["review"] == path
    matched.listings.reverse()
    matched.verdicts.reverse()
    matched.store.remove(matched.store.dump(DUMP, "export"))
    matched.export()
    assert matched.store.read_bytes(path) == first


def test_what_a_killed_export_left_does_not_stay_beside_the_files(matched):
    left = Path(matched.store.url(matched.store.export(DUMP, ".tmp-half-written")))
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    matched.listing("A", 0)
    matched.export()
    assert not left.exists()
    assert (left.parent / "duplicates.json").exists()


def test_a_dump_without_anything_to_look_at_has_a_header_only(matched):
    matched.listing("A", 0)
    matched.listing("B", 1)
    assert matched.export() == []
    header = matched.store.read_bytes(matched.store.export(DUMP, "review.csv")).decode("utf-8-sig")
    assert header.startswith("reason,probability,accepted,through,kind,id_a,id_b,")
    assert matched.summary()["export"]["suspicious_photo_pairs"] == 0
