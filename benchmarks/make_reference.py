"""Makes the reference pairs that fill up what a small shop lacks (``dedup_pipeline/stages/match/reference.parquet``).

Renders shops that no test and no figure uses, runs the chain over each up to its index, and keeps what a calibration
would learn from. `make reference` runs it; it takes about ten minutes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from dedup_pipeline.config import load_settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.sample.serving import serving_catalog
from dedup_pipeline.stages.chain import STAGES, run_stage
from dedup_pipeline.stages.index import open_index
from dedup_pipeline.stages.match.calibration_pairs import calibration_pairs, fitted
from dedup_pipeline.stages.match.labelled_pairs import LabelledPairs
from dedup_pipeline.stages.match.nodes import load_nodes
from dedup_pipeline.stages.match.reference import write_reference
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.verdict.classifier import Pairs

sys.path.append(str(Path(__file__).parents[1]))  # where the rehearsal is found

from benchmarks.rehearsal import Style, write_rehearsal_shop

_SHOPS: tuple[tuple[int, Style], ...] = ((1101, "studio"), (1102, "phone"), (1103, "studio"))  # seed, style
_PRODUCTS = 110
_DUMP = "reference"
_APART = 1_000_000  # between the groups of two shops

Sides = tuple[LabelledPairs, LabelledPairs]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, default=Path("dedup_pipeline/stages/match/reference.parquet"))
    target = parser.parse_args().target
    pieces, made, shop_nodes = [], Counter[int](), []
    with tempfile.TemporaryDirectory(prefix="dedup-reference-") as folder:
        for number, (seed, style) in enumerate(_SHOPS):
            known, decoys, pictures, nodes = _shop(Path(folder), seed, style)
            shop_nodes.append(nodes)
            pieces.append([_apart(pairs, number * _APART) for pairs in (*known, *decoys)])
            made.update(pictures)
    known, ruled_out, decoys, decoys_ruled_out = (LabelledPairs.together(some) for some in zip(*pieces, strict=True))
    content = write_reference((known, ruled_out), (decoys, decoys_ruled_out), made, sum(shop_nodes) / len(shop_nodes))
    target.write_bytes(content)
    pairs = len(known.labels) + len(ruled_out.labels)
    print(f"{target}: {len(content) / 1e6:.1f} MB, {pairs} pairs, {len(known.labels)} of them looked at closer")


def _apart(pairs: LabelledPairs, more: int) -> LabelledPairs:
    """The same pairs, whose groups are no other shop's."""
    return replace(pairs, pairs=Pairs(pairs.pairs.evidence, pairs.pairs.groups + more))


def _shop(folder: Path, seed: int, style: Style) -> tuple[Sides, Sides, dict[int, int], int]:
    """The known pairs of a shop, what its decoys found, how many decoys of each kind it has, and how many pictures.

    Of the pairs first those that were aligned, then the others; what may be a duplicate that nobody told
    of is in neither.
    """
    work = folder / str(seed)
    write_rehearsal_shop(work / "shop", seed=seed, products=_PRODUCTS, style=style)
    settings = load_settings(
        [
            f"store={work / 'store'}",
            "match.reprints=true",
            "match.aligned_pairs_per_photo=10",
            "train.model=train",
            "train.epochs=2",
        ]
    )
    catalog = work / "catalog.csv"
    with serving_catalog(settings, work / "shop", catalog) as served:
        for stage in list(STAGES)[: list(STAGES).index("match")]:
            run_stage(served, stage, _DUMP, catalog=str(catalog))
    store = Store(settings.store)
    encoder = Encoder.load(store, str(result_of(store, _DUMP, "embed").counts["model_id"]), settings)
    nodes, index = load_nodes(settings, _DUMP), open_index(settings, _DUMP)
    labelled = calibration_pairs(settings, _DUMP, nodes, index, encoder, filled_up=False)
    shutil.rmtree(work)
    _, suspects, _, _ = fitted(labelled.known, labelled.decoys, settings)
    known = LabelledPairs.together([labelled.known.only(~suspects), labelled.reprints])
    return (
        (known, labelled.ruled_out),
        (labelled.decoys, labelled.decoys_ruled_out),
        labelled.made,
        int(nodes.matched.sum()),
    )


if __name__ == "__main__":
    main()
