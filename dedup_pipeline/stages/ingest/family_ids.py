"""The name of a family: the smallest id among its listings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.stages.ingest.id_table import IdNumbers, id_keys

Members = Iterator[tuple[IdNumbers, pa.Array]]


def smallest_ids(members: Callable[[], Members], families: int) -> pa.Array:
    """The smallest id of each family, by the order of its UTF-8 bytes, which is that of its characters.

    Ids are compared by their first 16 bytes, as numbers, and in full only where those are equal.

    Args:
        members: gives, from the beginning each time, batches of family numbers (ids,) and ids (ids,).
        families: how many families there are; each has a member.

    Returns:
        (families,) text.
    """
    highest = np.uint64(2**64 - 1)
    front = np.full(families, highest)
    for numbers, ids in members():
        np.minimum.at(front, numbers, id_keys(ids, whole=False)[:, 0])
    back = np.full(families, highest)
    for numbers, ids in members():
        keys = id_keys(ids, whole=False)
        least = keys[:, 0] == front[numbers]
        np.minimum.at(back, numbers[least], keys[least, 1])
    found_numbers: list[IdNumbers] = []
    found_ids: list[pa.Array] = []
    for numbers, ids in members():
        keys = id_keys(ids, whole=False)
        least = (keys[:, 0] == front[numbers]) & (keys[:, 1] == back[numbers])
        found_numbers.append(numbers[least])
        found_ids.append(ids.filter(pa.array(least)))
    if not families:
        return pa.array([], pa.string())
    numbers, names = np.concatenate(found_numbers), pa.concat_arrays(found_ids)
    if len(numbers) == families:
        return names.take(pa.array(np.argsort(numbers)))
    order = pc.sort_indices(
        pa.table({"family": numbers, "name": names}), sort_keys=[("family", "ascending"), ("name", "ascending")]
    ).to_numpy()
    first = np.unique(numbers[order], return_index=True)[1]
    return names.take(pa.array(order[first]))
