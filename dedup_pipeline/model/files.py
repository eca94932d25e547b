"""The two files of a model in the store.

models/<model_id>/weights.safetensors   its tensors
models/<model_id>/model.json            how to build it, what it was made from, how good it is
"""

from __future__ import annotations

import logging
from typing import Any

from dedup_pipeline.errors import DamagedError, ModelError, NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.integrity import FILES, Checksum, unsealed

logger = logging.getLogger(__name__)

WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "model.json"


def read_description(store: Store, model_id: str) -> dict[str, Any]:
    """The content of a model's model.json.

    Raises:
        ModelError: the store has no such model.
        DamagedError: it is not what was written.
    """
    path = store.model(model_id, DESCRIPTION_FILE)
    if not store.exists(path):
        raise ModelError(f"model {model_id} is not in the store ({store.url(path)}): run `dedup train` for this dump")
    return unsealed(store.read_json(path), store.url(path), path, {"model_id"})


def is_whole(store: Store, model_id: str) -> bool:
    """Whether the store has a model, as it was written."""
    try:
        description = read_description(store, model_id)
        for name, value in description.get(FILES, {}).items():
            store.check(store.model(model_id, name), Checksum.from_dict(value))
    except (ModelError, NotReadyError, DamagedError) as error:
        logger.warning("%s", error)
        return False
    return store.exists(store.model(model_id, WEIGHTS_FILE))
