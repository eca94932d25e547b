"""How much of what a model learnt elsewhere helps on a dump that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.files import read_description
from dedup_pipeline.store import Store
from training.backbone import has_weights, untrained_network
from training.dataset import load_photos
from training.fit import vectors_of
from training.initial_projection import pooled_features, set_projection
from training.metrics import score
from training.validation import validation_set

_PHOTOS = 60  # enough to tell a half of a gain from the whole, and seconds


@dataclass(frozen=True)
class Familiarity:
    """How a model does on simulated re-uploads of a dump's photos.

    Attributes:
        average_precision: of the model, 0 to 1.
        untrained_average_precision: of the same network before any training.
        gain_kept: of the errors that its training took away where it was trained, the share that it takes away here;
            about 1 is as at home, 0 is no better than untrained.
    """

    average_precision: float
    untrained_average_precision: float
    gain_kept: float


def familiarity(store: Store, settings: Settings, dump_id: str, model_id: str) -> Familiarity | None:
    """Measure a model on a dump.

    Args:
        store: the store; the dump is ingested, fetched and fingerprinted, the model's files are there.
        settings: the settings.
        dump_id: the dump.
        model_id: the model.

    Returns:
        What was measured; None where that says nothing: the model was trained on this dump, its training gained
        nothing, the dump has too few photos, or the weights that the training began with are not on this machine.
    """
    known = read_description(store, model_id)
    at_home = _gain(*(known["metrics"][name] for name in ("average_precision", "untrained_average_precision")))
    same = {name: known[name] for name in ("backbone", "image_px", "dimension", "pooling")}
    if known["backbone"] != settings.train.backbone:
        same["weights"] = ""  # the settings name those of another one
    train = settings.train.model_copy(update=same | {"max_photos": _PHOTOS})
    if dump_id in known["dump_id"].split(", ") or at_home <= 0 or not has_weights(train):
        return None
    settings = settings.model_copy(update={"train": train})
    try:
        photos = load_photos(store, settings, [dump_id])
    except InputError:
        return None
    validation = validation_set(photos, settings)
    network = untrained_network(train)
    set_projection(network, pooled_features(network, photos))
    untrained = score(vectors_of(network, validation), validation).average_precision
    encoder = Encoder.load(store, model_id, settings)
    trained = score(encoder.encode_prepared(validation.pictures), validation).average_precision
    return Familiarity(round(trained, 6), round(untrained, 6), round(_gain(trained, untrained) / at_home, 4))


def _gain(trained: float, untrained: float) -> float:
    """The share of the errors of an untrained network that a trained one does not make."""
    return (trained - untrained) / max(1e-9, 1 - untrained)
