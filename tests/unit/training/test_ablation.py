"""The benchmark that compares trainings: what it remembers changes nothing, what it measures is right."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dedup_pipeline.config import load_settings
from tiny_shop import TINY
from training.backbone import untrained_network
from training.validation import ValidationSet

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from ablate import COLUMNS, figures_of
from ablate_memory import Memory, remembering
from ablate_photos import Measured


@pytest.mark.parametrize("frozen_stages", [0, 5, 7])
@pytest.mark.parametrize("backbone_rate", [0.0, 0.1])
def test_a_network_that_remembers_gives_what_it_would(frozen_stages: int, backbone_rate: float) -> None:
    values = {**TINY, "train.frozen_stages": frozen_stages, "train.backbone_rate": backbone_rate}
    settings = load_settings(values=values).train
    plain, memory = untrained_network(settings), Memory()
    both = untrained_network(settings)
    both.load_state_dict(plain.state_dict())
    both = remembering(both, settings, memory)
    pictures = torch.randint(0, 256, (6, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    pictures[5] = pictures[0]
    with torch.no_grad():
        wanted = plain(pictures)
        for _ in range(2):
            assert torch.allclose(both(pictures), wanted, atol=1e-5)
    assert len(memory) in {0, 5}


def test_figures_of_an_ablation_by_hand() -> None:
    labels = np.array([0, 1, 0, 0, 1, 2, -1])  # three queries, of which the last is the catalog's own
    validation = ValidationSet(
        pictures=np.zeros((7, 8, 8, 3), np.uint8),
        queries=3,
        labels=labels,
        origins=np.array([0, 1, 0, 0, 1, 2, 0]),
        families=np.array([0, 1, 0, 0, 1, 2, 0]),
        strengths=np.array([1, 3, 2, 0, 0, 0, 0]),
    )
    angles = np.deg2rad([5, 60, 12, 0, 100, 200, 20])  # the own copy at 12 is nearer to the recolour at 20
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    figures = figures_of(vectors, Measured(validation, np.array([False, False, True])))
    assert (figures["recall_level_1"], figures["recall_level_3"], figures["recall_own"]) == (1.0, 0.0, 0.0)
    assert figures["recall_at_precision_99"] == pytest.approx(1 / 3)
    assert figures["within_30"] == 1.0
    assert np.isnan(figures["recall_level_2"])  # there is none
    assert set(COLUMNS) - set(figures) == {"pictures_per_second"}
