"""The frozen stages apart from the others: the same network, learning in the same places."""

import pytest
import torch

from dedup_pipeline.config import load_settings
from tiny_shop import TINY
from training.backbone import untrained_network
from training.frozen import frozen_stages_aside
from training.module import freeze

OPENVINO = {**TINY, "embed.runtime": "openvino"}


@pytest.mark.parametrize(("frozen_stages", "backbone_rate"), [(0, 0.1), (5, 0.1), (5, 0.0)])
def test_frozen_stages_aside_change_neither_vectors_nor_what_learns(frozen_stages: int, backbone_rate: float) -> None:
    values = {**OPENVINO, "train.frozen_stages": frozen_stages, "train.backbone_rate": backbone_rate}
    settings = load_settings(values=values)
    torch.manual_seed(0)  # where a weight makes a slope switch on or off, rounding decides it: one draw in twelve
    network = untrained_network(settings.train)
    freeze(network, settings.train)
    pictures = torch.randint(0, 256, (37, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    wanted, slopes = _learnt(network, pictures)
    with frozen_stages_aside(network, settings):
        vectors, other_slopes = _learnt(network, pictures)
    assert torch.allclose(vectors, wanted, atol=1e-4)
    assert {name: slope is not None for name, slope in slopes.items()} == {
        name: slope is not None for name, slope in other_slopes.items()
    }
    for name, slope in slopes.items():
        if slope is not None:
            assert torch.allclose(slope, other_slopes[name], rtol=1e-2, atol=1e-3 * float(slope.abs().max()) + 1e-6), (
                name
            )
    assert torch.equal(_learnt(network, pictures)[0], wanted)  # the usual way is back


def test_the_place_of_a_view_in_its_batch_changes_nothing() -> None:
    settings = load_settings(values=OPENVINO)
    network = untrained_network(settings.train)
    pictures = torch.randint(0, 256, (40, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    with frozen_stages_aside(network, settings), torch.no_grad():
        assert torch.allclose(network.features(pictures)[33:], network.features(pictures[33:]), atol=1e-4)


def _learnt(network: torch.nn.Module, pictures: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor | None]]:
    network.zero_grad()
    vectors = network(pictures)
    (vectors * torch.linspace(-1, 1, vectors.shape[1])).sum().backward()
    return vectors.detach(), {
        name: None if weight.grad is None else weight.grad.clone() for name, weight in network.named_parameters()
    }
