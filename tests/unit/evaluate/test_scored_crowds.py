"""Groups that an export names as stars: the figures are those of all their pairs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dedup_pipeline.evaluate import read_predictions, score, to_dict
from dedup_pipeline.evaluate.crowds import crowds_among
from dedup_pipeline.evaluate.score import score_against
from dedup_pipeline.evaluate.splits import SPLITS, crowds_within, pairs_within, within
from dedup_pipeline.evaluate.truth import Truth, read_truth

ABOVE = 4


def drawn(seed: int) -> tuple[Truth, pd.DataFrame, dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """A truth; groups of listings; their pairs, large groups as stars; and all pairs that these mean."""
    generator = np.random.default_rng(seed)
    names = [f"L{number:02}" for number in range(40)]
    photos = [f"p{number}" for number in generator.integers(0, 9, len(names)).tolist()]
    styles = {photo: str(generator.choice(["s1", "s2", ""])) for photo in photos}
    kinds = {photo: str(generator.choice(["photo", "photo", "photo", "placeholder", "broken"])) for photo in photos}
    parts = {photo: str(generator.choice(["", "", "x", "x y"])) for photo in photos}
    listings = pd.DataFrame(
        {
            "productId": names,
            "photo_id": photos,
            "family": [f"F{number}" for number in generator.integers(0, 25, len(names)).tolist()],
            "kind": [kinds[photo] for photo in photos],
            "style": [styles[photo] for photo in photos],
            "scored": [str(value) for value in generator.choice(["1", "1", "1", "0"], len(names)).tolist()],
            "parts": [parts[photo] for photo in photos],
        }
    )
    known = listings[generator.random(len(names)) < 0.85].set_index("productId")  # nothing is known of the others
    pairs = [pair for pair in itertools.combinations(known.index, 2) if generator.random() < 0.1]
    true = pd.DataFrame(pairs, columns=["id_a", "id_b"]).assign(level="1", edits="", hops="1")
    pairs = [pair for pair in itertools.combinations(known.index, 2) if generator.random() < 0.05]
    ignored = pd.DataFrame(pairs, columns=["id_a", "id_b"])
    family_of = dict(zip(names, listings["family"], strict=True))
    family_of |= {name: name for name in names if name not in known.index or generator.random() < 0.2}
    groups = pd.DataFrame({"listing_id": names, "group_id": [f"G{n}" for n in generator.integers(0, 5, len(names))]})
    groups = groups.assign(family_id=groups["listing_id"].map(family_of), canonical=False)
    star, every = {}, {}
    for _, rows in groups.groupby("group_id"):
        hub = str(generator.choice(rows["listing_id"].to_numpy()))
        groups.loc[groups["listing_id"].eq(hub), "canonical"] = True
        members = rows["listing_id"].tolist()
        others = [name for name in members if family_of[name] != family_of[hub]]
        if not others:
            continue
        of = {name: 1.0 if name == hub else float(generator.choice([0.91, 0.95, 1.0])) for name in members}
        mates = {name: others[0] if family_of[name] == family_of[hub] else hub for name in members if name != hub}
        own = {tuple(sorted((name, mate))): of[name] for name, mate in mates.items()}
        apart = [pair for pair in itertools.combinations(members, 2) if family_of[pair[0]] != family_of[pair[1]]]
        all_pairs = {(a, b): min(of[a], of[b]) for a, b in apart}
        every |= all_pairs
        star |= own if len(members) > ABOVE else all_pairs
    group_of = dict(zip(names, groups["group_id"], strict=True))
    others = ((a, b) for a, b in itertools.combinations(known.index, 2) if group_of[a] != group_of[b])
    stray = {pair: 0.5 for pair in others if generator.random() < 0.05}
    return Truth(true, known, ignored), groups, stray | star, stray | every


@pytest.mark.parametrize("seed", range(8))
def test_a_star_has_the_figures_of_all_its_pairs(seed: int) -> None:
    truth, groups, star, every = drawn(seed)
    crowds = crowds_among(groups, star, ABOVE)
    assert crowds
    for split in SPLITS:
        part = within(truth, split)
        for scored in (False, True):
            found = score_against(
                part, pairs_within(star, truth, split), scored, crowds=crowds_within(crowds, truth, split)
            )
            assert to_dict(found) == to_dict(score_against(part, pairs_within(every, truth, split), scored))


def write_export(folder: Path, listings: int, form: str) -> Path:
    """What an export writes of one photo on so many listings."""
    names = [f"L{number:05}" for number in range(listings)]
    duplicates = {names[0]: names[1:]} | ({name: names[:1] for name in names[1:]} if form == "listing" else {})
    (folder / "duplicates.json").write_text(json.dumps(duplicates))
    summary = {"form": form, "export": {"crowds": {"above": 100, "groups": 1, "listings": listings}}}
    (folder / "summary.json").write_text(json.dumps(summary))
    groups = pd.DataFrame({"group_id": "G", "listing_id": names, "family_id": names})
    groups.assign(canonical=groups["listing_id"].eq(names[0])).to_parquet(folder / "groups.parquet")
    pairs = pd.DataFrame({"id_a": names[0], "id_b": names[1:], "score": 1.0})
    pairs.to_parquet(folder / "pairs.parquet")
    pairs.to_csv(folder / "pairs.csv", index=False)
    photos = pd.DataFrame({"productId": names, "photo_id": "p", "family": names, "kind": "placeholder"})
    photos.assign(style="", scored="1").to_csv(folder / "photos.csv", index=False)
    (folder / "truth.csv").write_text("id_a,id_b,level,edits\nL00001,L00002,0,\n")
    return folder


@pytest.mark.parametrize("name", ["duplicates.json", "pairs.csv", "pairs.parquet"])
def test_a_file_is_scored_with_the_crowds_that_lie_beside_it(tmp_path: Path, name: str) -> None:
    listings = 3000
    read = read_predictions(write_export(tmp_path, listings, "listing") / name)
    figures = score(tmp_path, read.pairs, read.scored, read.crowds)
    every = listings * (listings - 1) // 2
    assert figures.counts.predicted_pairs == every
    assert (figures.listing.right, figures.listing.wrong) == (1, every - 1)
    assert figures.listing.wrong_by_kind == {"placeholder": every - 1}
    assert (figures.photo.right, figures.photo.wrong) == (1, 0)  # the pair of the photo with itself


def test_a_form_that_names_each_group_once_is_scored_as_it_is(tmp_path: Path) -> None:
    read = read_predictions(write_export(tmp_path, 200, "canonical") / "duplicates.json")
    assert read.crowds == ()
    assert len(read.pairs) == 199
    assert read_truth(tmp_path).pairs.shape[0] == 1
