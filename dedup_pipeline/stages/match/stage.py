"""The stage ``match``: candidates and verdicts, part by part."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Flags, Floats, Rows
from dedup_pipeline.config import Settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.schemas import NODES, VERDICTS, NodeState, VerdictKind, conform
from dedup_pipeline.stages.fingerprint import FILE as FINGERPRINTS_FILE
from dedup_pipeline.stages.index import open_index
from dedup_pipeline.stages.match.alignment_cache import CachingAligner, cache_path, caching_aligner, read_cached
from dedup_pipeline.stages.match.calibration import Calibration, calibrate
from dedup_pipeline.stages.match.candidates import candidates_of
from dedup_pipeline.stages.match.earlier_dumps import PLACES, cache_paths, earlier_places, reuse_or_calibrate
from dedup_pipeline.stages.match.merge_parts import Merged, merged
from dedup_pipeline.stages.match.node_table import open_arrays, write_arrays
from dedup_pipeline.stages.match.nodes import STATES, Nodes, load_nodes, open_names, open_nodes
from dedup_pipeline.stages.match.partition import digest_of, places_by_cells, places_taken_over, rows_of
from dedup_pipeline.stages.match.probabilities import fit_pair_scorer, write_scored
from dedup_pipeline.stages.match.reference import reference_digest
from dedup_pipeline.stages.match.text_evidence import TEXTS, Texts
from dedup_pipeline.stages.match.title_words import word_weights
from dedup_pipeline.stages.match.views import Gallery
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import REGISTRY, locked
from dedup_pipeline.store.manifests import (
    Count,
    Done,
    Progress,
    StageResult,
    check_inputs,
    no_progress,
    result_of,
    run_stage,
)
from dedup_pipeline.verdict.alignment import VERSION as ALIGNMENT_VERSION
from dedup_pipeline.verdict.cascade import CascadeClassifier
from dedup_pipeline.verdict.classifier import sigmoid
from dedup_pipeline.verdict.evidence import compare

VERSION = 12
_AT_WORST = "judged_at_worst"  # a count
_ARRAY = "nodes."  # begins the names of the outputs that are arrays of nodes
_BLOCK = 20_000  # pairs compared at a time
_OF_FINISH = {"target_precision", "min_probability", "texts"}  # settings that only the end of the stage reads
_NOT_OF_CALIBRATION = {"recalibrate_from", "part_nodes", "crowd_families"}
_SHOWN = (
    *("cosine", "phash_distance", "dhash_distance", "colour_distance", "layout_likeness"),
    *("inliers", "structure", "chroma_90", "lightness_90", "colour_patch", "unshared", "beyond"),
)


def match(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Find the candidates of a dump and give each its verdict: plan, then every part, then finish.

    Returns:
        The result of ``finish_match``.

    Raises:
        NotReadyError: the dump is not indexed yet.
        InputError: it has too few photos to calibrate the verdicts on.
    """
    start = time.monotonic()
    parts = plan_match(settings, dump_id)
    progress(1, len(parts) + 2)
    for number, part in enumerate(parts, start=2):
        match_part(settings, dump_id, part)
        progress(number, len(parts) + 2)
    result = finish_match(settings, dump_id).since(start)
    progress(len(parts) + 2, len(parts) + 2)
    return result


def plan_match(settings: Settings, dump_id: str) -> list[int]:
    """Calibrate the verdicts, on the dump's photos or as an earlier dump was, and cut its nodes into parts.

    Returns:
        The numbers of the parts.
    """
    return _parts(_plan(settings, dump_id, sizes_only=False))


def _parts(plan: StageResult) -> list[int]:
    return list(range(int(str(plan.counts["parts"]))))


