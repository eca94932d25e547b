"""What other dumps of a store know that a dump need not find out again: how to judge, and how pictures compare.

The verdicts of a dump are calibrated on its own photos (docs/decisions/0001). Tomorrow's dump shows nearly the same
photos and would come to nearly the same classifier, so it takes the latest calibration of an earlier dump as long as
less than ``match.recalibrate_from`` of the pictures are new or gone. It is always compared with the dump that the
calibration was fitted on, never with one that took it over, so that many small steps make no large one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dedup_pipeline.compute.dtypes import Codes, Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.stages.match.alignment_cache import cache_path
from dedup_pipeline.stages.match.calibration import Calibration
from dedup_pipeline.stages.match.node_table import open_arrays
from dedup_pipeline.stages.match.nodes import STATES, Nodes
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import StageResult, read_manifest

logger = logging.getLogger(__name__)

_BLOCK = 100_000  # names compared at a time
_LOOKED_INTO = 20  # dumps, the nearest first: several of a day, where a catalog is cut into shards
_LEAST_SHARED = 0.5  # of a dump's pictures: with less, another dump knows more of its pairs
_DIGITS = 6
PLACES = "places"  # outputs of a plan
_NAMES, _STATES = "nodes.names", "nodes.states"


@dataclass(frozen=True)
class ChosenCalibration:
    """How the verdicts of a dump are found.

    Attributes:
        calibration: what they rest on.
        calibrated_on: the dump that it was fitted on.
        changed: share of the pictures that are new or gone since, the greater of the two; 0 where it was fitted here.
        cached_in: another dump that keeps evidence on pairs of this one; None where there is none.
    """

    calibration: Calibration
    calibrated_on: str
    changed: float
    cached_in: str | None

    def counts(self) -> dict[str, str | float | None]:
        """For the manifest of the plan."""
        return {
            "calibrated_on": self.calibrated_on,
            "changed_since": self.changed,
            "calibration": digest(self.calibrated_on, self.calibration.to_dict()),
            "laid_in": self.cached_in,
        }


def reuse_or_calibrate(
    store: Store,
    dump_id: str,
    nodes: Nodes,
    *,
    basis: Mapping[str, Any],
    version: int,
    recalibrate_from: float,
    fit: Callable[[], Calibration],
) -> ChosenCalibration:
    """Take the calibration of an earlier dump or fit one, and find the dump that keeps most of the evidence.

    Nobody is waited for: of dumps that are matched at once each takes what is finished when its plan is made.

    Args:
        store: the store.
        dump_id: the dump.
        nodes: its nodes.
        basis: all that a calibration depends on beside the pictures of its dump.
        version: of the stage.
        recalibrate_from: ``match.recalibrate_from``.
        fit: calibrates on this dump.
    """
    found: tuple[Calibration, str, float] | None = None
    cached_in = None
    now = int(nodes.matched.sum())
    for other, plan in _others(store, dump_id):
        fitted = plan["version"] == version and plan["inputs"].get("basis") == basis
        fitted &= plan["counts"].get("calibrated_on") == other < dump_id
        then = int(plan["counts"]["states"][NodeState.MATCHED.value])
        wanted = found is None and fitted and 1 - min(now, then) / max(now, then, 1) < recalibrate_from
        keeps = cached_in is None and store.exists(store.dump(other, "match", "manifest.json"))
        if not (wanted or keeps):
            continue
        try:
            shared = _shared(store, nodes, plan["outputs"])
            changed = round(1 - shared / max(now, then, 1), _DIGITS)
            if wanted and changed < recalibrate_from and (calibration := _calibration(store, plan)):
                found = calibration.grown(now / then), other, changed
        except (NotReadyError, DamagedError):
            continue  # it is being matched anew, was removed, or is damaged: what it would have saved is done here
        if keeps and shared >= _LEAST_SHARED * now:
            cached_in = other
        if found and cached_in:
            break
    if found is None:
        found = fit(), dump_id, 0.0
    else:
        logger.info("the verdicts of %s are calibrated on %s: %.1f %% changed", dump_id, found[1], 100 * found[2])
    return ChosenCalibration(*found, cached_in)


def _others(store: Store, dump_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dumps before this one, the latest first, then those after it, each with the manifest of its plan."""
    names = store.names("dumps")
    near = [name for name in reversed(names) if name < dump_id] + [name for name in names if name > dump_id]
    looked_into = 0
    for name in near:
        try:
            plan = read_manifest(store, store.dump(name, "match", "manifest-plan.json"))
        except (NotReadyError, DamagedError):
            continue
        if {_NAMES, _STATES, PLACES} <= plan["outputs"].keys():
            yield name, plan
            looked_into += 1
            if looked_into == _LOOKED_INTO:
                return


