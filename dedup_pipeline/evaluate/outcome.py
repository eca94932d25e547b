"""What a finished run says of a dump, as tables: its exported pairs, its verdicts, and which listing shows what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from dedup_pipeline.evaluate.crowds import GROUP_COLUMNS, Crowd, crowds_among
from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.stages.fetch import pack_seconds
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult, result_of, seconds_of
from dedup_pipeline.store.packs import pack_ids, packed_images

_PLAN, _FINISH = "manifest-plan.json", "manifest.json"


@dataclass(frozen=True)
class RunOutcome:
    """A finished run.

    Attributes:
        dump_id: the dump.
        pairs: PAIRS, what was exported; `accepted` are those of duplicates.json.
        verdicts: VERDICTS.
        listings: listing_id, title, image_id, node (null where the picture takes no part in matching).
        summary: the content of summary.json.
        model: version and id of the model that embedded the dump.
        counts: of the stage match.
        seconds: stage to what its work took; of fetch, what all packs took that hold a picture of the dump.
        match_seconds: the same for the steps of match: plan (calibration), parts (candidates and verdicts), finish.
        crowds: groups of which the pairs name a star, and mean all.
    """

    dump_id: str
    pairs: pd.DataFrame
    verdicts: pd.DataFrame
    listings: pd.DataFrame
    summary: dict[str, Any]
    model: dict[str, str]
    counts: dict[str, Any]
    seconds: dict[str, float]
    match_seconds: dict[str, float]
    crowds: Sequence[Crowd] = ()

    @property
    def threshold(self) -> float:
        """The least probability that a verdict is accepted from."""
        return float(self.counts["threshold"])

    @cached_property
    def exported(self) -> dict[tuple[str, str], float]:
        """Every exported pair of listings with its score."""
        return _scores(self.pairs)

    @cached_property
    def accepted(self) -> dict[tuple[str, str], float]:
        """The pairs that duplicates.json holds, whatever its form, with their scores."""
        return _scores(self.pairs[self.pairs["accepted"]])


def read_outcome(store: Store, dump_id: str) -> RunOutcome:
    """Read a finished run.

    Raises:
        NotReadyError: the dump is not exported yet.
    """
    exported, matched = result_of(store, dump_id, "export"), result_of(store, dump_id, "match")
    settled = result_of(store, dump_id, "train").counts
    stages = [name for name in store.names(store.dump(dump_id)) if store.exists(store.dump(dump_id, name, _FINISH))]
    pairs: pd.DataFrame = store.read_table(exported.outputs["pairs"]).to_pandas()
    return RunOutcome(
        dump_id=dump_id,
        pairs=pairs,
        verdicts=store.read_table(matched.outputs["verdicts"]).to_pandas(),
        listings=_listings(store, dump_id, matched.outputs["nodes"]),
        summary=store.read_json(exported.outputs["summary"]),
        model={"version": str(settled["model_version"]), "id": str(settled["model_id"])},
        counts=dict(matched.counts),
        seconds={stage: _seconds(store, dump_id, stage) for stage in stages},
        match_seconds=_match_seconds(store, dump_id),
        crowds=_crowds(store, exported, pairs),
    )


def _crowds(store: Store, exported: StageResult, pairs: pd.DataFrame) -> Sequence[Crowd]:
    told = exported.counts.get("crowds")
    if not isinstance(told, dict):
        return ()
    groups = store.read_table(exported.outputs["groups"], GROUP_COLUMNS).to_pandas()
    return crowds_among(groups, _scores(pairs[pairs["accepted"]]), told["above"])


def _scores(pairs: pd.DataFrame) -> dict[tuple[str, str], float]:
    return {(a, b): score for a, b, score in zip(pairs["id_a"], pairs["id_b"], pairs["score"], strict=True)}


def _listings(store: Store, dump_id: str, nodes: str) -> pd.DataFrame:
    members = store.read_table(nodes).to_pandas()
    node_of = members[members["state"] == NodeState.MATCHED.value].set_index("image_id")["node"]
    images = packed_images(store, dump_id).ids
    shown = ListingImages.read(store, dump_id, images)
    listings: pd.DataFrame = store.read_table(shown.path, ["listing_id", "title"]).to_pandas()
    listings["image_id"] = shown.image_ids(images).to_pandas()
    return listings.assign(node=listings["image_id"].map(node_of))


def _seconds(store: Store, dump_id: str, stage: str) -> float:
    seconds = seconds_of(store, dump_id, stage)
    if stage == "fetch":  # its work is that of the packs, which belong to no dump
        seconds += pack_seconds(store, pack_ids(store, dump_id))
    return round(seconds, 3)


def _match_seconds(store: Store, dump_id: str) -> dict[str, float]:
    folder = store.dump(dump_id, "match")
    manifests = [name for name in store.names(folder) if name.startswith("manifest") and name.endswith(".json")]
    seconds = {"plan": 0.0, "parts": 0.0, "finish": 0.0}
    for name in manifests:
        step = {_PLAN: "plan", _FINISH: "finish"}.get(name, "parts")
        seconds[step] += float(store.read_json(f"{folder}/{name}")["seconds"])
    return {step: round(value, 3) for step, value in seconds.items()}
