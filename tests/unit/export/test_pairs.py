"""From verdicts and groups to pairs of listings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.schemas import VerdictKind
from dedup_pipeline.stages.export.crowds import Crowds
from dedup_pipeline.stages.export.exported_listings import Listed
from dedup_pipeline.stages.export.pairs import KINDS, Likely, found_pairs, listing_pairs

LISTINGS = [
    ("A1", "FA", "i1", "i1"),
    ("A2", "FA", "i1", "i1"),
    ("B1", "FB", "i1", "i1"),  # the same file
    ("C1", "FC", "i2", "i1"),  # the same pixels
    ("D1", "FD", "i3", "i3"),
    ("E1", "FE", "i4", "i4"),
    ("F1", "FF", "i5", "i5"),
]
VERDICTS = [
    ("i1", "i3", "perceptual", 0.97),
    ("i1", "i4", "learned", 0.95),
    ("i1", "i5", "learned", 0.3),
    ("i4", "i5", "learned", 0.001),
]
GROUPS = {listing: "G" for listing, _, _, node in LISTINGS if node != "i5"}
MEDOIDS = {"G": "i1"}


@dataclass(frozen=True)
class Row:
    """A pair as a file would name it."""

    score: float
    kind: str
    accepted: bool


def listed(listings, verdicts, groups, medoids, images) -> Listed:
    """The listings as arrays: listing, family, image and node of each."""
    direct = {frozenset((a, b)): value for a, b, _, value in verdicts}
    shows = {node: place for place, (*_, node) in reversed(list(enumerate(listings)))}
    names, families = ByteStrings.of(images), sorted({family for _, family, _, _ in listings})
    group_ids = sorted({*groups.values()})
    nodes = [node for _, _, _, node in listings]
    of_group = [groups.get(listing) for listing, _, _, _ in listings]
    return Listed(
        ids=pa.array([listing for listing, _, _, _ in listings], pa.string()),
        rows=np.arange(len(listings)),
        images=names.find(ByteStrings.of([image for _, _, image, _ in listings])).astype(np.int32),
        nodes=names.find(ByteStrings.of(nodes)).astype(np.int32),
        families=np.array([families.index(family) for _, family, _, _ in listings], dtype=np.int32),
        groups=np.array([group_ids.index(group) if group else -1 for group in of_group], dtype=np.int32),
        canonical=np.zeros(len(listings), dtype=bool),
        scores=np.array(
            [
                direct.get(frozenset((medoids[group], node)), float(medoids[group] == node)) if group else 0.0
                for group, node in zip(of_group, nodes, strict=True)
            ]
        ),
        through=np.array(
            [
                shows[medoids[group]] if group and medoids[group] != node else place
                for place, (group, node) in enumerate(zip(of_group, nodes, strict=True))
            ],
            dtype=np.int64,
        ),
        names=names,
        group_ids=pa.array(group_ids, pa.string()),
    )


def likely(verdicts, images) -> Likely:
    names = ByteStrings.of(images)
    low, high = (names.find(ByteStrings.of([row[side] for row in verdicts])).astype(np.int32) for side in (0, 1))
    kinds = np.array([KINDS.index(kind) for _, _, kind, _ in verdicts], dtype=np.int8)
    return Likely(low, high, np.array([value for *_, value in verdicts], dtype=np.float64), kinds)


def found(listings, verdicts, groups, medoids, *, minimum_score=0.01, above=100) -> list[tuple[tuple[str, str], Row]]:
    images = sorted(
        {name for *_, image, node in listings for name in (image, node)} | {n for v in verdicts for n in v[:2]}
    )
    known = listed(listings, verdicts, groups, medoids, images)
    crowds = Crowds.of(known, above)
    pairs = listing_pairs(known, found_pairs(known, likely(verdicts, images), crowds, minimum_score=minimum_score))
    ids = known.ids.to_pylist()
    columns = (pairs.low, pairs.high, pairs.scores(np.arange(len(pairs))), pairs.kinds, pairs.accepted)
    return [
        ((ids[low], ids[high]), Row(score, KINDS[kind], accepted))
        for low, high, score, kind, accepted in zip(*(column.tolist() for column in columns), strict=True)
    ]


@pytest.fixture
def pairs():
    return dict(found(LISTINGS, VERDICTS, GROUPS, MEDOIDS))


def test_equal_bytes_and_equal_pixels_are_certain(pairs):
    assert (pairs["A1", "B1"].kind, pairs["A1", "B1"].score) == ("same-bytes", 1.0)
    assert (pairs["B1", "C1"].kind, pairs["B1", "C1"].score) == ("same-pixels", 1.0)


def test_a_family_is_never_paired_with_itself(pairs):
    assert ("A1", "A2") not in pairs


def test_verdicts_reach_every_listing_of_their_pictures(pairs):
    assert {pair for pair, row in pairs.items() if row.score == 0.97 and row.kind == "perceptual"} == {
        ("A1", "D1"), ("A2", "D1"), ("B1", "D1"), ("C1", "D1"),
    }  # fmt: skip


def test_two_members_without_a_verdict_have_the_lesser_score_over_the_medoid(pairs):
    assert pairs["D1", "E1"] == Row(0.95, "group", True)


def test_unlikely_pairs_are_listed_and_not_accepted(pairs):
    assert pairs["A1", "F1"] == Row(0.3, "learned", False)
    assert ("E1", "F1") not in pairs


def by_hand(listings, verdicts, groups, medoids, minimum_score):
    """The same, pair by pair."""
    direct = {(a, b): (kind, value) for a, b, kind, value in verdicts}

    def to_medoid(listing, node):
        medoid = medoids[groups[listing]]
        return 1.0 if node == medoid else direct.get((min(node, medoid), max(node, medoid)), ("", 0.0))[1]

    for (a, family_a, image_a, node_a), (b, family_b, image_b, node_b) in itertools.combinations(sorted(listings), 2):
        if family_a == family_b:
            continue
        together = a in groups and groups.get(a) == groups.get(b)
        kind, score = direct.get((min(node_a, node_b), max(node_a, node_b)), ("", 0.0))
        if node_a == node_b:
            kind, score = VerdictKind.SAME_BYTES if image_a == image_b else VerdictKind.SAME_PIXELS, 1.0
        elif not kind or score < minimum_score:
            if not together:
                continue
            kind, score = VerdictKind.GROUP, min(to_medoid(a, node_a), to_medoid(b, node_b))
        yield (a, b), Row(round(score, 6), str(kind), together)


@st.composite
def catalogs(draw):
    """Listings of a few families and pictures, verdicts on some of these, groups with a medoid each."""
    images = [f"i{number}" for number in range(draw(st.integers(1, 6)))]
    node_of = {image: draw(st.sampled_from(images[: place + 1])) for place, image in enumerate(images)}
    node_of = {image: node if node_of[node] == node else image for image, node in node_of.items()}
    chosen = draw(st.lists(st.tuples(st.sampled_from("FGH"), st.sampled_from(images)), max_size=9))
    listings = [(f"L{place}", family, image, node_of[image]) for place, (family, image) in enumerate(chosen)]
    nodes = sorted({*node_of.values()})
    verdicts = [
        (a, b, draw(st.sampled_from(["perceptual", "learned"])), draw(st.sampled_from([0.001, 0.2, 0.95, 0.999])))
        for a, b in itertools.combinations(nodes, 2)
        if draw(st.booleans())
    ]
    group_of = {node: draw(st.sampled_from(["", "G", "H"])) for node in nodes}
    groups = {listing: group_of[node] for listing, _, _, node in listings if group_of[node]}
    shown = {node for *_, node in listings}
    medoids = {}
    for group in sorted({*groups.values()}):
        medoids[group] = draw(st.sampled_from(sorted(node for node in shown if group_of[node] == group)))
    return listings, verdicts, groups, medoids


@given(catalog=catalogs())
def test_pairs_are_those_found_one_by_one_in_the_order_of_their_ids(catalog):
    assert found(*catalog) == list(by_hand(*catalog, 0.01))
