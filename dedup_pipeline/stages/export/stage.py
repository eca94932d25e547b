"""The stage ``export``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.dtypes import Codes, Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.config import Settings
from dedup_pipeline.listings.images import ListingImages, matched_listings, several_families
from dedup_pipeline.schemas import PAIRS, VerdictKind, conform
from dedup_pipeline.stages.export.contradictions import Claims, contradictions
from dedup_pipeline.stages.export.crowds import Crowds
from dedup_pipeline.stages.export.exported_listings import Listed
from dedup_pipeline.stages.export.pairs import (
    DIGITS,
    KINDS,
    Likely,
    ListingPairs,
    found_pairs,
    listing_pairs,
    tie,
    ties,
)
from dedup_pipeline.stages.export.review import VERDICT_COLUMNS, Review, choose_review, suspicious_pictures
from dedup_pipeline.stages.export.review_file import LISTING_COLUMNS, with_listings, write_review
from dedup_pipeline.stages.export.spreadsheet import defused_ids
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Count, Done, Progress, StageResult, no_progress, result_of, run_stage

VERSION = 7
SCHEMA_VERSION = 1
_SCHEMA_FILE = "duplicates.schema.json"
_ROWS, _LINES = 1 << 20, 50_000  # of pairs.parquet, and of text, that are written at a time

# what summary.json says: stage -> its counts that do not depend on how often the run was interrupted
_SUMMARY: dict[str, tuple[str, ...]] = {
    "ingest": ("rows", "listings", "rejects", "rejects_by_reason", "families", "without_picture"),
    "fetch": ("photos", "ok", "failed", "failed_by_reason"),
    "train": ("model_id",),
    "index": ("images", "vectors", "recall"),
    "match": (
        "calibrated_on",
        "changed_since",
        "reference_photos",
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
        "expected_precision_low",
        "expected_precision_high",
        "note",
        "exchanged",
        "exchanged_reuploads",
        "texts_of_sure_pairs",
        "texts_of_strangers",
        "judged_at_worst",
    ),
    "group": ("groups", "listings"),
}


def export(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Write the duplicates of a dump to ``exports/<dump_id>/``.

    Returns:
        outputs: duplicates (duplicates.json, in the form of ``export.form``), schema, pairs_csv, pairs (PAIRS), groups
        (GROUPS), review (review.csv), summary. counts: pairs, accepted (as they are named), listings_with_duplicates,
        crowds (where there are groups of more listings than ``export.pairs_up_to``, see ``Crowds.counts``); and of
        pairs of pictures: uncertain_photo_pairs, suspicious_photo_pairs, suspicious_by_reason, review_rows,
        review_left_out.

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
        shown, listed, likely = _read(store, dump_id, groups, least=least)
        crowds = Crowds.of(listed, settings.export.pairs_up_to)
        found = found_pairs(listed, likely, crowds, minimum_score=settings.export.minimum_score)
        del likely  # so that nothing of it is held once all pairs are found
        pairs = listing_pairs(listed, found)
        accepted = np.flatnonzero(pairs.accepted)
        claims = Claims.read(store, shown, listed)
        brand, colour = contradictions(claims, pairs.low[accepted], pairs.high[accepted])
        suspicious = np.zeros(len(pairs), dtype=bool)
        doubted = brand | colour
        suspicious[accepted] = doubted
        progress(1, 4)
        store.write_table(paths["groups"], groups)
        _write_pairs(store, paths, listed, pairs, {"suspicious": suspicious, "through": ties(listed, pairs, threshold)})
        progress(2, 4)
        crowd = crowds.between_hubs(pairs.low[accepted], pairs.high[accepted])
        told = doubted | crowd
        reasons = {"crowd": crowd[told], "brand": brand[told], "colour": colour[told]}
        to_look_at = suspicious_pictures(_named(listed, pairs, accepted[told]).assign(**reasons))
        chosen = _review(store, dump_id, to_look_at, listed, settings)
        named = with_listings(chosen.pairs, _showing(listed, chosen.pairs))
        _write_review(store, dump_id, paths["review"], _with_ties(listed, named, threshold))
        progress(3, 4)
        with store.writing(paths["duplicates"]) as file:
            for line in _json_lines(_duplicates(listed, pairs, settings.export.form)):
                file.write(line.encode())
        store.write_bytes(paths["schema"], files("dedup_pipeline.stages.export").joinpath(_SCHEMA_FILE).read_bytes())
        counts: dict[str, Count] = {
            "pairs": len(pairs),
            "accepted": len(accepted),
            "listings_with_duplicates": len(np.union1d(pairs.low[accepted], pairs.high[accepted])),
            "uncertain_photo_pairs": chosen.uncertain,
            "suspicious_photo_pairs": chosen.suspicious,
            "suspicious_by_reason": chosen.by_reason,
            "review_rows": len(chosen.pairs),
            "review_left_out": chosen.left_out,
        }
        if len(crowds.hubs):
            counts["crowds"] = crowds.counts()
        store.write_json(paths["summary"], _summary(store, dump_id, counts, settings))
        progress(4, 4)
        return Done(paths, counts)

    inputs = {"group": grouped.key, "options": settings.export.stored()}
    return run_stage(store, dump_id, "export", inputs=inputs, version=VERSION, work=work)


def _read(store: Store, dump_id: str, groups: pa.Table, *, least: float) -> tuple[ListingImages, Listed, Likely]:
    """What the listings of a dump show, those that any file can name, and the verdicts on their pictures.

    A file can name listings whose picture takes part in matching, and has a verdict of some probability or is shown by
    several families.
    """
    images, shown, nodes = matched_listings(store, dump_id)
    likely = Likely.read(store, result_of(store, dump_id, "match").outputs["verdicts"], images, least)
    named = several_families(nodes, shown.families, len(images))
    named[likely.low] = named[likely.high] = True
    listed = Listed.read(store, shown, groups, names=images, nodes=nodes, named=named)
    return shown, listed, likely


def _write_pairs(
    store: Store, paths: Mapping[str, str], listed: Listed, pairs: ListingPairs, told: Mapping[str, Any]
) -> None:
    """Write pairs.parquet for programs, and pairs.csv for spreadsheets, some rows at a time."""
    shown = replace(listed, ids=defused_ids(listed.ids))
    with store.writing_table(paths["pairs"], PAIRS) as table, store.writing(paths["pairs_csv"]) as file:
        for start in range(0, max(1, len(pairs)), _ROWS):
            some = np.arange(start, min(start + _ROWS, len(pairs)))
            rows = _table(listed, pairs, told, some)
            table.write_table(rows)
            if shown.ids is not listed.ids:
                rows = _table(shown, pairs, told, some)
            for first in range(0, max(1, len(some)), _LINES):
                rows.slice(first, _LINES).to_pandas().to_csv(
                    file,
                    index=False,
                    header=not start and not first,
                    float_format=f"%.{DIGITS}f",
                    lineterminator="\n",
                    mode="wb",
                )


def _table(listed: Listed, pairs: ListingPairs, told: Mapping[str, Any], rows: Rows) -> pa.Table:
    """Some rows (R,) of PAIRS, with what is told of all of them: suspicious (P,) bool, through as of ``ties``."""
    accepted = pairs.accepted[rows]
    groups = pa.array(listed.groups[pairs.low[rows]], mask=~accepted)
    through = told["through"][rows]
    columns = {
        "id_a": listed.ids.take(pa.array(pairs.low[rows])),
        "id_b": listed.ids.take(pa.array(pairs.high[rows])),
        "score": pairs.scores(rows),
        "kind": pa.array(KINDS).take(pa.array(pairs.kinds[rows])),
        "accepted": accepted,
        "group_id": listed.group_ids.take(groups),
        "through": listed.ids.take(pa.array(through, mask=through < 0)),
        "suspicious": told["suspicious"][rows],
    }
    return conform(columns, PAIRS)


def _named(listed: Listed, pairs: ListingPairs, rows: Rows) -> pd.DataFrame:
    """Some pairs (R,) by the names of their listings and pictures: id_a, id_b, node_a, node_b, kind, probability."""
    sides = {"a": pairs.low[rows], "b": pairs.high[rows]}
    columns: dict[str, Any] = {f"id_{side}": listed.ids.take(pa.array(places)) for side, places in sides.items()}
    columns |= {f"node_{side}": listed.names.take(listed.nodes[places]) for side, places in sides.items()}
    columns |= {"kind": pa.array(KINDS).take(pa.array(pairs.kinds[rows])), "probability": pairs.scores(rows)}
    found: pd.DataFrame = pa.table(columns).to_pandas()
    return found


def _showing(listed: Listed, pairs: pd.DataFrame) -> pd.DataFrame:
    """listing_id, family_id and node of the listings that show the pictures of some pairs."""
    nodes = listed.names.find(ByteStrings.of({*pairs["node_a"], *pairs["node_b"]}))
    places = np.flatnonzero(np.isin(listed.nodes, nodes))
    ids = listed.ids.take(pa.array(places)).to_pylist()
    families, names = listed.families[places], listed.names.take(listed.nodes[places])
    return pd.DataFrame({"listing_id": ids, "family_id": families, "node": names})


def _listings(store: Store, dump_id: str, wanted: Set[str]) -> Iterator[dict[str, Any]]:
    """What some listings say: LISTING_COLUMNS, in the order of the table."""
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as table:
        for batch in table.iter_batches(columns=LISTING_COLUMNS):
            known = pa.array([listing in wanted for listing in batch["listing_id"].to_pylist()], pa.bool_())
            yield from batch.filter(known).to_pylist()


def _review(store: Store, dump_id: str, suspicious: pd.DataFrame, listed: Listed, settings: Settings) -> Review:
    matched, groups = result_of(store, dump_id, "match"), listed.groups_of_nodes()

    def groups_of(nodes: pd.Series[str]) -> Codes:
        return groups[listed.names.find(ByteStrings.of(nodes))]

    with store.reading_table(matched.outputs["verdicts"]) as verdicts:
        return choose_review(
            verdicts.iter_batches(columns=VERDICT_COLUMNS),
            suspicious,
            groups_of,
            band=settings.export.review_band,
            threshold=float(str(matched.counts["threshold"])),
            rows=settings.export.review_rows,
        )


def _with_ties(listed: Listed, pairs: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The pairs with the column through: the listing by which they are accepted that do not match each other."""
    indirect = pairs["accepted"] & (pairs["kind"].eq(VerdictKind.GROUP) | (pairs["probability"] < threshold))
    some = pairs[indirect]
    sides = [pc.index_in(pa.array(some[f"id_{side}"], pa.string()), value_set=listed.ids).to_numpy() for side in "ab"]
    places = tie(listed, *sides)
    through = listed.ids.take(pa.array(places, mask=places < 0)).to_pylist()
    return pairs.assign(through=pd.Series(through, index=some.index, dtype=object))


