"""How many of the wrong pairs that decoys foretell a dump has: never fewer than it has, and not many more."""

from __future__ import annotations

import numpy as np
import pytest

from dedup_pipeline.match.prevalence import decoy_prevalence
from dedup_pipeline.probability import curve_of, threshold_for

PHOTOS = 2000
SCALE = 2.0  # pictures of the dump for each decoy


def dump(share: float, seed: int, duplicates: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log odds of candidates, their answers, and log odds of decoys; the dump has a share of their hard pairs."""
    generator = np.random.default_rng(seed)
    easy, hard = 20 * PHOTOS, generator.binomial(PHOTOS, share)
    scores = [generator.normal(5, 2, duplicates), generator.normal(-8, 1.5, easy), generator.normal(-2, 1.5, hard)]
    decoys = [generator.normal(-8, 1.5, 10 * PHOTOS), generator.normal(-2, 1.5, PHOTOS // 2)]
    candidates = np.concatenate(scores)
    return candidates, np.arange(len(candidates)) < duplicates, np.concatenate(decoys)


def prevalence(share: float, seed: int) -> float:
    candidates, _, decoys = dump(share, seed)
    return decoy_prevalence(candidates, np.ones(len(candidates)), decoys, np.full(len(decoys), SCALE))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_the_share_is_bounded_from_above(share: float, seed: int) -> None:
    assert share <= prevalence(share, seed) + 0.05
    assert prevalence(share, seed) <= min(1.0, 1.6 * share + 0.05)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_promise_holds_and_a_dump_with_few_recolours_gives_more(share: float) -> None:
    precisions, gains = [], []
    for seed in range(6):
        candidates, labels, decoys = dump(share, seed)
        ones, scales = np.ones(len(candidates)), np.full(len(decoys), SCALE)
        recalls = []
        for factor in (1.0, prevalence(share, seed)):
            values = curve_of(candidates, ones, decoys, scales * factor).at(candidates)
            accepted = values >= threshold_for(values, 0.99, 0.9)[0]
            recalls.append(accepted[labels].mean())
        precisions.append(labels[accepted].mean())  # of a few hundred pairs: one dump alone is a matter of chance
        gains.append(recalls[1] - recalls[0])
    assert np.mean(precisions) >= 0.985
    assert min(gains) >= 0
    assert share == 1 or np.mean(gains) > 0


def test_a_dump_without_wrong_pairs_is_not_trusted_to_have_none() -> None:
    assert prevalence(0.0, 0) == 0.5


@pytest.mark.parametrize("decoys", [0, 99])
def test_too_few_decoys_tell_nothing(decoys: int) -> None:
    scores = np.linspace(-6, -2, decoys)
    assert decoy_prevalence(np.linspace(2, 6, 50), np.ones(50), scores, np.full(decoys, SCALE)) == 1.0


def test_what_was_ruled_out_at_a_glance_tells_nothing() -> None:
    scores = np.full(500, -12.0)
    assert decoy_prevalence(np.array([5.0, -12.0]), np.ones(2), scores, np.full(500, SCALE)) == 1.0
