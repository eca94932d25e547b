"""Does the promised precision hold on what the calibration has not seen?

Takes a catalog in the truth format and the store of a finished run over it. Calibrates again and again, each time
without some styles, colours or kinds of edit, judges the same candidates each time, and prints what was kept of the
promise.

    python benchmarks/rehearse.py luma --store .dedup/evaluate/luma/store-... --dump evaluation
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Flags, Floats
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.evaluate.splits import split_of
from dedup_pipeline.listings.images import listings_showing
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.stages.index import open_index
from dedup_pipeline.stages.match.calibration import calibrate
from dedup_pipeline.stages.match.nodes import Nodes, load_nodes
from dedup_pipeline.stages.match.probabilities import fit_pair_scorer
from dedup_pipeline.stages.match.simulated_pairs import SimulationScope
from dedup_pipeline.stages.match.views import Gallery
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.verdict.decoys import threshold_for
from dedup_pipeline.verdict.evidence import compare

_KINDS = {
    "patches": ("badge", "logo", "watermark", "cover"),
    "light": ("tone", "gamma", "cast", "filter"),
    "shape": ("mirror", "rotate", "aspect", "keystone", "deep-crop", "crop"),
    "surroundings": ("background", "ground", "page", "inset", "frame", "pad"),
}


@dataclass
class Candidates:
    """The candidates of a run with their truth.

    Attributes:
        low: (P,) rows of nodes.
        high: (P,) rows of nodes.
        verdicts: VERDICTS of the run, P rows.
        right: (P,) bool, true duplicates.
        counted: (P,) bool, neither ignored nor unscored.
        missing: true pairs that are no candidates.
        aligned: what was aligned so far, by pair.
    """

    low: np.ndarray
    high: np.ndarray
    verdicts: pa.Table
    right: np.ndarray
    counted: np.ndarray
    missing: int
    aligned: dict[tuple[int, int], dict[str, float]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--store", required=True)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORDS", help="rows whose names begin with these")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    settings = load_settings([f"store={options.store}"])
    nodes = load_nodes(settings, options.dump)
    candidates = _candidates(settings, options.dump, nodes, options.catalog)
    rows = []
    print("| left out of the calibration | kept | recall | wrong | recall of what was left out |")
    print("|---|---|---|---|---|")
    for name, sources, apart in _rehearsals(settings, options.dump, nodes, options.catalog):
        if not name.startswith(tuple(options.only)):
            continue
        row = {"left_out": name, **_rehearse(settings, options.dump, nodes, candidates, sources=sources, apart=apart)}
        rows.append(row)
        print(f"| {name} | {row['kept']:.4f} | {row['recall']:.4f} | {row['wrong']} | {row['apart']} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def _rehearsals(
    settings: Settings, dump_id: str, nodes: Nodes, catalog: Path
) -> list[tuple[str, SimulationScope, np.ndarray]]:
    """Names, what may be simulated, and which nodes (N,) bool were left out."""
    style = _per_node(settings, dump_id, nodes, catalog, "style")
    none = np.zeros(len(nodes), dtype=bool)
    tune = np.array([split_of(name) == "tune" for name in style])
    hue = nodes.features.colour[:, 7], nodes.features.colour[:, 12]  # medians of a and b
    warm, dark = hue[0] + hue[1] > 10, nodes.features.colour[:, 2] < 40
    found = [("nothing", SimulationScope(), none)]
    for name, left_out in (
        ("half of the styles", ~tune),
        ("the other half", tune),
        ("red, orange and yellow products", warm),
        ("dark products", dark),
        ("light products", ~dark),
    ):
        found.append((name, SimulationScope(rows=np.flatnonzero(~left_out)), left_out))
    for name, edits in _KINDS.items():
        found.append((f"edits of {name}: {', '.join(edits)}", SimulationScope(without=frozenset(edits)), none))
    return found


def _rehearse(
    settings: Settings,
    dump_id: str,
    nodes: Nodes,
    candidates: Candidates,
    *,
    sources: SimulationScope,
    apart: np.ndarray,
) -> dict[str, float | int | str]:
    store = Store(settings.store)
    encoder = Encoder.load(store, str(result_of(store, dump_id, "embed").counts["model_id"]), settings)
    index = open_index(settings, dump_id)
    calibration = calibrate(settings, dump_id, nodes, index, encoder, sources=sources)

    def align(passing: Flags) -> Mapping[str, Floats]:
        return _aligned(settings, dump_id, nodes, candidates, passing)

    first_pass_features = compare(nodes.features.take(candidates.low), nodes.features.take(candidates.high))
    logits = calibration.classifier.classify(first_pass_features, align).logits
    place = candidates.verdicts.schema.get_field_index("logit")
    verdicts = candidates.verdicts.set_column(place, "logit", pa.array(logits))
    matched = int(nodes.matched.sum())
    values, _ = fit_pair_scorer(
        lambda names: [verdicts.select(names)], calibration, matched, use_texts=settings.match.texts
    ).of(verdicts)
    threshold, _ = threshold_for(values, settings.match.target_precision, settings.match.min_probability)
    accepted = (values >= threshold) & candidates.counted
    right = accepted & candidates.right
    outside = candidates.right & (apart[candidates.low] | apart[candidates.high])
    return {
        "kept": float(right.sum() / max(1, accepted.sum())),
        "recall": float(right.sum() / (candidates.right.sum() + candidates.missing)),
        "wrong": int((accepted & ~candidates.right).sum()),
        "apart": f"{(right & outside).sum() / outside.sum():.4f}" if outside.any() else "",
    }


def _aligned(
    settings: Settings, dump_id: str, nodes: Nodes, candidates: Candidates, passing: Flags
) -> dict[str, Floats]:
    pairs = list(zip(candidates.low[passing].tolist(), candidates.high[passing].tolist(), strict=True))
    new = [pair for pair in pairs if pair not in candidates.aligned]
    if new:
        first, second = np.array(new).T
        columns = Gallery(settings, dump_id, nodes).align(first, second)
        for place, pair in enumerate(new):
            candidates.aligned[pair] = {name: float(values[place]) for name, values in columns.items()}
    names = candidates.aligned[pairs[0]]
    return {name: np.array([candidates.aligned[pair][name] for pair in pairs], np.float32) for name in names}


def _candidates(settings: Settings, dump_id: str, nodes: Nodes, catalog: Path) -> Candidates:
    store = Store(settings.store)
    table = store.read_table(result_of(store, dump_id, "match").outputs["verdicts"])
    row_of = {name: row for row, name in enumerate(nodes.names)}
    low, high = ([row_of[name] for name in table[side].to_pylist()] for side in ("node_a", "node_b"))
    node_of = _node_of_listing(settings, dump_id, nodes)

    def pairs(file: Path) -> set[tuple[int, int]]:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False) if file.exists() else pd.DataFrame()
        both = zip(rows.get("id_a", []), rows.get("id_b", []), strict=True)
        return {tuple(sorted((node_of[a], node_of[b]))) for a, b in both if a in node_of and b in node_of}  # type: ignore[misc]

    true, ignored = pairs(catalog / "truth.csv"), pairs(catalog / "ignore.csv")
    true = {pair for pair in true if pair[0] != pair[1]}
    asked = list(zip(low, high, strict=True))
    photos = pd.read_csv(catalog / "photos.csv", dtype=str, keep_default_na=False)
    unscored = {node_of[name] for name in photos[photos["scored"] == "0"]["productId"] if name in node_of}
    right = np.array([pair in true for pair in asked])
    counted = np.array([pair not in ignored and not unscored & set(pair) for pair in asked]) | right
    return Candidates(np.array(low), np.array(high), table, right, counted, len(true - set(asked)), {})


def _node_of_listing(settings: Settings, dump_id: str, nodes: Nodes) -> dict[str, int]:
    store = Store(settings.store)
    row_of = dict(zip(nodes.images, nodes.image_nodes.tolist(), strict=True))
    shown = (row for batch in listings_showing(store, dump_id, row_of, ["listing_id"]) for row in batch.to_pylist())
    return {row["listing_id"]: row_of[row["image_id"]] for row in shown}


def _per_node(settings: Settings, dump_id: str, nodes: Nodes, catalog: Path, column: str) -> list[str]:
    photos = pd.read_csv(catalog / "photos.csv", dtype=str, keep_default_na=False).set_index("productId")[column]
    values = [""] * len(nodes)
    for listing, row in _node_of_listing(settings, dump_id, nodes).items():
        values[row] = str(photos.get(listing, "")) or values[row]
    return values


if __name__ == "__main__":
    main()