def _write_review(store: Store, dump_id: str, path: str, pairs: pd.DataFrame) -> None:
    with store.writing(path) as file:
        listings = _listings(store, dump_id, {*pairs["id_a"], *pairs["id_b"]})
        write_review(file, pairs, listings, digits=DIGITS)


def _duplicates(listed: Listed, pairs: ListingPairs, form: str) -> Iterator[tuple[str, list[Any]]]:
    """The entries of duplicates.json, sorted by listing."""
    low, high = pairs.low[pairs.accepted], pairs.high[pairs.accepted]
    ones, others = np.concatenate([low, high]), np.concatenate([high, low])
    if form != "listing":
        kept = listed.canonical[ones]
        ones, others = ones[kept], others[kept]
    order = np.lexsort((others, ones))
    ones, others = ones[order], others[order]
    firsts = np.flatnonzero(np.append(True, ones[1:] != ones[:-1])[: len(ones)])
    bounds = np.append(firsts, len(ones))
    for start in range(0, len(firsts), _LINES):
        some = bounds[start : start + _LINES + 1]
        keys = listed.ids.take(pa.array(ones[some[:-1]])).to_pylist()
        values = listed.ids.take(pa.array(others[some[0] : some[-1]])).to_pylist()
        ends = (some - some[0]).tolist()
        for key, first, last in zip(keys, ends[:-1], ends[1:], strict=True):
            found = values[first:last]
            yield key, [[other] for other in found] if form == "separate" else found


def _json_lines(entries: Iterable[tuple[str, list[Any]]]) -> Iterator[str]:
    """A JSON object with one key a line, so that a person and a diff can read it."""
    yield "{"
    end = "}\n"
    for number, (key, others) in enumerate(entries):
        comma, end = "," if number else "", "\n}\n"
        yield f"{comma}\n  {json.dumps(key, ensure_ascii=False)}: {json.dumps(others, ensure_ascii=False)}"
    yield end


def _summary(store: Store, dump_id: str, counts: dict[str, Count], settings: Settings) -> dict[str, Any]:
    """What stands in summary.json: the same for the same dump, however the run went."""
    summary: dict[str, Any] = {"dump_id": dump_id, "schema_version": SCHEMA_VERSION, "form": settings.export.form}
    summary["target_precision"] = settings.match.target_precision
    for stage, names in _SUMMARY.items():
        known = result_of(store, dump_id, stage).counts
        summary[stage] = {name: known[name] for name in names if name in known}
    return summary | {"export": counts}
