"""Dividing a catalog by style, so that what was tuned on one half can be proved on the other.

Every style goes whole to ``tune`` or ``test``, by a hash of its name: which half it is in depends on nothing else, so
it stays there when the catalog grows. A photo without a style goes by its family. A pair belongs to a split when both
its photos do. A pair across the splits, right or wrong, counts in ``all`` only: neither has it to answer for.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from dedup_pipeline.evaluate.crowds import Crowd
from dedup_pipeline.evaluate.truth import Truth

ALL, TUNE, TEST = "all", "tune", "test"
SPLITS = (ALL, TUNE, TEST)


def split_of(style: str) -> str:
    """Return ``tune`` or ``test`` for the name of a style: each has half of all names."""
    return TUNE if hashlib.sha256(style.encode()).digest()[0] % 2 else TEST


def split_of_listings(truth: Truth) -> "pd.Series[str]":
    """Return the split of every listing, indexed by productId."""
    names = truth.listings["style"].where(truth.listings["style"].ne(""), truth.listings["family"])
    return names.map({name: split_of(name) for name in names.unique()})


def within(truth: Truth, split: str) -> Truth:
    """Return what a truth says of one split; its listings stay, so that an id is never unknown for its split.

    Args:
        truth: of the whole catalog.
        split: ``all``, ``tune`` or ``test``.
    """
    if split == ALL:
        return truth
    inside = split_of_listings(truth).eq(split)
    both = truth.pairs["id_a"].map(inside).eq(True) & truth.pairs["id_b"].map(inside).eq(True)
    return replace(truth, pairs=truth.pairs[both].reset_index(drop=True))


def pairs_within(pairs: Mapping[tuple[str, str], float], truth: Truth, split: str) -> Mapping[tuple[str, str], float]:
    """Return the predicted pairs that belong to a split; one with an id that the truth does not know is in ``all``."""
    if split == ALL:
        return pairs
    of = split_of_listings(truth).to_dict()
    return {pair: value for pair, value in pairs.items() if of.get(pair[0]) == of.get(pair[1]) == split}


def crowds_within(crowds: Sequence[Crowd], truth: Truth, split: str) -> list[Crowd]:
    """Return what of some groups belongs to a split, as ``pairs_within`` does."""
    if split == ALL:
        return list(crowds)
    inside = split_of_listings(truth).eq(split)
    listings = set(inside.index[inside])
    return [crowd.only(listings) for crowd in crowds]
