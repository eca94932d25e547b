"""The checkpoint of a training is there whole or not at all, wherever the store is."""

import pytest
import torch

from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.store import Store
from training.checkpoint import StoreCheckpoint


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture(params=["folder", "memory"])
def checkpoint(request, tmp_path):
    root = str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}"
    return StoreCheckpoint(Store(root), "trainings/key/last.ckpt")


def test_it_is_read_as_it_was_written(checkpoint):
    assert not checkpoint.exists()
    with pytest.raises(NotReadyError):
        checkpoint.load_checkpoint("anywhere")
    checkpoint.save_checkpoint({"epoch": 1, "weights": torch.arange(4)}, "anywhere/last.ckpt")
    checkpoint.save_checkpoint({"epoch": 2, "weights": torch.arange(5)}, "anywhere/last.ckpt")
    assert checkpoint.exists()
    read = checkpoint.load_checkpoint("anywhere/last.ckpt", weights_only=True)
    assert (read["epoch"], read["weights"].tolist()) == (2, [0, 1, 2, 3, 4])
    checkpoint.remove_checkpoint("anywhere/last.ckpt")
    assert not checkpoint.exists()


def test_someones_code_in_it_is_not_run(checkpoint):
    checkpoint.save_checkpoint({"callback": print}, "anywhere")
    with pytest.raises(Exception, match="Weights only load failed"):
        checkpoint.load_checkpoint("anywhere", weights_only=False)


def test_a_write_that_fails_leaves_the_one_before(checkpoint):
    checkpoint.save_checkpoint({"epoch": 1}, "anywhere")
    with pytest.raises(AttributeError):
        checkpoint.save_checkpoint({"epoch": lambda: 2}, "anywhere")
    assert checkpoint.load_checkpoint("anywhere") == {"epoch": 1}


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", flipped])
def test_a_damaged_one_is_none(checkpoint, damage, caplog):
    checkpoint.save_checkpoint({"weights": torch.arange(10_000)}, "anywhere/last.ckpt")
    store, path = checkpoint._store, checkpoint._path
    store.write_bytes(path, damage(store.read_bytes(path)))
    assert not checkpoint.exists()
    assert "last.ckpt is damaged" in caplog.text
    assert not store.exists(path)
    checkpoint.save_checkpoint({"epoch": 1}, "anywhere/last.ckpt")
    assert checkpoint.load_checkpoint("anywhere") == {"epoch": 1}
