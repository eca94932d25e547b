import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate import Found, read_predictions, score, to_dict
from plain_score import PlainScore

TRUTH = """\
id_a,id_b,level,edits,photo_a,photo_b,hops,same_category,same_seller
A1,B1,1,jpeg:50,pa,pb,1,1,0
A2,B1,1,jpeg:50,pa,pb,1,1,0
A1,C1,3,mirror+crop:0.10x0.20+png,pa,pc,1,1,0
A2,C1,3,mirror+crop:0.10x0.20+png,pa,pc,1,1,0
B1,C1,3,jpeg:50 | mirror+crop:0.10x0.20+png,pb,pc,2,1,0
"""
PHOTOS = """\
productId,photo_id,photo_group,level,edits,family,kind,style,scored
A1,pa,G1,base,,F1,photo,S1,1
A2,pa,G1,base,,F1,photo,S1,1
B1,pb,G1,1,jpeg:50,F2,photo,S1,1
C1,pc,G1,3,mirror+crop:0.10x0.20+png,F3,photo,S1,1
D1,pd,G2,base,,F4,photo,S1,1
E1,pe,G3,base,,F5,photo,S2,1
M1,pm,G4,base,,F6,malformed,S2,0
P1,pp,,,,F7,placeholder,,1
P2,pp,,,,F8,placeholder,,1
Z1,pz,,,,F9,dead-url,,1
"""
IGNORE = "id_a,id_b,reason\nD1,E1,same-look\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {"truth.csv": TRUTH, "photos.csv": PHOTOS, "ignore.csv": IGNORE}.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_hand_computed_figures(folder: Path) -> None:
    pairs = {
        ("B1", "A1"): 0.9,  # right, and so is the next: one pair of photos
        ("A2", "B1"): 0.8,
        ("A1", "D1"): 0.7,  # a recolour, twice in one pair of photos
        ("A2", "D1"): 0.6,
        ("C1", "B1"): 0.5,  # right
        ("A1", "A2"): 0.9,  # a family
        ("E1", "D1"): 0.9,  # ignored
        ("M1", "A1"): 0.9,  # ignored, as M1 is not scored
        ("P1", "P2"): 0.4,
        ("Z1", "A1"): 0.3,
        ("E1", "A1"): 0.2,
        ("X9", "A1"): 0.1,
    }
    result = score(folder, pairs, scored=True)
    assert to_dict(result)["counts"] == {
        "predicted_pairs": 12, "ignored_pairs": 2, "family_violations": 1, "unknown_ids": 1
    }  # fmt: skip
    photo, listing = result.photo, result.listing
    assert (photo.right, photo.wrong, photo.missed, photo.truth) == (2, 5, 1, 3)
    assert (photo.precision, photo.recall) == (2 / 7, 2 / 3)
    assert photo.f1 == pytest.approx(0.4)
    assert photo.by_level == {"1": Found(1.0, 1, 1), "3": Found(0.5, 1, 2)}
    # B1 - C1 is copy against copy and says nothing about a single edit
    assert photo.by_edit == {
        "crop": Found(0.0, 0, 1), "jpeg": Found(1.0, 1, 1), "mirror": Found(0.0, 0, 1), "png": Found(0.0, 0, 1)
    }  # fmt: skip
    assert photo.wrong_by_kind == {
        "same style, other colour or view": 1, "placeholder": 1, "unusable picture": 1, "other product": 1,
        "unknown productId": 1,
    }  # fmt: skip
    assert (listing.right, listing.wrong, listing.missed) == (3, 6, 2)
    assert listing.by_level == {"1": Found(1.0, 2, 2), "3": Found(1 / 3, 1, 3)}
    assert listing.by_edit is None
    assert listing.ranking is not None
    assert photo.ranking is not None
    # photo level, from the top: right 0.9, wrong 0.7, right 0.5, then only wrong ones
    assert photo.ranking.average_precision == pytest.approx((1 + 2 / 3) / 3)
    assert (photo.ranking.recall_at_p99, photo.ranking.threshold_at_p99) == (1 / 3, 0.9)
    assert (photo.ranking.recall_at_p999, photo.ranking.threshold_at_p999) == (1 / 3, 0.9)
    assert photo.ranking.by_level_at_p99 == {"1": Found(1.0, 1, 1), "3": Found(0.0, 0, 2)}
    assert (listing.ranking.recall_at_p95, listing.ranking.threshold_at_p95) == (2 / 5, 0.8)


def test_equal_scores_are_one_step(folder: Path) -> None:
    ranking = score(folder, {("A1", "B1"): 0.5, ("A1", "E1"): 0.5}, scored=True).photo.ranking
    assert ranking is not None
    assert ranking.average_precision == pytest.approx(0.5 / 3)
    assert (ranking.recall_at_p95, ranking.threshold_at_p95) == (0.0, None)


