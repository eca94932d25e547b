"""Inference: pictures in, embeddings out, the same bytes every time on one machine.

On CPU the network runs in OpenVINO, converted once per model and kept in a local folder; on GPU in torch, in half
precision. Every inference has the full batch size, the last one filled up, so that a vector does not depend on its
neighbours in the batch. Where the converted model is there already, torch is not even imported.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, ModelError
from dedup_pipeline.model.files import read_description
from dedup_pipeline.model.openvino import compile_on_cpu, convert, full_batches
from dedup_pipeline.model.preprocess import Prepared, prepare
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.private import private_folder
from dedup_pipeline.store import Store, to_json
from dedup_pipeline.store.integrity import Checksum
from dedup_pipeline.store.whole import make_folder, unfinished

logger = logging.getLogger(__name__)

_CONVERTED, _CHECKSUMS = "network.xml", "checksums.json"

Vectors = npt.NDArray[np.float32]
Inference = Callable[[Prepared], Vectors]


class Encoder:
    """A trained network, ready to embed pictures.

    Args:
        description: the content of its model.json.
        infer: takes (B, S, S, 3) uint8, gives (B, D) float32.
        batch: B, the pictures of every inference.

    Attributes:
        model_id: the model's id in the store.
        image_px: side S of the pictures it takes.
        dimension: length D of an embedding.
    """

    def __init__(self, description: dict[str, Any], infer: Inference, batch: int) -> None:
        self.description = description
        self.model_id: str = description["model_id"]
        self.image_px: int = description["image_px"]
        self.dimension: int = description["dimension"]
        self._infer = infer
        self._batch = batch

    @classmethod
    def load(cls, store: Store, model_id: str, settings: Settings) -> Encoder:
        """Load a model of the store.

        Args:
            store: the store.
            model_id: which model.
            settings: ``embed.runtime``, ``embed.batch`` and ``threads``.

        Raises:
            ModelError: the store has no such model, or it cannot run here.
        """
        description = read_description(store, model_id)
        runtime = settings.embed.runtime
        if runtime == "auto":
            runtime = "torch" if _has_gpu() else "openvino"
        batch, threads = settings.embed.batch, settings.worker_threads
        if runtime == "openvino":
            try:
                return cls(description, _openvino(store, description, batch, threads), batch)
            except (RuntimeError, ImportError, OSError) as error:
                warnings.warn(
                    f"OpenVINO cannot run model {model_id} here ({error}): torch does, several times slower; "
                    "set embed.runtime=torch to expect that",
                    RuntimeWarning,
                    stacklevel=2,
                )
        return cls(description, _torch(store, description, threads), batch)

    def prepare(self, picture: Picture) -> Prepared:
        """Squash one picture, (H, W, 3) uint8 RGB, to (S, S, 3) uint8."""
        return prepare(picture, self.image_px)

    def encode(self, pictures: Sequence[Picture]) -> Vectors:
        """Embed pictures.

        Args:
            pictures: N pictures, (H, W, 3) uint8 RGB, of any sizes.

        Returns:
            (N, D) float32, L2-normalised.
        """
        if not pictures:
            return np.empty((0, self.dimension), dtype=np.float32)
        chunks = (pictures[start : start + self._batch] for start in range(0, len(pictures), self._batch))
        return np.concatenate(
            [self.encode_prepared(np.stack([self.prepare(item) for item in some])) for some in chunks]
        )

    def encode_prepared(self, prepared: Prepared) -> Vectors:
        """Embed prepared pictures.

        Args:
            prepared: (N, S, S, 3) uint8 RGB.

        Returns:
            (N, D) float32, L2-normalised.

        Raises:
            InputError: the pictures have another shape.
        """
        side = self.image_px
        if prepared.ndim != 4 or prepared.shape[1:] != (side, side, 3) or prepared.dtype != np.uint8:
            raise InputError(
                f"model {self.model_id} takes pictures of shape (N, {side}, {side}, 3) uint8, not {prepared.shape} "
                f"{prepared.dtype}: use Encoder.prepare"
            )
        vectors = np.empty((len(prepared), self.dimension), dtype=np.float32)
        for place, full in full_batches(prepared, self._batch):
            vectors[place] = self._infer(full)[: place.stop - place.start]
        # half precision leaves the length a little off
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def cache_folder(store: Store) -> Path:
    """The folder of this machine for what can be made again: inside a local store, else in the user's cache.

    Raises:
        InputError: the cache is somebody else's: a model that others can change is not run.
    """
    if store.local:
        return Path(store.root) / "cache"
    return private_folder(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dedup-pipeline")


def _has_gpu() -> bool:
    """Whether torch finds a GPU; torch is not imported where no driver is loaded."""
    if not Path("/proc/driver/nvidia").exists() and not Path("/dev/kfd").exists():
        return False
    import torch  # noqa: PLC0415 - takes seconds

    return bool(torch.cuda.is_available())


def _openvino(store: Store, description: dict[str, Any], batch: int, threads: int) -> Inference:
    """Compile the converted network for the CPU."""
    import openvino  # noqa: PLC0415 - takes seconds

    release = openvino.__version__.split("-")[0]
    folder = cache_folder(store) / "openvino" / f"{description['model_id']}-{release}"
    if not _is_converted(folder):
        _convert(store, description, folder)
    network = openvino.Core().read_model(folder / _CONVERTED)
    side = description["image_px"]
    network.reshape([batch, side, side, 3])
    return compile_on_cpu(network, threads)


def _convert(store: Store, description: dict[str, Any], folder: Path) -> None:
    """Convert a network for OpenVINO; the folder appears whole, whoever else converts at the same time."""
    import openvino  # noqa: PLC0415 - takes seconds

    from dedup_pipeline.model.network import read_network  # noqa: PLC0415 - imports torch

    logger.info("converting model %s for OpenVINO", description["model_id"])
    converted = convert(read_network(store, description), description["image_px"], batch=-1)
    make_folder(folder.parent)
    with unfinished(folder, folder=True) as some:
        openvino.save_model(converted, some / _CONVERTED, compress_to_fp16=False)
        (some / _CHECKSUMS).write_bytes(to_json({file.name: _sha256(file) for file in some.iterdir()}))
        if not _is_converted(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(FileExistsError):  # another process has just converted it
                some.rename(folder)


def _is_converted(folder: Path) -> bool:
    """Whether a converted network is there as it was written."""
    try:
        known: dict[str, str] = json.loads((folder / _CHECKSUMS).read_bytes())
        return _CONVERTED in known and all(_sha256(folder / name) == digest for name, digest in known.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return False  # also one of an earlier version: converting takes seconds


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return Checksum.of(content).sha256


def _torch(store: Store, description: dict[str, Any], threads: int) -> Inference:
    """Run the network in torch: on a GPU in half precision, else on the CPU."""
    import torch  # noqa: PLC0415 - takes seconds

    from dedup_pipeline.model.network import read_network  # noqa: PLC0415 - imports torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(threads)
    try:
        network = read_network(store, description).to(device).to(memory_format=torch.channels_last)
    except torch.OutOfMemoryError as error:
        raise ModelError(f"model {description['model_id']} does not fit the GPU: {error}; free it") from error

    def infer(pictures: Prepared) -> Vectors:
        half = torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda")
        with torch.inference_mode(), half:
            vectors = network(torch.from_numpy(pictures).to(device))
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    return infer
