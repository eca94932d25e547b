"""What a question is answered with: the latest matched dump of a store, its model and its index."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, NotReadyError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.pictures.decode import Picture, PictureError, decode
from dedup_pipeline.stages.fetch import fetch_one
from dedup_pipeline.stages.index import NeighbourIndex, open_index
from dedup_pipeline.stages.match import features_of
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult, result_of
from dedup_pipeline.verdict.evidence import ImageFeatures
from dedup_pipeline.wording import tidy


@dataclass(frozen=True)
class Reference:
    """A matched dump, opened for questions.

    Attributes:
        dump_id: the dump.
        settings: the settings.
        store: the store.
        encoder: its model.
        index: its index.
        rows: INDEX_ROWS of the index.
        matched: the result of its stage ``match``.
    """

    dump_id: str
    settings: Settings
    store: Store
    encoder: Encoder
    index: NeighbourIndex
    rows: pa.Table
    matched: StageResult

    def features(self, pictures: list[Picture]) -> ImageFeatures:
        """What is known of some pictures, seen from the dump."""
        return features_of(pictures, self.encoder, self.index, self.settings)


def open_reference(settings: Settings) -> Reference:
    """Open the latest dump of the store that is matched, by the order of the dumps' ids.

    Raises:
        NotReadyError: there is none.
    """
    store = Store(settings.store)
    for dump_id in reversed(store.names("dumps")):
        if store.exists(store.dump(dump_id, "match", "manifest.json")):
            model_id = str(result_of(store, dump_id, "embed").counts["model_id"])
            index = open_index(settings, dump_id)
            rows = store.read_table(result_of(store, dump_id, "index").outputs["rows"])
            encoder = Encoder.load(store, model_id, settings)
            return Reference(dump_id, settings, store, encoder, index, rows, result_of(store, dump_id, "match"))
    raise NotReadyError(f"the store {store.root} holds no finished run to compare with: call `dedup run` first")


def read_picture(source: str | os.PathLike[str], settings: Settings) -> tuple[bytes, Picture]:
    """The bytes and the picture of a file, or of an http(s) URL fetched under the same rules as a dump's.

    Raises:
        InputError: it is not there, or is no picture.
    """
    source = os.fspath(source)
    if source.lower().startswith(("http://", "https://")):
        data = fetch_one(source, settings.fetch)
    else:
        file = Path(source)
        if not file.is_file():
            raise InputError(f"there is no file '{tidy(source)}': give an image file or an http(s) URL")
        data = file.read_bytes()
    try:
        return data, decode(data, settings.fetch.limits)
    except PictureError as error:
        raise InputError(f"'{tidy(source)}' is no usable picture: {error}") from error
