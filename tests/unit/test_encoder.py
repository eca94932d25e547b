import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import DamagedError, InputError, ModelError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.files import is_whole
from dedup_pipeline.model.network import EmbeddingNetwork, NetworkSpec, write_model
from dedup_pipeline.model.preprocess import prepare
from dedup_pipeline.store import Store
from tiny_shop import TINY, draw_product
from training.backbone import untrained_network


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(values={"store": str(tmp_path_factory.mktemp("store")), **TINY})


@pytest.fixture(scope="module")
def network(settings: Settings) -> EmbeddingNetwork:
    torch.manual_seed(3)
    return untrained_network(settings.train)


@pytest.fixture(scope="module")
def model_id(settings: Settings, network: EmbeddingNetwork) -> str:
    return write_model(Store(settings.store), network, {"loss": "triplet"})


PICTURES = [draw_product(number, side=70 + 9 * number) for number in range(11)]


def runtime(settings: Settings, name: str, batch: int = 8) -> Settings:
    return settings.model_copy(update={"embed": settings.embed.model_copy(update={"runtime": name, "batch": batch})})


def test_openvino_equals_torch_with_training_preprocessing(
    settings: Settings, network: EmbeddingNetwork, model_id: str
) -> None:
    encoder = Encoder.load(Store(settings.store), model_id, runtime(settings, "openvino"))
    pictures = torch.from_numpy(np.stack([prepare(picture, 64) for picture in PICTURES]))
    with torch.inference_mode():
        expected = network(pictures).numpy()
    cosines = (encoder.encode(PICTURES) * expected).sum(axis=1)
    assert cosines.min() > 1 - 1e-3


def test_openvino_and_torch_runtimes_agree(settings: Settings, model_id: str) -> None:
    store = Store(settings.store)
    vectors = [
        Encoder.load(store, model_id, runtime(settings, name)).encode(PICTURES) for name in ("openvino", "torch")
    ]
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > 1 - 1e-3


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_a_vector_does_not_depend_on_its_neighbours(settings: Settings, model_id: str, name: str) -> None:
    encoder = Encoder.load(Store(settings.store), model_id, runtime(settings, name))
    together = encoder.encode(PICTURES)
    alone = np.concatenate([encoder.encode([picture]) for picture in PICTURES])
    turned = encoder.encode(PICTURES[::-1])[::-1]
    assert together.tobytes() == alone.tobytes() == turned.tobytes()


def test_a_second_load_gives_the_same_bytes(settings: Settings, model_id: str) -> None:
    store = Store(settings.store)
    first, second = (Encoder.load(store, model_id, runtime(settings, "openvino")).encode(PICTURES) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.dtype == np.float32
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-6)


def test_no_pictures_make_no_vectors(settings: Settings, model_id: str) -> None:
    assert Encoder.load(Store(settings.store), model_id, settings).encode([]).shape == (0, 16)


def test_openvino_failing_falls_back_to_torch_with_a_warning(
    settings: Settings, model_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such CPU")

    monkeypatch.setattr("dedup_pipeline.model.encoder._openvino", broken)
    with pytest.warns(RuntimeWarning, match=r"no such CPU.*torch"):
        encoder = Encoder.load(Store(settings.store), model_id, runtime(settings, "openvino"))
    assert encoder.encode(PICTURES[:1]).shape == (1, 16)


def test_a_missing_model_says_where_it_was_looked_for(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"0123.*not in the store"):
        Encoder.load(Store(settings.store), "0123", settings)


def test_pictures_of_another_size_are_refused(settings: Settings, model_id: str) -> None:
    with pytest.raises(InputError, match=r"\(N, 64, 64, 3\)"):
        Encoder.load(Store(settings.store), model_id, settings).encode_prepared(np.zeros((1, 32, 32, 3), np.uint8))


def test_equal_networks_have_one_id_and_equal_files(
    settings: Settings, network: EmbeddingNetwork, model_id: str, tmp_path: Path
) -> None:
    other = Store(str(tmp_path))
    assert write_model(other, network, {"loss": "triplet"}) == model_id
    for name in ("weights.safetensors", "model.json"):
        path = other.model(model_id, name)
        assert other.read_bytes(path) == Store(settings.store).read_bytes(path)


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(ModelError, match="no-such-net"):
        EmbeddingNetwork(NetworkSpec("no-such-net", 64, 16))


def test_weights_of_another_network_are_refused(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"other.weight": torch.zeros(3)}, file)
    train = settings.train.model_copy(update={"weights": str(file)})
    with pytest.raises(ModelError, match=r"does not fit the backbone.*missing"):
        untrained_network(train)


def test_weights_that_are_not_there_are_named(settings: Settings, tmp_path: Path) -> None:
    train = settings.train.model_copy(update={"weights": str(tmp_path / "none.safetensors")})
    with pytest.raises(ModelError, match=r"none\.safetensors.*no file"):
        untrained_network(train)


def test_own_pooling_serves_networks_without_a_feature_map() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = EmbeddingNetwork(NetworkSpec("vit_tiny_patch16_224", 224, 8, pooling="own")).eval()
    assert network(torch.zeros(1, 224, 224, 3, dtype=torch.uint8)).shape == (1, 8)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_damaged_model_is_named_and_not_used(
    settings: Settings, network: EmbeddingNetwork, tmp_path: Path, name: str
) -> None:
    store = Store(str(tmp_path))
    model_id = write_model(store, network, {"loss": "triplet"})
    assert is_whole(store, model_id)
    file = Path(store.url(store.model(model_id, name)))
    flip(file)
    assert not is_whole(store, model_id)
    with pytest.raises(DamagedError, match=rf"{name} is damaged .*: run `dedup train` again"):
        Encoder.load(store, model_id, settings)


def test_a_model_of_an_earlier_version_is_told_by_its_id(settings: Settings, network: EmbeddingNetwork, tmp_path: Path):
    store = Store(str(tmp_path))
    model_id = write_model(store, network, {"loss": "triplet"})
    path = store.model(model_id, "model.json")
    old = {name: value for name, value in store.read_json(path).items() if name not in ("files", "sha256")}
    store.write_json(path, old)
    assert Encoder.load(store, model_id, settings).encode(PICTURES[:1]).shape == (1, 16)
    flip(Path(store.url(store.model(model_id, "weights.safetensors"))))
    with pytest.raises(DamagedError, match=rf"its content is not that of model {model_id}"):
        Encoder.load(store, model_id, settings)


def test_a_damaged_conversion_is_made_anew(settings: Settings, network: EmbeddingNetwork, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    model_id = write_model(store, network, {"loss": "triplet"})
    chosen = runtime(settings, "openvino")
    expected = Encoder.load(store, model_id, chosen).encode(PICTURES[:3]).tobytes()
    (converted,) = (tmp_path / "cache" / "openvino").iterdir()
    whole = (converted / "network.bin").read_bytes()
    flip(converted / "network.bin")
    assert Encoder.load(store, model_id, chosen).encode(PICTURES[:3]).tobytes() == expected
    assert (converted / "network.bin").read_bytes() == whole
    assert [folder.name for folder in converted.parent.iterdir()] == [converted.name]


def flip(file: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
