import numpy as np
import pytest
import torch

from dedup_pipeline.config import load_settings
from tiny_shop import TINY, draw_product
from training.backbone import untrained_network
from training.dataset import PhotoDataset
from training.figures import distance_figure, precision_recall_figure, worst_errors
from training.infonce import TrustedInfoNCELoss
from training.initial_projection import nearest_labels, pooled_features, set_projection
from training.metrics import score
from training.mining import Miner, TrustedContrastiveLoss, TrustedTripletLoss, certain_triplets
from training.module import freeze, mean_distances, share_of_rate
from training.validation import ValidationSet


def unit(*angles: float) -> torch.Tensor:
    """Vectors of the plane, by their angles in degrees."""
    radians = torch.deg2rad(torch.tensor(angles))
    return torch.stack([radians.cos(), radians.sin()], dim=1)


MINERS: tuple[Miner, ...] = ("semihard", "hard", "all")
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


def test_the_hard_miner_pushes_the_nearer_stranger_and_the_semi_hard_one_the_farther() -> None:
    labels = torch.tensor([0, 0, 1, 2])
    vectors = unit(0, 40, 10, -42)  # of the anchor at 0: its copy, a nearer stranger, a farther one
    active = {miner: TrustedTripletLoss(0.2, miner)(vectors, labels, labels, labels)[1] for miner in MINERS}
    assert active["all"] == active["hard"] + active["semihard"]
    assert min(active.values()) > 0


def gradient_of(loss: torch.nn.Module, vectors: torch.Tensor, *masks: torch.Tensor) -> torch.Tensor:
    """How strongly a loss moves each vector: (B,)."""
    moving = vectors.clone().requires_grad_()
    value, _ = loss(torch.nn.functional.normalize(moving, dim=1), *masks)
    value.backward()
    assert moving.grad is not None
    return moving.grad.norm(dim=1)


def test_infonce_does_not_believe_a_stranger_nearer_than_the_copy() -> None:
    labels = torch.tensor([0, 0, 1])
    assert gradient_of(TrustedInfoNCELoss(0.1, 0.0), unit(0, 20, 10), labels, labels, labels).tolist() == [0, 0, 0]
    assert gradient_of(TrustedInfoNCELoss(0.1, 1.0), unit(0, 20, 10), labels, labels, labels).tolist() == [0, 0, 0]
    assert gradient_of(TrustedInfoNCELoss(0.1, 0.0, "all"), unit(0, 20, 10), labels, labels, labels).max() > 1


def test_infonce_pushes_a_recolour_however_near_and_leaves_the_family_alone() -> None:
    loss, vectors = TrustedInfoNCELoss(0.1, 0.0), unit(0, 40, 10, 42)
    labels, origins = torch.tensor([0, 0, -1, 2]), torch.tensor([0, 0, 0, 2])
    moved = gradient_of(loss, vectors, labels, origins, torch.zeros(4, dtype=torch.int64))
    assert moved[2] > 1  # the recolour at 10 degrees is nearer than the copy at 40
    assert moved[3] == 0  # of the same family: neither


def test_infonce_by_hand() -> None:
    labels = torch.tensor([0, 0, 1])
    value, active = TrustedInfoNCELoss(0.5, 0.0)(unit(0, 60, 180), labels, labels, labels)
    first, second = np.exp(np.cos(np.deg2rad([60, 180])) / 0.5), np.exp(np.cos(np.deg2rad([60, 120])) / 0.5)
    assert active == 2
    assert float(value) == pytest.approx(-np.log([some[0] / some.sum() for some in (first, second)]).mean(), abs=1e-5)


def test_the_spread_falls_when_the_nearest_negatives_part() -> None:
    labels = torch.arange(8) // 2
    near, far = (torch.arange(8) // 2 * step + torch.arange(8) % 2 for step in (20.0, 90.0))
    values = {}
    for name, angles in (("near", near), ("far", far)):
        without, _ = TrustedInfoNCELoss(0.5, 0.0)(unit(*angles.tolist()), labels, labels, labels)
        with_it, _ = TrustedInfoNCELoss(0.5, 1.0)(unit(*angles.tolist()), labels, labels, labels)
        values[name] = float(with_it - without)
    assert values["far"] < values["near"]
    distances = 2 * np.sin(np.deg2rad([89.0, 89.0]) / 2)
    assert values["far"] == pytest.approx(-np.log(distances).mean(), abs=1e-4)


@pytest.mark.parametrize("loss", [TrustedTripletLoss(0.2), TrustedContrastiveLoss(0.5), TrustedInfoNCELoss(0.1, 0.0)])
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
    photos = PhotoDataset(tuple("abcdefgh"), pictures, rows, rows, np.zeros(8, bool))
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