def _calibration(store: Store, plan: dict[str, Any]) -> Calibration | None:
    """The calibration of a plan; None when it is that of another, made while this one was read."""
    value = store.read_json(plan["outputs"]["calibration"])
    counts = plan["counts"]
    return Calibration.from_dict(value) if digest(counts["calibrated_on"], value) == counts["calibration"] else None


def _shared(store: Store, nodes: Nodes, outputs: Mapping[str, str]) -> int:
    """How many matched nodes a dump shares with another's matched nodes, both mapped into memory."""
    theirs: dict[str, Any] = open_arrays(store, {name: outputs[name] for name in (_NAMES, _STATES)})
    names, states = ByteStrings(theirs[_NAMES]), theirs[_STATES]
    count = 0
    for start in range(0, len(nodes), _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = names.find(ByteStrings(nodes.names.data[block][nodes.matched[block]]))
        count += int((states[rows[rows >= 0]] == STATES.index(NodeState.MATCHED)).sum())
    return count


@dataclass(frozen=True)
class _Order:
    """The order of the nodes of another dump, mapped into memory.

    Attributes:
        names: of the nodes, sorted.
        places: (N,) int32, where each stands.
        part_nodes: how many of them a part has.
    """

    names: ByteStrings
    places: Codes
    part_nodes: int

    @classmethod
    def of(cls, store: Store, dump_id: object) -> _Order | None:
        """That of a dump; None where it is not known, or there is no dump."""
        if dump_id is None:
            return None
        try:
            plan = read_manifest(store, store.dump(str(dump_id), "match", "manifest-plan.json"))
            arrays: dict[str, Any] = open_arrays(store, {name: plan["outputs"][name] for name in (_NAMES, PLACES)})
        except (NotReadyError, DamagedError):
            return None  # it is being matched anew, was removed, or is damaged
        return cls(ByteStrings(arrays[_NAMES]), arrays[PLACES], int(plan["inputs"]["options"]["part_nodes"]))

    def of_names(self, names: ByteStrings) -> Codes:
        """The place (R,) int32 of each of some names; -1 where it is not there."""
        rows = self.names.find(names)
        return np.where(rows >= 0, self.places[rows], np.int32(-1))


def earlier_places(store: Store, dump_id: str | None, nodes: Nodes) -> Codes | None:
    """The place (N,) int32 of each node in the order of another dump, -1 where that has it not; None: nothing is known.

    Args:
        store: the store.
        dump_id: the other dump.
        nodes: the nodes of this one.
    """
    order = _Order.of(store, dump_id)
    if order is None:
        return None
    starts = range(0, len(nodes), _BLOCK)
    return np.concatenate([order.of_names(nodes.names[start : start + _BLOCK]) for start in starts])


def cache_paths(store: Store, plan: StageResult, part: int, nodes: Nodes, mine: Rows) -> list[str]:
    """The tables that may hold evidence on pairs of a part's nodes: its own of an earlier run, and another dump's.

    Args:
        store: the store.
        plan: of the dump; its counts say which the other dump is.
        part: its number.
        nodes: the dump's nodes.
        mine: (M,) int64, the rows of the part's nodes.
    """
    own, other = [cache_path(store, plan.dump_id, part)], plan.counts["laid_in"]
    order = _Order.of(store, other)
    if order is None:
        return own
    places = order.of_names(ByteStrings(nodes.names.data[mine]))
    parts = np.unique(places[places >= 0] // order.part_nodes)
    return own + [cache_path(store, str(other), number) for number in parts.tolist()]
