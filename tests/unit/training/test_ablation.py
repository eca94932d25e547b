"""The benchmark that compares trainings: what it measures is right."""

import sys
from pathlib import Path

import numpy as np
import pytest

from training.validation import ValidationSet

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from ablate import COLUMNS, figures_of
from ablate_photos import Measured


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
