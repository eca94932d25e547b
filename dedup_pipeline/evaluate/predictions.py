"""Reading a list of duplicates: the exported JSON or Parquet, or a CSV with scores."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate.crowds import GROUP_COLUMNS, Crowd, crowds_among

_CHANGED = re.compile(r"(?:^|;)'['\"\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # see export.spreadsheet


@dataclass(frozen=True)
class Predictions:
    """Pairs of listings that somebody calls duplicates.

    Attributes:
        pairs: unordered pair (smaller id first) to its score, higher = more certain; the highest of repeated ones.
        scored: whether the scores came from the file; without them every score is 1.
        own_pairs: pairs of a listing with itself, left out of `pairs`.
        crowds: groups of which the pairs name a star, and mean all; known of a file that lies where it was exported.
    """

    pairs: dict[tuple[str, str], float]
    scored: bool
    own_pairs: int
    crowds: tuple[Crowd, ...] = ()


def read_predictions(file: Path) -> Predictions:
    """Read `{"id": ["id", ...], ...}` from a .json file, or the columns id_a, id_b and optionally score of a table.

    Args:
        file: a JSON file if its name ends in .json, Parquet if in .parquet, a CSV file otherwise.

    Raises:
        InputError: the file is missing, not of that form, a score is not a finite number, or an id was changed so that
            no spreadsheet computes it.
    """
    if not file.is_file():
        raise InputError(f"no file {file}: name a JSON or CSV file of duplicates")
    if file.suffix.lower() == ".json":
        return _with_crowds(_collected(_json_rows(file), scored=False), file)
    table = _parquet_table(file) if file.suffix.lower() == ".parquet" else _csv_table(file)
    scored = "score" in table
    scores = _scores(table["score"], file) if scored else [1.0] * len(table)
    return _with_crowds(_collected(zip(table["id_a"], table["id_b"], scores, strict=True), scored=scored), file)


def _with_crowds(found: Predictions, file: Path) -> Predictions:
    """Add the groups that the summary beside an exported file speaks of."""
    try:
        summary = json.loads(file.with_name("summary.json").read_text(encoding="utf-8"))
        above = int(summary["export"]["crowds"]["above"])
        groups = pq.read_table(file.with_name("groups.parquet"), columns=GROUP_COLUMNS).to_pandas()
    except (OSError, ValueError, KeyError, TypeError):
        return found  # it is not an export's, or one without crowds
    if file.suffix.lower() == ".json" and summary["form"] != "listing":
        return found  # every group is named once, large or small
    return replace(found, crowds=tuple(crowds_among(groups, found.pairs, above)))


def _collected(rows: Iterable[tuple[str, str, float]], *, scored: bool) -> Predictions:
    pairs: dict[tuple[str, str], float] = {}
    own = 0
    for first, second, value in rows:
        if first == second:
            own += 1
            continue
        key = (first, second) if first < second else (second, first)
        pairs[key] = max(value, pairs.get(key, -math.inf))
    return Predictions(pairs, scored, own)


def _json_rows(file: Path) -> list[tuple[str, str, float]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not JSON ({error}): export the duplicates again") from error
    advice = 'it must be {"productId": ["productId", ...], ...}'
    if not isinstance(content, dict):
        raise InputError(f"{file} holds a {type(content).__name__}: {advice}")
    rows: list[tuple[str, str, float]] = []
    for first, others in content.items():
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise InputError(f"{file} has no list of ids under {first!r}: {advice}")
        rows.extend((first, other, 1.0) for other in others)
    return rows


def _csv_table(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a CSV table ({error}): write the columns id_a, id_b[, score]") from error
    _check_columns(list(table.columns), file)
    for name in ("id_a", "id_b"):
        changed = table[name].str.contains(_CHANGED)
        if changed.any():
            line = int(changed.to_numpy().argmax()) + 2  # the header is line 1
            raise InputError(
                f"{file}, line {line}: the id {table[name].iloc[line - 2]!r} is not that of the dump, but changed so "
                "that no spreadsheet computes it: name the pairs.parquet beside it, which has the ids as they are"
            )
    return table


def _parquet_table(file: Path) -> pd.DataFrame:
    try:
        names = pq.read_schema(file).names
        _check_columns(names, file)
        columns = [name for name in ("id_a", "id_b", "score") if name in names]
        table: pd.DataFrame = pq.read_table(file, columns=columns).to_pandas()
    except pa.ArrowInvalid as error:
        raise InputError(f"{file} is not a Parquet table ({error}): write the columns id_a, id_b[, score]") from error
    return table


def _check_columns(names: list[str], file: Path) -> None:
    if not {"id_a", "id_b"} <= set(names):
        raise InputError(f"{file} has the columns {', '.join(names)}: it needs id_a, id_b[, score]")


def _scores(column: "pd.Series[str]", file: Path) -> list[float]:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ~numbers.between(-math.inf, math.inf, inclusive="neither")
    if bad.any():
        line = int(bad.to_numpy().argmax()) + 2  # the header is line 1
        raise InputError(f"{file}, line {line}: the score {column.iloc[line - 2]!r} is not a finite number: mend it")
    return numbers.tolist()
