"""The verdicts of parts become one table: the same however the dump was cut, and however little is held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup_pipeline.schemas import VERDICTS, VerdictKind, conform
from dedup_pipeline.stages.match.merge_parts import Merged, merged
from dedup_pipeline.store import Store

NODES, PAIRS = 60, 900
NAMES = [f"{number:064x}" for number in range(0, 3 * NODES, 3)]


def candidates(seed: int = 1) -> pa.Table:
    """Directed pairs of nodes, each once: first, second, and the kind that the first's look found."""
    generator = np.random.default_rng(seed)
    codes = np.sort(generator.choice(NODES * NODES, PAIRS, replace=False))
    first, second = codes // NODES, codes % NODES
    kept = first != second
    near = generator.random(PAIRS) < 0.3
    kinds = np.where(near, VerdictKind.PERCEPTUAL.value, VerdictKind.LEARNED.value)
    return pa.table({"first": first[kept], "second": second[kept], "kind": kinds[kept]})


def in_parts(store: Store, size: int) -> list[str]:
    """Write what parts of so many nodes find, each sorted by nodes, as `match` does; returns the paths."""
    found = candidates().to_pylist()
    paths = []
    for start in range(0, NODES, size):
        pairs: dict[tuple[int, int], list[str]] = {}
        for one in found:
            if start <= one["first"] < start + size:
                low, high = sorted((one["first"], one["second"]))
                pairs.setdefault((low, high), []).append(one["kind"])
        rows = []
        for (low, high), kinds in sorted(pairs.items()):
            row = dict.fromkeys(VERDICTS.names, 0.0) | {"node_a": NAMES[low], "node_b": NAMES[high]}
            row |= {"kind": max(kinds), "directions": len(kinds), "logit": low - high, "mirrored": low % 2 == 0}
            rows.append(row | {"inliers": None if high % 3 else 1.0})
        paths.append(f"verdicts-{start:05d}.parquet")
        store.write_table(paths[-1], conform(rows, VERDICTS))
    return paths


def put_together(folder: Path, size: int, range_rows: int) -> pa.Table:
    store = Store(str(folder / "store"))
    work = folder / "work"
    work.mkdir()
    table = pa.concat_tables(merged(store, in_parts(store, size), NAMES, work, range_rows=range_rows))
    assert not list(work.iterdir())
    return table.combine_chunks()


def test_every_pair_is_there_once_in_order_with_what_both_its_nodes_found(tmp_path: Path) -> None:
    table = put_together(tmp_path, NODES, PAIRS)
    found = candidates().to_pandas()
    sides = np.sort(found[["first", "second"]].to_numpy(), axis=1)
    grouped = found.assign(low=sides[:, 0], high=sides[:, 1]).groupby(["low", "high"])["kind"]
    expected = grouped.agg(["max", "size"]).reset_index()  # perceptual comes after learned in the alphabet
    assert table["node_a"].to_pylist() == [NAMES[row] for row in expected["low"]]
    assert table["node_b"].to_pylist() == [NAMES[row] for row in expected["high"]]
    assert table["kind"].to_pylist() == expected["max"].tolist()
    assert table["directions"].to_pylist() == expected["size"].tolist()
    assert 0 < (expected["size"] == 2).sum() < len(expected)


@pytest.mark.parametrize("size", [1, 7, 25, 60])
@pytest.mark.parametrize("range_rows", [1, 40, 10_000])
def test_neither_parts_nor_ranges_change_anything(tmp_path: Path, size: int, range_rows: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    assert put_together(cut, size, range_rows).equals(put_together(whole, NODES, PAIRS))


def test_a_dump_without_candidates_is_an_empty_table(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.write_table("verdicts-00000.parquet", conform([], VERDICTS))
    found = Merged.of(merged(store, ["verdicts-00000.parquet"], NAMES, tmp_path), tmp_path)
    assert found.counts == {"candidates": 0, "perceptual": 0, "learned": 0, "aligned": 0}
    assert not list(found.blocks())


def test_no_more_than_a_range_is_read_at_a_time(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    sizes = [len(block) for block in merged(store, in_parts(store, 10), NAMES, tmp_path, range_rows=100)]
    assert len(sizes) >= 8
    assert max(sizes) < 250
    assert sum(sizes) == len(put_together_again(tmp_path))


def put_together_again(folder: Path) -> pa.Table:
    again = folder / "again"
    again.mkdir()
    return put_together(again, NODES, PAIRS)


def test_what_is_merged_can_be_read_in_columns_more_than_once(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    found = Merged.of(merged(store, in_parts(store, 10), NAMES, tmp_path, range_rows=100), tmp_path)
    first, second = (pa.concat_tables(found.blocks(["node_b", "logit"])) for _ in range(2))
    assert first.equals(second)
    assert first.column_names == ["node_b", "logit"]
    everything = pq.read_table(found.file)
    assert found.counts["candidates"] == len(everything) == len(first)
    assert found.counts["aligned"] == everything["inliers"].null_count * -1 + len(everything)
    assert found.counts["perceptual"] + found.counts["learned"] == len(everything)
