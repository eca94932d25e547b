"""Truth and outcome side by side: what became of every pair of photos, and what the search for candidates lost."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dedup_pipeline import schemas
from dedup_pipeline.evaluate import Found, RunOutcome, read_truth
from dedup_pipeline.evaluate.candidates import UNSEEN, UNUSABLE, candidate_recall
from dedup_pipeline.evaluate.judged import judged_photo_pairs
from dedup_pipeline.evaluate.mistakes import worst_missed, worst_wrong

TRUTH = """\
id_a,id_b,level,edits,hops
A,B,0,identical,1
A,C,1,jpeg:50,1
B,C,1,jpeg:50,1
A,D,3,mirror+crop:0.1x0.1,1
A,E,2,logo,1
S1,S2,0,same-url,0
"""
PHOTOS = """\
productId,photo_id,family,kind,style,scored,edits
A,pa,F1,photo,S,1,
A2,pa,F1,photo,S,1,
B,pb,F2,photo,S,1,identical
C,pc,F3,photo,S,1,jpeg:50
D,pd,F4,photo,S,1,mirror+crop:0.1x0.1
E,pe,F5,photo,S,1,logo
R,pr,F6,photo,S,1,
I,pi,F7,photo,S,1,
G,pg,F1,photo,S,1,
W,pw,F8,photo,T,1,
S1,ps,F9,photo,T,1,
S2,ps,F10,photo,T,1,
"""


def outcome(verdicts: list[tuple[str, str, float]], pairs: list[tuple[str, str, float, bool]]) -> RunOutcome:
    """A run in which the photos of A and B have equal pixels, and that of E could not be fetched."""
    listings = [line.split(",")[:2] for line in PHOTOS.splitlines()[1:]]
    node_of = {"pb": "pa", "pe": None}
    rows = [
        {"listing_id": listing, "title": f"title of {listing}", "image_id": None if photo == "pe" else f"image-{photo}"}
        | {"node": node_of.get(photo, photo)}
        for listing, photo in listings
    ]
    evidence: dict[str, Any] = {field.name: [0.5] * len(verdicts) for field in schemas.VERDICTS}
    columns = evidence | {"kind": ["learned"] * len(verdicts), "mirrored": [False] * len(verdicts)}
    columns |= {name: [row[place] for row in verdicts] for place, name in enumerate(("node_a", "node_b"))}
    columns["probability"] = [row[2] for row in verdicts]
    exported = pd.DataFrame(pairs, columns=["id_a", "id_b", "score", "accepted"]).astype({"accepted": bool})
    return RunOutcome("d", exported, pd.DataFrame(columns), pd.DataFrame(rows), {}, {}, {"threshold": 0.9}, {}, {})


@pytest.fixture
def truth(tmp_path: Path):
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "photos.csv").write_text(PHOTOS)
    (tmp_path / "ignore.csv").write_text("id_a,id_b,reason\nA,I,same-look\n")
    return read_truth(tmp_path)


VERDICTS_OF = [("pa", "pc", 0.95), ("pa", "pr", 0.97), ("pa", "pi", 0.9), ("pa", "pg", 0.9), ("pc", "pw", 0.4)]
PAIRS = [("A", "B", 1.0, True), ("A", "C", 0.95, True), ("B", "C", 0.95, True), ("A", "R", 0.97, True)]


def test_every_pair_has_its_label_and_how_it_was_found(truth) -> None:
    table = judged_photo_pairs(truth, outcome(VERDICTS_OF, PAIRS))
    said = {pair: (row["label"], row["found"], row["accepted"]) for pair, row in table.iterrows()}
    assert said.pop(("pa", "pd"))[:1] == ("right",)
    assert said.pop(("pa", "pe"))[:1] == ("right",)
    assert said == {
        ("pa", "pb"): ("right", "exact", True),
        ("pa", "pc"): ("right", "learned", True),
        ("pb", "pc"): ("right", "learned", True),
        ("ps", "ps"): ("right", "exact", False),
        ("pa", "pr"): ("wrong", "learned", True),
        ("pb", "pr"): ("wrong", "learned", False),
        ("pa", "pi"): ("ignored", "learned", False),
        ("pb", "pi"): ("wrong", "learned", False),
        ("pa", "pg"): ("family", "learned", False),
        ("pb", "pg"): ("wrong", "learned", False),
        ("pc", "pw"): ("wrong", "learned", False),
    }


def test_candidates_count_what_was_looked_at_and_say_why_others_were_not(truth) -> None:
    found = candidate_recall(judged_photo_pairs(truth, outcome(VERDICTS_OF, PAIRS)))
    assert found.recall == Found(4 / 6, 4, 6)
    assert found.by_kind == {"exact": 2, "learned": 2}
    assert found.lost == {UNUSABLE: 1, UNSEEN: 1}
    assert found.by_level == {
        "0": Found(1.0, 2, 2),
        "1": Found(1.0, 2, 2),
        "2": Found(0.0, 0, 1),
        "3": Found(0.0, 0, 1),
    }
    assert {name: each.recall for name, each in found.by_edit.items()} == {
        "identical": 1.0, "jpeg": 1.0, "mirror": 0.0, "crop": 0.0, "logo": 0.0
    }  # fmt: skip


def test_accepted_mistakes_come_first_then_near_ones(truth) -> None:
    run = outcome(VERDICTS_OF, PAIRS)
    wrong = worst_wrong(judged_photo_pairs(truth, run), truth, run, most=3)
    assert [(each.accepted, each.probability) for each in wrong] == [(True, 0.97), (False, 0.97), (False, 0.9)]
    assert wrong[0].reason == "same style, other colour or view"
    assert {side.title for side in wrong[0].sides} == {"title of A", "title of R"}
    assert wrong[0].evidence["cosine"] == 0.5


def test_missed_pairs_without_a_candidate_come_first_and_photos_do_not_repeat(truth) -> None:
    run = outcome(VERDICTS_OF, [("A", "B", 1.0, True), ("A", "C", 0.95, False)])
    missed = worst_missed(judged_photo_pairs(truth, run), truth, run)
    shown = [tuple(side.photo_id for side in each.sides) for each in missed]
    assert shown[0] == ("pa", "pd")
    assert set(shown[1:3]) == {("pb", "pc"), ("ps", "ps")}
    assert set(shown[3:]) == {("pa", "pe"), ("pa", "pc")}
    assert [each.found for each in missed if each.sides[1].photo_id in {"pd", "pe"}] == [None, None]


def test_without_candidates_nothing_is_found(truth) -> None:
    found = candidate_recall(judged_photo_pairs(truth, outcome([], [])))
    assert (found.by_kind, found.recall.found) == ({"exact": 2}, 2)
