"""Embedding costs little more than the network itself, which is several times faster than in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.stores import settings_of, settle_model, write_pictures
from claims.targets import as_fast_as
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.store import Store

EAGER, CNN, BARE = "torch, eager", "imagededup CNN", "OpenVINO alone"
READY = 256  # pictures ready for the network, which the bare inference takes again and again


def make(folder: Path, items: int, materials: Materials) -> str:
    """The pictures in a folder and in packs, the untrained network, converted, and some pictures ready for it."""
    pictures = materials.pictures(items)
    (folder / "pictures").symlink_to(pictures)
    files = sorted(pictures.iterdir())
    settings = settings_of(folder).model_copy(update={"threads": 1})
    write_pictures(settings, files)
    model_id = settle_model(settings)
    encoder = Encoder.load(Store(settings.store), model_id, settings)
    ready = [encoder.prepare(decode(file.read_bytes())) for file in files[:READY]]
    np.save(folder / "ready.npy", np.stack(ready))
    (folder / "model.txt").write_text(model_id)
    return (
        f"{materials.describe(items)}; {settings.train.backbone} at {settings.train.image_px} pixels, batches of "
        f"{settings.embed.batch}, loading the model included, on one thread; this project and torch decode as well "
        f"(this project on a thread of its own), OpenVINO alone gets ready tensors"
    )


CLAIM = Claim(
    name="embed",
    text="embedding on a CPU is several times faster than the same network in torch, and close to the network alone",
    noun="pictures",
    ours=Contender(OURS, "embed_ours.py"),
    peers=(
        Contender(EAGER, "embed_torch.py"),
        Contender(CNN, "embed_imagededup.py", "peers/imagededup.txt"),
        Contender(BARE, "embed_openvino.py"),
    ),
    quick=(Size(500),),
    full=(Size(5_000),),
    make=make,
    targets=(
        as_fast_as("3 times as fast as the same network in torch eager, and as imagededup CNN", 3.0, EAGER, CNN),
        as_fast_as("90 % of OpenVINO alone on ready tensors", 0.9, BARE),
    ),
)
