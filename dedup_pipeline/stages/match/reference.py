"""Pairs of made-up shops whose answers are known, which fill up what a small shop lacks.

The verdicts are calibrated on ``match.calibration_photos`` photos of a dump. A shop of forty photos tells too little:
trees that saw so few pairs miss duplicates, and one decoy more or less decides over all of them. So the photos that a
dump lacks are taken from shops that came with the package, as if they were photos of its own: the fewer it has, the
more counts what is known from elsewhere, and a dump with photos enough rests on itself alone.

How near two pictures come in an embedding depends on the model that embeds them, which is another one in every store.
So nothing is said of that: the trees learn it from the dump.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup_pipeline.compute.dtypes import Flags, Floats
from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.fingerprint import FILE as FINGERPRINTS_FILE
from dedup_pipeline.stages.match.labelled_pairs import LabelledPairs
from dedup_pipeline.stages.match.simulated_pairs import PACK, RECOLOUR, REPRINT
from dedup_pipeline.verdict.alignment import VERSION as ALIGNMENT_VERSION
from dedup_pipeline.verdict.classifier import Pairs
from dedup_pipeline.verdict.evidence import EVIDENCE, without_alignment

OF_MODEL = ("cosine", "cosine_margin")  # evidence that another model would see otherwise
_FILE = "reference.parquet"
_MOST = 400  # photos: as many as the default of match.calibration_photos asks for
_DIGITS = 4  # of each number of the evidence: more would tell nothing and take room


@dataclass(frozen=True)
class Reference:
    """Known pairs, and what decoys found, of the first photos of the shops.

    Attributes:
        known: N pairs; their groups are below 0, so that they are apart from a dump's.
        reprints: pairs of the same product with another motif, all aligned.
        aligned: (N,) bool, which were aligned; of the others there is only what tells in the first pass.
        decoys: M pairs, all of them wrong.
        decoys_aligned: (M,) bool, the same of these.
        pictures: how many pictures of each kind of decoy were made of the photos.
        photos: how many photos.
        shop_nodes: how many pictures a shop has on average, among which a decoy finds what it finds.
    """

    known: LabelledPairs
    reprints: LabelledPairs
    aligned: Flags
    decoys: LabelledPairs
    decoys_aligned: Flags
    pictures: Mapping[int, float]
    photos: int
    shop_nodes: float

    def with_decoys(self, kinds: Iterable[int]) -> Reference:
        """The same with what decoys of these kinds found."""
        wanted = np.isin(self.decoys.strengths, list(kinds))
        return replace(self, decoys=self.decoys.only(wanted), decoys_aligned=self.decoys_aligned[wanted])


def reference(photos: int) -> Reference:
    """The pairs of so many photos of the shops, or of as many as there are; of none where it is 0.

    Args:
        photos: how many.

    Raises:
        ModelError: they were made for other evidence than this version of the package finds.
    """
    if photos <= 0:
        return _NOTHING
    table = pq.read_table(io.BytesIO(_content()))
    facts = json.loads(table.schema.metadata[b"reference"])
    if (facts["alignment"], facts["fingerprints"]) != (ALIGNMENT_VERSION, FINGERPRINTS_FILE):
        raise ModelError("the reference pairs were made for other evidence: make them anew with `make reference`")
    photos = min(photos, facts["photos"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    wanted, printed = columns["photo"] < photos, columns["kind"] == REPRINT
    known, aligned = _known(columns, wanted & ~columns["decoy"] & ~printed)
    reprints, _ = _known(columns, wanted & ~columns["decoy"] & printed)
    decoys, decoys_aligned = _known(columns, wanted & columns["decoy"])
    share = photos / facts["photos"]
    pictures = {int(kind): count * share for kind, count in facts["pictures"].items()}
    return Reference(known, reprints, aligned, decoys, decoys_aligned, pictures, photos, facts["shop_nodes"])


def reference_digest() -> str:
    """Changes when the pairs do."""
    return hashlib.sha256(_content()).hexdigest()[:16]


def write_reference(
    known: Sequence[LabelledPairs], decoys: Sequence[LabelledPairs], pictures: Mapping[int, float], shop_nodes: float
) -> bytes:
    """The file of some known pairs and of what decoys found.

    Args:
        known: pairs with all the evidence, and others with that in the first pass alone; groups may be any numbers.
        decoys: the same of decoys.
        pictures: how many pictures of each kind of decoy were made.
        shop_nodes: how many pictures a shop has on average.
    """
    aligned = [np.repeat([True, False], [len(pairs.labels) for pairs in some]) for some in (known, decoys)]
    both = LabelledPairs.together([_with_all_evidence(pairs) for pairs in (*known, *decoys)])
    photos, codes = np.unique(both.pairs.groups, return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(len(photos))  # the first so many are a sample of them all
    evidence = {name: _rounded(values) for name, values in both.pairs.evidence.items()}
    evidence |= {name: np.full_like(evidence[name], np.nan) for name in OF_MODEL}
    columns: dict[str, object] = {name: evidence[name] for name in EVIDENCE}
    columns |= {"photo": shuffled[codes].astype(np.int16), "label": both.labels, "kind": both.strengths.astype(np.int8)}
    columns |= {"covered": both.covered}
    columns |= {"decoy": np.repeat([False, True], [len(flags) for flags in aligned])}
    columns |= {"aligned": np.concatenate(aligned)}
    kept = min(_MOST, len(photos))
    made = {str(kind): round(count * kept / len(photos), 1) for kind, count in pictures.items()}
    facts: dict[str, object] = {"photos": kept, "pictures": made, "shop_nodes": round(shop_nodes, 1)}
    facts |= {"alignment": ALIGNMENT_VERSION, "fingerprints": FINGERPRINTS_FILE}
    table = pa.table(columns).filter(pc.field("photo") < kept)
    table = table.replace_schema_metadata({"reference": json.dumps(facts)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=19, use_dictionary=True)
    return bytes(sink.getvalue())


_NONE, _NO_FLAGS = np.empty(0, np.int64), np.empty(0, bool)
_EMPTY = LabelledPairs(
    Pairs({name: np.empty(0, np.float32) for name in EVIDENCE}, _NONE), _NONE, _NONE, _NO_FLAGS, _NONE, _NO_FLAGS
)
_NOTHING = Reference(
    _EMPTY, _EMPTY, _NO_FLAGS, _EMPTY, _NO_FLAGS, {kind: 0 for kind in (RECOLOUR, PACK, REPRINT)}, 0, 1.0
)


def _content() -> bytes:
    return files("dedup_pipeline.stages.match").joinpath(_FILE).read_bytes()


def _known(columns: Mapping[str, npt.NDArray[Any]], rows: Flags) -> tuple[LabelledPairs, Flags]:
    evidence = {name: columns[name][rows] for name in EVIDENCE}
    groups = -1 - columns["photo"][rows].astype(np.int64)
    nobody = np.zeros(len(groups), dtype=np.int64)
    labels, kinds = columns["label"][rows], columns["kind"][rows].astype(np.int64)
    pairs = LabelledPairs(Pairs(evidence, groups), nobody, nobody, labels, kinds, columns["covered"][rows])
    return pairs, columns["aligned"][rows]


def _with_all_evidence(pairs: LabelledPairs) -> LabelledPairs:
    """What was not looked for is NaN."""
    return pairs.with_evidence({**without_alignment(len(pairs.labels)), **pairs.pairs.evidence}).of(EVIDENCE)


def _rounded(values: Floats) -> Floats:
    """To some significant digits."""
    with np.errstate(divide="ignore"):
        places = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** np.where(np.isfinite(places), places, 0)
    return (np.round(values * scale) / scale).astype(np.float32)