def test_nothing_predicted_and_nothing_to_find(folder: Path) -> None:
    result = score(folder, {}, scored=True)
    assert (result.photo.precision, result.photo.recall, result.photo.f1) == (0.0, 0.0, 0.0)
    assert result.photo.missed == 3
    (folder / "truth.csv").write_text(TRUTH.splitlines()[0] + "\n")
    (folder / "ignore.csv").unlink()
    assert score(folder, {("A1", "B1"): 1.0}).listing.wrong == 1


def test_without_scores_there_is_no_ranking(folder: Path) -> None:
    figures = to_dict(score(folder, {("A1", "B1"): 1.0}))
    assert "average_precision" not in figures["photo"]
    assert "by_edit" not in figures["listing"]
    json.dumps(figures)


def test_reads_json_and_csv(tmp_path: Path) -> None:
    as_json, as_csv = tmp_path / "a.JSON", tmp_path / "a.csv"
    as_json.write_text('{"A": ["B", "C"], "B": ["A"], "C": ["C"]}')
    predictions = read_predictions(as_json)
    assert predictions.pairs == {("A", "B"): 1.0, ("A", "C"): 1.0}
    assert (predictions.scored, predictions.own_pairs) == (False, 1)
    as_csv.write_text("id_b,score,id_a\nB,0.5,A\nA,0.75,B\nNA,1,001\n")
    assert read_predictions(as_csv).pairs == {("A", "B"): 0.75, ("001", "NA"): 1.0}
    as_csv.write_text("id_a,id_b\nA,B\n")
    assert not read_predictions(as_csv).scored


def test_reads_parquet_with_ids_that_a_spreadsheet_would_compute(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    pd.DataFrame({"id_a": ["=1+1"], "id_b": ["B"], "score": [0.5], "kind": ["learned"]}).to_parquet(file)
    assert read_predictions(file).pairs == {("=1+1", "B"): 0.5}
    pd.DataFrame({"id_a": ["A"]}).to_parquet(file)
    with pytest.raises(InputError, match="has the columns id_a: it needs id_a, id_b"):
        read_predictions(file)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[]", "holds a list"),
        ("a.json", '{"A": "B"}', "no list of ids under 'A'"),
        ("a.json", "{", "is not JSON"),
        ("a.csv", "a,b\n1,2\n", "it needs id_a, id_b"),
        ("a.csv", "", "is not a CSV table"),
        ("a.csv", "id_a,id_b,score\nA,B,1\nA,C,high\n", "line 3: the score 'high'"),
        ("a.csv", "id_a,id_b,score\nA,B,inf\n", "line 2: the score 'inf'"),
        ("a.csv", "id_a,id_b,score\nA,B,\n", "line 2: the score ''"),
        ("a.csv", "id_a,id_b\nA,B\nA,'=1+1\n", 'line 3: the id "\'=1\\+1" is not that of the dump'),
        ("a.parquet", "id_a,id_b\n", "is not a Parquet table"),
    ],
)
def test_bad_predictions_say_what_and_where(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_predictions(tmp_path / name)
    assert name in str(caught.value)


def test_missing_files_and_columns(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        read_predictions(tmp_path / "none.json")
    with pytest.raises(InputError, match="name a truth folder"):
        score(tmp_path / "none", {})
    (folder / "photos.csv").write_text("productId\nA\n")
    with pytest.raises(InputError, match="has no column photo_id, family"):
        score(folder, {})


@pytest.mark.parametrize("scored", [True, False])
def test_agrees_with_plain_loops_over_a_shop(drawn_shop: Path, scored: bool) -> None:
    plain = PlainScore(drawn_shop)
    chooser = random.Random(3)
    ids = sorted(plain.listings)
    pairs = {pair: round(chooser.uniform(0.3, 1), 2) for pair in sorted(plain.truth) if chooser.random() < 0.6}
    strangers = [tuple(sorted(chooser.sample(ids, 2))) for _ in range(2000)]
    for pair in [*strangers, *pairwise(ids), *sorted(plain.ignored), ("0 unknown", ids[0])]:
        pairs.setdefault(pair, round(chooser.random(), 2))
    # where the surest are right, recall at a high precision is more than nothing
    pairs |= {pair: 1.01 for pair in list(pairs)[:: len(pairs) // 40] if pair in plain.truth}
    _assert_close(to_dict(score(drawn_shop, pairs, scored)), plain.figures(pairs, scored=scored))


def _assert_close(ours: Any, plain: Any, where: str = "") -> None:
    if isinstance(plain, dict):
        assert set(ours) == set(plain), where
        for key in plain:
            _assert_close(ours[key], plain[key], f"{where}/{key}")
    else:
        assert ours == (None if plain is None else pytest.approx(plain, abs=1e-12)), where
