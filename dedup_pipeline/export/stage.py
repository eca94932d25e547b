"""The stage ``export``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.config import Settings
from dedup_pipeline.export.contradictions import claims_of, contradictions
from dedup_pipeline.export.pairs import listing_pairs
from dedup_pipeline.export.review import VERDICT_COLUMNS, Review, choose_review, suspicious_pictures
from dedup_pipeline.export.review_file import LISTING_COLUMNS, with_listings, write_review
from dedup_pipeline.names import Names
from dedup_pipeline.schemas import PAIRS, conform
from dedup_pipeline.shown import Shown, matched_nodes, several_families
from dedup_pipeline.stage import Count, Done, Progress, StageResult, no_progress, result_of, run_stage
from dedup_pipeline.store import Store

VERSION = 4
SCHEMA_VERSION = 1
_SCHEMA_FILE = "duplicates.schema.json"
_DIGITS = 6  # of a score: what a calibration can tell apart, and the same on every machine

# what summary.json says: stage -> its counts that do not depend on how often the run was interrupted
_SUMMARY: dict[str, tuple[str, ...]] = {
    "ingest": ("rows", "listings", "rejects", "rejects_by_reason", "families", "without_picture"),
    "fetch": ("photos", "ok", "failed", "failed_by_reason"),
    "train": ("model_id",),
    "index": ("images", "vectors", "recall"),
    "match": (
        "calibrated_on",
        "changed_since",
        "nodes",
        "placeholders",
        "blanks",
        "banners",
        "candidates",
        "perceptual",
        "learned",
        "expected_duplicates",
        "threshold",
        "expected_precision",
        "texts_of_sure_pairs",
        "texts_of_strangers",
    ),
    "group": ("groups", "listings"),
}


def export(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Write the duplicates of a dump to ``exports/<dump_id>/``.

    Returns:
        outputs: duplicates (duplicates.json, in the form of ``export.form``), schema, pairs_csv, pairs (PAIRS), groups
        (GROUPS), review (review.csv), summary. counts: pairs, accepted, listings_with_duplicates; and of pairs of
        pictures: uncertain_photo_pairs, suspicious_photo_pairs, suspicious_by_reason, review_rows, review_left_out.

    Raises:
        NotReadyError: the dump is not grouped yet.
    """
    store = Store(settings.store)
    grouped = result_of(store, dump_id, "group")
    paths = {
        name: store.export(dump_id, file)
        for name, file in {
            "duplicates": "duplicates.json",
            "schema": _SCHEMA_FILE,
            "pairs_csv": "pairs.csv",
            "pairs": "pairs.parquet",
            "groups": "groups.parquet",
            "review": "review.csv",
            "summary": "summary.json",
        }.items()
    }

    def work() -> Done:
        progress(0, 4)
        store.sweep(store.export(dump_id, ""))  # people look into this folder, and copy it
        groups = store.read_table(grouped.outputs["groups"])
        # what is less likely is neither accepted nor listed nor reviewed
        threshold = float(str(result_of(store, dump_id, "match").counts["threshold"]))
        least = min(threshold, settings.export.minimum_score, settings.export.review_band[0])
        likely = _likely(store, dump_id, least)
        seen = _seen(store, dump_id, likely)
        pairs = _pairs(groups, seen, likely, settings)
        claims = claims_of(_listings(store, dump_id, set(groups["listing_id"].to_pylist())))
        found = contradictions(pairs, claims, seen)
        pairs["suspicious"] = found["brand"] | found["colour"]
        progress(1, 4)
        table = conform({name: pairs[name] for name in PAIRS.names}, PAIRS)
        store.write_table(paths["pairs"], table)
        store.write_table(paths["groups"], groups)
        with store.writing(paths["pairs_csv"]) as file:
            pairs.to_csv(file, index=False, float_format=f"%.{_DIGITS}f", lineterminator="\n", mode="wb")
        progress(2, 4)
        node_of = seen.set_index("listing_id")["node"]
        suspicious = suspicious_pictures(pairs, found, node_of)
        chosen = _review(store, dump_id, suspicious, _groups_of_nodes(groups, node_of), settings)
        _write_review(store, dump_id, paths["review"], with_listings(chosen.pairs, seen))
        progress(3, 4)
        accepted = pairs[pairs["accepted"]]
        duplicates = _duplicates(accepted, groups, settings.export.form)
        with store.writing(paths["duplicates"]) as file:
            for line in _json_lines(duplicates):
                file.write(line.encode())
        store.write_bytes(paths["schema"], files("dedup_pipeline.export").joinpath(_SCHEMA_FILE).read_bytes())
        counts: dict[str, Count] = {
            "pairs": len(pairs),
            "accepted": len(accepted),
            "listings_with_duplicates": len(set(accepted["id_a"]) | set(accepted["id_b"])),
            "uncertain_photo_pairs": chosen.uncertain,
            "suspicious_photo_pairs": chosen.suspicious,
            "suspicious_by_reason": chosen.by_reason,
            "review_rows": len(chosen.pairs),
            "review_left_out": chosen.left_out,
        }
        store.write_json(paths["summary"], _summary(store, dump_id, counts, settings))
        progress(4, 4)
        return Done(paths, counts)

    inputs = {"group": grouped.key, "options": settings.export.model_dump(mode="json")}
    return run_stage(store, dump_id, "export", inputs=inputs, version=VERSION, work=work)


