"""Groups that are too large for every pair of theirs to be named."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter, defaultdict

import jsonschema
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_export_stage import DUMP, Matched
from test_pairs import GROUPS, LISTINGS, MEDOIDS, VERDICTS, Row, catalogs, found

from dedup_pipeline.config import ExportSettings
from dedup_pipeline.store import Store
from tiny_shop import write_tiny_shop

SELLERS = 150  # more than the setting allows in one group
ABOVE = ExportSettings().pairs_up_to


def expanded(pairs, groups, family_of):
    """All pairs of two families within the groups that some accepted pairs tie together."""
    tied = {listing for pair, row in pairs.items() if row.accepted for listing in pair}
    members = defaultdict(list)
    for listing in sorted(tied):
        members[groups[listing]].append(listing)
    every = (pair for some in members.values() for pair in itertools.combinations(some, 2))
    return {(a, b) for a, b in every if family_of[a] != family_of[b]}


@given(catalog=catalogs(), above=st.integers(2, 4))
def test_a_star_says_what_all_pairs_say_in_as_many_rows_as_there_are_listings(catalog, above):
    listings, _, groups, _ = catalog
    whole, star = (dict(found(*catalog, above=most)) for most in (1000, above))
    assert star.items() <= whole.items()
    family_of = {listing: family for listing, family, _, _ in listings}
    accepted = {pair for pair, row in whole.items() if row.accepted}
    assert expanded(star, groups, family_of) == accepted
    sizes = Counter(groups.values())
    rows = Counter(groups[a] for (a, _), row in star.items() if row.accepted)
    together = {groups[a] for a, _ in accepted}
    for group in together:
        if sizes[group] > above:
            assert rows[group] == sizes[group] - 1
        else:
            assert rows[group] == sum(groups[a] == group for a, _ in accepted)


@given(catalog=catalogs())
def test_every_verdict_on_a_picture_of_a_crowd_is_named_once(catalog):
    listings, _, groups, _ = catalog
    node_of = {listing: node for listing, _, _, node in listings}
    sizes, shown = Counter(groups.values()), Counter(node_of.values())
    whole, star = (dict(found(*catalog, above=most)) for most in (1000, 2))

    def crowded(listing):
        return sizes[groups.get(listing)] > 2 or shown[node_of[listing]] > 2

    def verdicts(pairs):
        """Pairs of pictures that are not one group, each with how often it is named."""
        apart = (tuple(sorted(node_of[one] for one in pair)) for pair, row in pairs.items() if not row.accepted)
        return Counter(nodes for nodes in apart if nodes[0] != nodes[1])

    assert verdicts(star).keys() == verdicts(whole).keys()
    both = {nodes for pair in star if all(map(crowded, pair)) for nodes in [tuple(sorted(node_of[a] for a in pair))]}
    assert all(verdicts(star)[nodes] == 1 for nodes in both & verdicts(star).keys())


def test_the_rows_of_a_star_have_the_scores_of_all_pairs():
    star = dict(found(LISTINGS, VERDICTS, GROUPS, MEDOIDS, above=3))
    assert star == {
        ("A1", "B1"): Row(1.0, "same-bytes", True),
        ("A2", "B1"): Row(1.0, "same-bytes", True),  # A1, which is canonical, is of its family
        ("A1", "C1"): Row(1.0, "same-pixels", True),
        ("A1", "D1"): Row(0.97, "perceptual", True),
        ("A1", "E1"): Row(0.95, "learned", True),
        ("A1", "F1"): Row(0.3, "learned", False),
    }


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """One photo on the listings of many sellers, one of which has two sizes; and another photo that may be the same."""
    settings = write_tiny_shop(tmp_path_factory.mktemp("crowd") / "store", 3)
    store = Store(settings.store)
    photos = store.read_table(store.dump(DUMP, "fetch", "photos.parquet")).to_pylist()
    matched = Matched(settings, [photo["image_id"] for photo in photos])
    for seller in range(SELLERS):
        matched.listing(f"L{seller:03}", 0, title="Kurta", brand="Kite")
    matched.listing("L000-XL", 0, family_id="L000", title="Kurta", brand="Kite")
    matched.listing("OTHER", 1, title="Kurta", brand="Kite")
    matched.verdict(0, 1, 0.4)
    return matched, matched.export()


def test_what_an_export_writes_of_one_photo_grows_with_its_listings(crowd):
    matched, review = crowd
    pairs = matched.pairs()
    assert len(pairs) == SELLERS + 1  # a pair for every listing but one, and the verdict on the other photo
    assert len(matched.store.read_bytes(matched.store.export(DUMP, "pairs.csv")).splitlines()) == len(pairs) + 1
    assert pairs["accepted"].sum() == SELLERS
    assert pairs.loc[("L000", "OTHER")][["score", "accepted"]].tolist() == [0.4, False]
    duplicates = json.loads(matched.store.read_bytes(matched.store.export(DUMP, "duplicates.json")))
    others = [f"L{seller:03}" for seller in range(1, SELLERS)]
    assert duplicates["L000"] == others
    assert duplicates["L000-XL"] == ["L001"]  # not with its own family
    assert duplicates["L001"] == ["L000", "L000-XL"]
    assert all(duplicates[other] == ["L000"] for other in others[1:])
    groups = pq.read_table(matched.store.local_path(matched.store.export(DUMP, "groups.parquet")))
    assert sorted(groups["listing_id"].to_pylist()) == sorted(duplicates)  # the members stand in full here
    assert [row["id_a"] for row in review] == ["L000", "L000"]


def test_a_crowd_is_counted_and_comes_first_where_a_person_looks(crowd):
    matched, review = crowd
    every = (SELLERS + 1) * SELLERS // 2 - 1
    assert matched.summary()["export"]["crowds"] == {
        "above": ABOVE, "groups": 1, "listings": SELLERS + 1, "pairs_left_out": every - SELLERS,
    }  # fmt: skip
    assert matched.summary()["export"]["suspicious_photo_pairs"] == 0
    first, second = review
    assert (first["reason"], first["accepted"], first["listings_a"]) == ("crowd", "yes", str(SELLERS + 1))
    assert first["image_a"] == first["image_b"] == matched.images[0]
    assert (second["reason"], second["id_b"]) == ("uncertain", "OTHER")


@pytest.mark.parametrize("form", ["canonical", "separate"])
def test_the_other_forms_are_what_they_were(crowd, form):
    matched, _ = crowd
    path = matched.store.export(DUMP, "duplicates.json")
    written = []
    for above in (ABOVE, 1000):
        matched.export(form=form, pairs_up_to=above)
        written.append(matched.store.read_bytes(path))
    assert written[0] == written[1]
    assert list(json.loads(written[0])) == ["L000"]


def test_what_is_no_crowd_is_not_spoken_of(crowd):
    matched, _ = crowd
    rows = matched.export(pairs_up_to=SELLERS + 1)
    assert len(matched.pairs()) == (SELLERS + 1) * SELLERS // 2 - 1 + SELLERS + 1
    assert "crowds" not in matched.summary()["export"]
    assert [row["reason"] for row in rows] == ["uncertain"]


def test_the_schema_holds_for_a_star(crowd):
    matched, _ = crowd
    matched.export(form="listing", pairs_up_to=ABOVE)
    schema, duplicates = (
        json.loads(matched.store.read_bytes(matched.store.export(DUMP, name)))
        for name in ("duplicates.schema.json", "duplicates.json")
    )
    jsonschema.validate(duplicates, schema)


def test_two_pictures_of_one_family_each_in_hundreds_of_sizes_are_one_row(tmp_path):
    settings = write_tiny_shop(tmp_path / "store", 2)
    store = Store(settings.store)
    photos = store.read_table(store.dump(DUMP, "fetch", "photos.parquet")).to_pylist()
    matched = Matched(settings, [photo["image_id"] for photo in photos])
    for size in range(ABOVE + 1):
        for picture, family in enumerate("AB"):
            matched.listing(f"{family}{size:03}", picture, family_id=family)
    matched.verdict(0, 1, 0.5)
    (row,) = matched.export()
    assert list(matched.pairs().index) == [("A000", "B000")]
    assert (row["listings_a"], row["listings_b"]) == (str(ABOVE + 1), str(ABOVE + 1))
    text = matched.store.read_bytes(matched.store.export(DUMP, "pairs.csv")).decode()
    assert [record["id_b"] for record in csv.DictReader(io.StringIO(text))] == ["B000"]
