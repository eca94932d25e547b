"""Tune and test: which half a style is in, and what each half answers for."""

from pathlib import Path

import pytest

from dedup_pipeline.evaluate import SPLITS, read_truth, split_of
from dedup_pipeline.evaluate.score import score_against
from dedup_pipeline.evaluate.splits import pairs_within, within


def style_of(split: str, other_than: str = "") -> str:
    return next(name for name in map("S{}".format, range(99)) if split_of(name) == split and name != other_than)


def test_half_of_many_styles_are_in_each_and_none_moves() -> None:
    names = [f"S{number:05d}" for number in range(2000)]
    tune = [name for name in names if split_of(name) == "tune"]
    assert 900 < len(tune) < 1100
    assert {split_of(name) for name in names} == {"tune", "test"}
    assert [split_of(name) for name in ("S00036", "S00001", "S00003")] == ["tune", "tune", "test"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tune, test = style_of("tune"), style_of("test")
    rows = [("A", "pa", tune), ("B", "pb", tune), ("C", "pc", test), ("D", "pd", test), ("E", "pe", tune)]
    photos = ["productId,photo_id,family,kind,style,scored"]
    photos += [f"{listing},{photo},F{listing},photo,{style},1" for listing, photo, style in rows]
    truth = ["id_a,id_b,level,edits", "A,B,1,jpeg:50", "C,D,3,mirror+jpeg:50", "A,C,2,crop:0.1x0.1"]
    (tmp_path / "photos.csv").write_text("\n".join(photos) + "\n")
    (tmp_path / "truth.csv").write_text("\n".join(truth) + "\n")
    return tmp_path


def test_a_pair_across_the_splits_counts_in_all_only(folder: Path) -> None:
    truth = read_truth(folder)
    pairs = {("A", "B"): 0.9, ("C", "D"): 0.8, ("D", "E"): 0.7, ("B", "E"): 0.6, ("A", "X"): 0.5}
    views = {name: score_against(within(truth, name), pairs_within(pairs, truth, name)).photo for name in SPLITS}
    counted = {name: (view.right, view.wrong, view.truth) for name, view in views.items()}
    assert counted == {"all": (2, 3, 3), "tune": (1, 1, 1), "test": (1, 0, 1)}
    assert set(views["test"].by_level) == {"3"}


def test_a_photo_without_a_style_goes_by_its_family(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("id_a,id_b,level,edits\nA,B,1,jpeg:50\n")
    family = style_of("tune")
    rows = f"A,pa,{family},photo,,1\nB,pb,{style_of('tune', family)},photo,,1\n"
    (tmp_path / "photos.csv").write_text("productId,photo_id,family,kind,style,scored\n" + rows)
    truth = read_truth(tmp_path)
    assert [len(within(truth, name).pairs) for name in SPLITS] == [1, 1, 0]