def _plan(settings: Settings, dump_id: str, *, sizes_only: bool = True) -> StageResult:
    store = Store(settings.store)
    earlier = {name: result_of(store, dump_id, name) for name in ("ingest", "fetch", "fingerprint", "index")}
    inputs = {name: result.key for name, result in earlier.items()}
    options = settings.match.stored(exclude=_OF_FINISH)
    model_id = str(result_of(store, dump_id, "embed").counts["model_id"])
    basis = _basis(settings, model_id)

    def work() -> Done:
        check_inputs(store, *earlier.values())
        with tempfile.TemporaryDirectory(prefix="dedup-match-") as folder:
            found_nodes = load_nodes(settings, dump_id, Path(folder))
            arrays = found_nodes.write(store, store.dump(dump_id, "match", "nodes"))
        nodes = open_nodes(store, dump_id, arrays)

        def fit() -> Calibration:
            found = open_index(settings, dump_id)
            return calibrate(settings, dump_id, nodes, found, Encoder.load(store, model_id, settings))

        again = settings.match.recalibrate_from
        chosen = reuse_or_calibrate(
            store, dump_id, nodes, basis=basis, version=VERSION, recalibrate_from=again, fit=fit
        )
        path = store.dump(dump_id, "match", "calibration.json")
        store.write_json(path, chosen.calibration.to_dict())
        members = store.dump(dump_id, "match", "nodes.parquet")
        with store.writing_table(members, NODES) as writer:
            for block in nodes.members():
                writer.write_table(block)
        words = store.dump(dump_id, "match", "words.parquet")
        store.write_table(words, word_weights(store, dump_id))
        known = earlier_places(store, chosen.cached_in, nodes)
        places = places_by_cells(nodes, settings) if known is None else places_taken_over(nodes, known)
        parts = max(1, -(-len(nodes) // settings.match.part_nodes))
        states = {state.value: int((nodes.states == code).sum()) for code, state in enumerate(STATES)}
        outputs = {"calibration": path, "nodes": members, "words": words}
        outputs |= {f"{_ARRAY}{name}": array for name, array in arrays.items()}
        outputs |= write_arrays(store, store.dump(dump_id, "match"), {PLACES: places})
        counts: dict[str, Count] = {"parts": parts, "nodes": len(nodes), "states": states, PLACES: digest_of(places)}
        return Done(outputs, {**counts, **chosen.counts()})

    everything = {**inputs, "options": options, "basis": basis}
    how: dict[str, Any] = {"part": "plan", "sizes_only": sizes_only}
    return run_stage(store, dump_id, "match", inputs=everything, version=VERSION, work=work, **how)


def _basis(settings: Settings, model_id: str) -> dict[str, object]:
    """All that a calibration depends on beside the pictures of its dump."""
    return {
        "model": model_id,
        "seed": settings.seed,
        "match": settings.match.stored(exclude=_OF_FINISH | _NOT_OF_CALIBRATION),
        "index": settings.index.stored(exclude={"recall_sample"}),
        "fingerprints": FINGERPRINTS_FILE,
        "alignment": ALIGNMENT_VERSION,
        "reference": reference_digest(),
    }


def match_part(settings: Settings, dump_id: str, part: int) -> StageResult:
    """Find the candidates of the nodes of one part, with their evidence and log odds.

    Returns:
        outputs: verdicts (VERDICTS, with the probability at the prior of the calibration). counts: candidates,
        perceptual, learned, aligned (aligned), laid (of these, in this run: of the others the evidence was
        kept), judged_at_worst (see ``CascadeClassifier.classify``).
    """
    return _part(settings, _plan(settings, dump_id), part)


def _part(settings: Settings, plan: StageResult, part: int, *, sizes_only: bool = False) -> StageResult:
    """See ``match_part``; who asks for all parts reads the plan once."""
    store, dump_id = Store(settings.store), plan.dump_id

    def work() -> Done:
        nodes = open_nodes(store, dump_id, _arrays(plan))
        places: Any = open_arrays(store, {PLACES: plan.outputs[PLACES]})[PLACES]
        mine = rows_of(places, part, settings.match.part_nodes)
        found = candidates_of(nodes, mine, settings)
        low, high = found.low, found.high
        kinds = np.where(found.near, VerdictKind.PERCEPTUAL.value, VerdictKind.LEARNED.value)
        classifier = Calibration.from_dict(store.read_json(plan.outputs["calibration"])).classifier
        path = store.dump(dump_id, "match", f"verdicts-{part:05d}.parquet")
        cache = cache_path(store, dump_id, part)
        kept = read_cached(store, cache_paths(store, plan, part, nodes, mine), nodes, low * len(nodes) + high)
        gallery = Gallery(settings, dump_id, nodes)
        texts = Texts.of_nodes(store, dump_id, nodes, np.union1d(low, high), store.read_table(plan.outputs["words"]))
        aligned = at_worst = 0
        with (
            caching_aligner(store, cache, gallery, nodes, kept) as pairs,
            store.writing_table(path, VERDICTS) as writer,
        ):
            for start in range(0, len(low), _BLOCK):
                block = slice(start, start + _BLOCK)
                columns = {"kind": kinds[block].tolist(), "directions": found.directions[block]}
                columns |= texts.compare(low[block], high[block])
                table, some = _verdicts(
                    nodes, low[block], high[block], columns=columns, classifier=classifier, pairs=pairs
                )
                aligned += len(table) - table["inliers"].null_count
                at_worst += some
                writer.write_table(table)
        by_hashes = int(found.near.sum())
        counts = {"candidates": len(low), "perceptual": by_hashes, "learned": len(low) - by_hashes, "aligned": aligned}
        # the table of aligned pairs is no output: without it the next dump aligns them anew, and nothing else changes
        return Done({"verdicts": path}, dict[str, Count](counts | {"laid": pairs.aligned_anew, _AT_WORST: at_worst}))

    # which calibration and which order a plan has taken depends on what was finished then, and is not in its key
    inputs = {"plan": plan.key, "part": part} | {name: plan.counts[name] for name in ("calibration", PLACES)}
    how: dict[str, Any] = {"part": f"{part:05d}", "sizes_only": sizes_only}
    return run_stage(store, dump_id, "match", inputs=inputs, version=VERSION, work=work, **how)


def _arrays(plan: StageResult) -> dict[str, str]:
    """The paths of the arrays of nodes, by name."""
    return {name.removeprefix(_ARRAY): path for name, path in plan.outputs.items() if name.startswith(_ARRAY)}


def _verdicts(
    nodes: Nodes,
    low: Rows,
    high: Rows,
    *,
    columns: dict[str, object],
    classifier: CascadeClassifier,
    pairs: CachingAligner,
) -> tuple[pa.Table, int]:
    """The verdicts (VERDICTS) on some pairs of nodes, and how many were judged at their worst."""

    def aligned(passing: Flags) -> dict[str, Floats]:
        return pairs.align(low[passing], high[passing])

    judged = classifier.classify(compare(nodes.features.take(low), nodes.features.take(high)), aligned)
    columns |= {name: pa.array(judged.evidence[name], from_pandas=True) for name in _SHOWN}
    columns |= {"exchanged": pa.array(judged.exchanged, from_pandas=True)}
    columns |= {name: pa.array(columns[name], from_pandas=True) for name in TEXTS}
    columns |= {"mirrored": judged.evidence["mirrored"] > 0}
    columns |= {"logit": judged.logits, "probability": sigmoid(judged.logits)}
    columns |= {"text_logit": np.zeros(len(low))}
    columns |= {"node_a": nodes.names.take(low), "node_b": nodes.names.take(high)}
    return conform(columns, VERDICTS), int(judged.at_worst.sum())


def finish_match(settings: Settings, dump_id: str) -> StageResult:
    """Put the parts together: turn log odds into probabilities by what the decoys found, and set the threshold.

    Returns:
        outputs: verdicts (VERDICTS, sorted by nodes), nodes (NODES), calibration, curve (of pictures alone), words
        (WORDS), texts (what they tell, or null). counts: candidates, perceptual, learned, aligned, laid (see
        ``match_part``), calibrated_on (the dump whose photos taught the classifier), changed_since (share of the
        pictures that are new or gone since), reference_photos (of made-up shops, where the dump has too few of its
        own), nodes, placeholders, blanks, banners, expected_duplicates (the sum of the probabilities from 0.5 up),
        threshold, expected_precision with its 95 % interval, accepted, exchanged (how many duplicates are expected
        among the pairs that look exchanged, but for that) and exchanged_reuploads (the share of these that are, see
        ``exchanged``), texts_of_sure_pairs and texts_of_strangers (what the texts were learnt from, 0 where they count
        for nothing); note (why nothing was accepted) and judged_at_worst, where
        there are any.
    """
    store = Store(settings.store)
    plan = _plan(settings, dump_id)
    parts = [_part(settings, plan, part, sizes_only=True) for part in _parts(plan)]
    target = settings.match.target_precision

    def work() -> Done:
        states = plan.counts["states"]
        placeholders, blanks, banners = (
            states[state] if isinstance(states, dict) else 0
            for state in (NodeState.PLACEHOLDER, NodeState.BLANK, NodeState.BANNER)
        )
        calibration = Calibration.from_dict(store.read_json(plan.outputs["calibration"]))
        matched = int(str(plan.counts["nodes"])) - placeholders - blanks - banners
        path = store.dump(dump_id, "match", "verdicts.parquet")
        with tempfile.TemporaryDirectory(prefix="dedup-match-") as name:
            files, names = [part.outputs["verdicts"] for part in parts], open_names(store, _arrays(plan))
            found = Merged.of(merged(store, files, names, Path(name)), Path(name))
            scorer = fit_pair_scorer(found.blocks, calibration, matched, use_texts=settings.match.texts)
            histogram = write_scored(store, path, found.blocks(), scorer)
        threshold, expected = histogram.threshold(target, settings.match.min_probability)
        threshold = round(threshold, 6)
        low, high = histogram.interval(scorer, threshold)
        curve_path = store.dump(dump_id, "match", "curve.json")
        store.write_json(curve_path, scorer.pictures.to_dict())
        texts_path = store.dump(dump_id, "match", "texts.json")
        store.write_json(texts_path, scorer.texts.to_dict() if scorer.texts else None)
        counts: dict[str, Count] = {
            **found.counts,
            "laid": sum(int(str(part.counts["laid"])) for part in parts),
            "calibrated_on": plan.counts["calibrated_on"],
            "changed_since": plan.counts["changed_since"],
            "reference_photos": int(calibration.figures["reference_photos"]),
            "nodes": plan.counts["nodes"],
            "placeholders": placeholders,
            "blanks": blanks,
            "banners": banners,
            "expected_duplicates": round(histogram.expected(), 1),
            "threshold": threshold,
            "expected_precision": round(expected, 6),
            "expected_precision_low": round(low, 6),
            "expected_precision_high": round(high, 6),
            "accepted": histogram.accepted(threshold),
            "exchanged": round(scorer.exchanged, 1),
            "exchanged_reuploads": round(scorer.reuploads, 6),
            "texts_of_sure_pairs": scorer.texts.sure if scorer.texts else 0,
            "texts_of_strangers": scorer.texts.apart if scorer.texts else 0,
        }
        if not histogram.accepted(threshold) and histogram.expected() >= 1:
            counts["note"] = f"no pair is sure enough for a precision of {target:g}: what is likely is in the review"
        if at_worst := sum(int(str(part.counts[_AT_WORST])) for part in parts):
            counts[_AT_WORST] = at_worst
        _note(settings, store, dump_id, counts, calibration)
        planned = {name: plan.outputs[name] for name in ("calibration", "nodes", "words")}
        return Done({**planned, "verdicts": path, "curve": curve_path, "texts": texts_path}, counts)

    wishes = settings.match.stored(include=_OF_FINISH)
    inputs = {"parts": [part.key for part in parts], **wishes}
    return run_stage(store, dump_id, "match", inputs=inputs, version=VERSION, work=work)


def _note(settings: Settings, store: Store, dump_id: str, counts: dict[str, Count], calibration: Calibration) -> None:
    """Write onto the registered model what its verdicts were calibrated to, the latest dump last."""
    from dedup_pipeline.tracking.runs import Tracking  # noqa: PLC0415 - imports MLflow: seconds that no part needs

    facts: dict[str, float | str] = {"matched": dump_id, "calibrated_on": str(counts["calibrated_on"])}
    facts |= {"target_precision": settings.match.target_precision}
    names = ("threshold", "expected_precision", "expected_precision_low", "expected_precision_high")
    facts |= {name: str(counts[name]) for name in names}
    facts |= {f"calibration.{name}": value for name, value in calibration.figures.items()}
    version = str(result_of(store, dump_id, "train").counts["model_version"])
    with locked(store, REGISTRY):  # the facts of one dump, not of two that end at once
        Tracking.connect(settings).note_calibration(version, facts)