def _likely(store: Store, dump_id: str, least: float) -> pd.DataFrame:
    """The verdicts from a probability up: node_a, node_b, kind, probability."""
    columns = ["node_a", "node_b", "kind", "probability"]
    with store.reading_table(result_of(store, dump_id, "match").outputs["verdicts"]) as table:
        likely = [
            batch.filter(pc.greater_equal(batch["probability"], least)) for batch in table.iter_batches(columns=columns)
        ]
        schema = pa.schema([table.schema_arrow.field(name) for name in columns])
    found: pd.DataFrame = pa.Table.from_batches(likely, schema).to_pandas()
    return found


def _seen(store: Store, dump_id: str, likely: pd.DataFrame) -> pd.DataFrame:
    """listing_id, family_id, image_id, node of the listings that any file can name.

    They show a picture that takes part in matching, and that has a likely verdict or is shown by several families.
    """
    images, node_of = matched_nodes(store, dump_id)
    shown = Shown.read(store, dump_id, images)
    nodes = shown.nodes(node_of)
    named = several_families(nodes, shown.families, len(images))
    for side in ("node_a", "node_b"):
        places = images.places(Names.of(likely[side].unique()))
        named[places[places >= 0]] = True
    wanted = (nodes >= 0) & np.append(named, False)[nodes]
    pieces = [pd.DataFrame({name: pd.Series(dtype="str") for name in ("listing_id", "family_id", "image_id", "node")})]
    for places, batch in shown.listings(store, ["listing_id", "family_id"], wanted):
        names = {"image_id": images.take(shown.images[places]), "node": images.take(nodes[places])}
        pieces.append(batch.to_pandas().assign(**names))
    return pd.concat(pieces, ignore_index=True)


def _pairs(groups: pa.Table, seen: pd.DataFrame, verdicts: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    members = groups.select(["listing_id", "group_id", "medoid"]).to_pandas()
    pairs = listing_pairs(seen, verdicts, members, minimum_score=settings.export.minimum_score)
    return pairs.assign(score=pairs["score"].round(_DIGITS))


def _listings(store: Store, dump_id: str, wanted: Set[str]) -> Iterator[dict[str, Any]]:
    """What some listings say: LISTING_COLUMNS, in the order of the table."""
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as table:
        for batch in table.iter_batches(columns=LISTING_COLUMNS):
            known = pa.array([listing in wanted for listing in batch["listing_id"].to_pylist()], pa.bool_())
            yield from batch.filter(known).to_pylist()


def _groups_of_nodes(groups: pa.Table, node_of: pd.Series[str]) -> dict[str, str]:
    members = groups.select(["listing_id", "group_id"]).to_pandas()
    return dict(zip(members["listing_id"].map(node_of), members["group_id"], strict=True))


def _review(
    store: Store, dump_id: str, suspicious: pd.DataFrame, group_of: dict[str, str], settings: Settings
) -> Review:
    matched = result_of(store, dump_id, "match")
    with store.reading_table(matched.outputs["verdicts"]) as verdicts:
        return choose_review(
            verdicts.iter_batches(columns=VERDICT_COLUMNS),
            suspicious,
            group_of,
            band=settings.export.review_band,
            threshold=float(str(matched.counts["threshold"])),
            rows=settings.export.review_rows,
        )


def _write_review(store: Store, dump_id: str, path: str, pairs: pd.DataFrame) -> None:
    with store.writing(path) as file:
        listings = _listings(store, dump_id, {*pairs["id_a"], *pairs["id_b"]})
        write_review(file, pairs, listings, digits=_DIGITS)


def _duplicates(accepted: pd.DataFrame, groups: pa.Table, form: str) -> dict[str, list[Any]]:
    """The value of duplicates.json."""
    of: dict[str, list[str]] = {}
    for a, b in zip(accepted["id_a"], accepted["id_b"], strict=True):
        of.setdefault(a, []).append(b)
        of.setdefault(b, []).append(a)
    of = {listing: sorted(others) for listing, others in sorted(of.items())}
    if form == "listing":
        return of
    frame = groups.select(["listing_id", "canonical"]).to_pandas()
    canonical = sorted(listing for listing in frame.loc[frame["canonical"], "listing_id"] if listing in of)
    if form == "canonical":
        return {listing: of[listing] for listing in canonical}
    return {listing: [[other] for other in of[listing]] for listing in canonical}


def _json_lines(value: dict[str, list[Any]]) -> Iterator[str]:
    """A JSON object with one key a line, so that a person and a diff can read it."""
    yield "{"
    for number, (key, others) in enumerate(value.items()):
        comma = "," if number else ""
        yield f"{comma}\n  {json.dumps(key, ensure_ascii=False)}: {json.dumps(others, ensure_ascii=False)}"
    yield "\n}\n" if value else "}\n"


def _summary(store: Store, dump_id: str, counts: dict[str, Count], settings: Settings) -> dict[str, Any]:
    """What stands in summary.json: the same for the same dump, however the run went."""
    summary: dict[str, Any] = {"dump_id": dump_id, "schema_version": SCHEMA_VERSION, "form": settings.export.form}
    summary["target_precision"] = settings.match.target_precision
    for stage, names in _SUMMARY.items():
        known = result_of(store, dump_id, stage).counts
        summary[stage] = {name: known[name] for name in names if name in known}
    return summary | {"export": counts}
