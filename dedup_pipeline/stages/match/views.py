"""The pictures behind nodes, ready to be aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.pictures.decode import Picture, decode
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import read_images
from dedup_pipeline.verdict.alignment import ALIGNED, View, aligned_evidence, view_of

T = TypeVar("T")


def of_nodes(
    settings: Settings, dump_id: str, nodes: Nodes, rows: Iterable[int], look: Callable[[Picture], T]
) -> dict[int, T]:
    """What ``look`` says of the pictures of some nodes, by their rows; they are read pack by pack."""
    store = Store(settings.store)
    row_of = {nodes.names[row]: row for row in rows}
    wanted = {name: nodes.pack_of(row) for name, row in row_of.items()}

    def looked(image: tuple[str, bytes]) -> tuple[int, T]:
        name, data = image
        return row_of[name], look(decode(data, settings.fetch.lenient_limits))

    return dict(map_ahead(looked, read_images(store, wanted), settings.worker_threads))


def node_views(settings: Settings, dump_id: str, nodes: Nodes, rows: Iterable[int]) -> dict[int, View]:
    """The views of some nodes by their rows; about 90 kB each."""
    return of_nodes(settings, dump_id, nodes, rows, view_of)


class Gallery:
    """The views of a dump's nodes, each made when it is first asked for, and kept until it is let go.

    Args:
        settings: the settings.
        dump_id: the dump.
        nodes: its nodes.
        made: views of further pictures, by numbers below 0.
    """

    def __init__(
        self, settings: Settings, dump_id: str, nodes: Nodes, made: Mapping[int, View] = MappingProxyType({})
    ) -> None:
        self._settings, self._dump_id, self._nodes = settings, dump_id, nodes
        self._views = dict(made)

    def let_go(self, below: int) -> None:
        """Forget the nodes whose rows are below a number."""
        self._views = {row: view for row, view in self._views.items() if not 0 <= row < below}

    def align(self, first: Rows, second: Rows) -> dict[str, Floats]:
        """Align pictures, pair by pair; see ``align``."""
        missing = [row for row in np.union1d(first, second).tolist() if row not in self._views]
        self._views |= node_views(self._settings, self._dump_id, self._nodes, missing)
        return align(self._views, first, second, self._settings)


def picture_views(pictures: Sequence[Picture], settings: Settings) -> list[View]:
    """The views of some pictures."""
    return list(map_ahead(view_of, pictures, settings.worker_threads))


def align(views: Mapping[int, View], first: Rows, second: Rows, settings: Settings) -> dict[str, Floats]:
    """Align pictures, pair by pair.

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
