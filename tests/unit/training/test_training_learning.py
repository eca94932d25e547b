import numpy as np
import pytest
import torch

from dedup_pipeline.config import load_settings
from tiny_shop import TINY, draw_product
from training.backbone import untrained_network
from training.figures import distance_figure, precision_recall_figure, worst_errors
from training.metrics import score
from training.mining import TrustedContrastiveLoss, TrustedTripletLoss, certain_triplets
from training.module import freeze, mean_distances, share_of_rate
from training.photos import Photos
from training.start import nearest_labels, pooled_features, set_projection
from training.validation import ValidationSet


def unit(*angles: float) -> torch.Tensor:
    """Vectors of the plane, by their angles in degrees."""
    radians = torch.deg2rad(torch.tensor(angles))
    return torch.stack([radians.cos(), radians.sin()], dim=1)


LABELS = torch.tensor([0, 0, -1, 2])
ORIGINS = torch.tensor([0, 0, 0, 2])


def test_a_recolour_counts_however_near_it_is() -> None:
    vectors = unit(0, 40, 10, 180)  # the recolour at 10 degrees is nearer than the copy at 40
    triplets = torch.stack(certain_triplets(vectors, LABELS, ORIGINS, 0.2), dim=1).tolist()
    assert {tuple(triplet) for triplet in triplets} == {(0, 1, 2), (1, 0, 2)}


def test_a_stranger_nearer_than_the_copy_is_not_believed() -> None:
    loss = TrustedTripletLoss(margin=0.2)
    labels = torch.tensor([0, 0, 1])
    value, active = loss(unit(0, 40, 10), labels, labels, labels)
    assert (float(value), active) == (0.0, 0)


def test_a_stranger_a_little_farther_than_the_copy_is_pushed_away() -> None:
    labels = torch.tensor([0, 0, 1])
    value, active = TrustedTripletLoss(margin=0.2)(unit(0, 40, -42), labels, labels, labels)
    assert active == 1
    cosines = np.cos(np.deg2rad([40, 42]))
    assert float(value) == pytest.approx(0.2 - cosines[0] + cosines[1], abs=1e-5)


def test_photos_of_one_family_are_no_negatives() -> None:
    loss = TrustedTripletLoss(margin=0.2)
    labels, families = torch.tensor([0, 0, 1]), torch.tensor([5, 5, 5])
    value, active = loss(unit(0, 40, -42), labels, labels, families)
    assert (float(value), active) == (0.0, 0)


@pytest.mark.parametrize("loss", [TrustedTripletLoss(0.2), TrustedContrastiveLoss(0.5)])
def test_losses_fall_when_copies_are_near_and_others_far(loss: torch.nn.Module) -> None:
    good, _ = loss(unit(0, 1, 120, 240), LABELS, ORIGINS, ORIGINS)
    bad, _ = loss(unit(0, 40, 30, 70), LABELS, ORIGINS, ORIGINS)
    assert float(good) < float(bad)


def test_mean_distances_by_hand() -> None:
    positive, negative = mean_distances(unit(0, 60, 90, 180), torch.tensor([0, 0, 1, 1]))
    assert float(positive) == pytest.approx((0.5 + 1.0) / 2, abs=1e-6)
    cosines = np.cos(np.deg2rad([90, 180, 30, 120]))
    assert float(negative) == pytest.approx(1 - cosines.mean(), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 5, 80])
def test_the_rate_rises_and_falls(steps: int) -> None:
    shares = [share_of_rate(step, steps) for step in range(steps)]
    assert max(shares) == 1
    assert min(shares) > 0
    assert shares[-1] <= shares[0] or steps < 3


def tiny_validation() -> ValidationSet:
    """Two photos with a re-upload each, a recolour of the first."""
    return ValidationSet(
        pictures=np.zeros((5, 8, 8, 3), np.uint8),
        queries=2,
        labels=np.array([0, 1, 0, 1, -1]),
        origins=np.array([0, 1, 0, 1, 0]),
        families=np.array([0, 1, 0, 1, 0]),
        strengths=np.array([1, 3, 0, 0, 0]),
    )


def test_scores_by_hand() -> None:
    vectors = unit(0, 90, 20, 80, 10).numpy()  # the first query is nearer to the recolour
    scores = score(vectors, tiny_validation())
    assert scores.recall_at_1 == 0.5
    assert scores.average_precision == pytest.approx((1 / 2 + 2 / 3) / 2)  # recolour 10, then positives 10 and 20
    assert scores.hard_distance == pytest.approx(1 - np.cos(np.deg2rad(10)), abs=1e-6)
    assert len(scores.positives) == 6
    assert score(unit(0, 90, 1, 89, 60).numpy(), tiny_validation()).average_precision == 1.0


def test_photos_of_one_family_are_left_out_of_the_scores() -> None:
    kin = ValidationSet(**{**tiny_validation().__dict__, "families": np.zeros(5, dtype=np.int64)})
    assert len(score(unit(0, 90, 20, 80, 10).numpy(), kin).positives) == 3


def test_figures_are_drawn() -> None:
    validation = tiny_validation()
    scores = score(unit(0, 90, 20, 80, 10).numpy(), validation)
    assert precision_recall_figure({"challenger": scores}).axes
    assert distance_figure(scores, validation).axes
    sheet = worst_errors(scores, validation)
    assert sheet.shape == (2 * (2 * 8 + 12), 12 * (8 + 6), 3)


def test_the_start_keeps_neighbours_and_freezing_keeps_early_stages() -> None:
    settings = load_settings(values=TINY).train
    network = untrained_network(settings)
    pictures = tuple(draw_product(number) for number in range(8))
    rows = np.arange(8)
    photos = Photos(tuple("abcdefgh"), pictures, rows, rows, np.zeros(8, bool))
    features = pooled_features(network, photos)
    set_projection(network, features)
    nearest = nearest_labels(network, photos, features)
    assert nearest.shape == (8, 7)
    assert all(row not in near for row, near in enumerate(nearest))
    freeze(network, settings)
    learning = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert "projection.weight" in learning
    assert "backbone.conv_head.weight" in learning
    assert not any(name.startswith(("backbone.conv_stem", "backbone.blocks.3")) for name in learning)
    freeze(network, settings.model_copy(update={"backbone_rate": 0.0}))
    assert {name for name, weight in network.named_parameters() if weight.requires_grad} == {
        "projection.weight",
        "projection.bias",
    }
