"""The pictures behind nodes, ready to be laid over each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from dedup_pipeline import imaging
from dedup_pipeline.alignment import ALIGNED, View, aligned_evidence, view_of
from dedup_pipeline.config import Settings
from dedup_pipeline.evidence import Floats, Rows
from dedup_pipeline.imaging import Picture
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.packs import images_of, read_images
from dedup_pipeline.parallel import map_ahead
from dedup_pipeline.store import Store


def node_views(settings: Settings, dump_id: str, nodes: Nodes, rows: Iterable[int]) -> dict[int, View]:
    """The views of some nodes by their rows, read pack by pack; about 100 kB each."""
    store = Store(settings.store)
    row_of = {nodes.names[row]: row for row in rows}
    held = images_of(store, dump_id)
    wanted = {name: held[name] for name in row_of}

    def view(image: tuple[str, bytes]) -> tuple[int, View]:
        name, data = image
        return row_of[name], view_of(imaging.decode(data, max_pixels=settings.fetch.max_pixels))

    return dict(map_ahead(view, read_images(store, wanted), settings.worker_threads))


def picture_views(pictures: Sequence[Picture], settings: Settings) -> list[View]:
    """The views of some pictures."""
    return list(map_ahead(view_of, pictures, settings.worker_threads))


def align(views: Mapping[int, View], first: Rows, second: Rows, settings: Settings) -> dict[str, Floats]:
    """Lay pictures over each other, pair by pair.

    Args:
        views: by number.
        first: (P,) numbers.
        second: (P,) numbers.
        settings: for the threads.

    Returns:
        Every name of ALIGNED, and ``mirrored``, as (P,) float32.
    """
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    # small matrix products in several threads at once: BLAS threads of their own would only wait for each other
    with threadpool_limits(limits=1, user_api="blas"):
        found = list(
            map_ahead(lambda pair: aligned_evidence(views[pair[0]], views[pair[1]]), pairs, settings.worker_threads)
        )
    return {name: np.array([evidence[name] for evidence in found], dtype=np.float32) for name in (*ALIGNED, "mirrored")}


def without_alignment(count: int) -> dict[str, Floats]:
    """Every name of ALIGNED as (count,) NaN: evidence that nobody looked for."""
    return {name: np.full(count, math.nan, dtype=np.float32) for name in ALIGNED}
