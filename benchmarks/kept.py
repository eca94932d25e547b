"""What a run kept of its promise: its exports and its stated precision, held against a truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import DedupError
from dedup_pipeline.evaluate import Truth, read_outcome
from dedup_pipeline.evaluate.calibration import calibration
from dedup_pipeline.evaluate.judged import judged_photo_pairs
from dedup_pipeline.stages.chain import run
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of

Row = dict[str, Any]


def run_and_hold(settings: Settings, dump: str, catalog: str, truth: Truth) -> Row:
    """Run the chain over a catalog, and hold what comes of it against the truth.

    Returns:
        By pairs of photos: true, accepted, wrong, right, in_review (true, not accepted, in review.csv), lost (true and
        in no export), levels (level to found and all), wrong_pairs (ids of two listings and the probability); of the
        run: photos, reference_photos, threshold, expected (precision, and the ends of its interval), likely (for bins
        of the probability from 0.5 up: its mean, the share that is right, pairs). ``refused`` instead, where a stage
        refuses the dump.
    """
    store = Store(settings.store)
    try:
        run(settings, catalog, dump)
    except DedupError as error:
        return {"refused": str(error)}
    outcome = read_outcome(store, dump)
    judged = judged_photo_pairs(truth, outcome)
    judged = judged[judged.index.get_level_values(0) != judged.index.get_level_values(1)]
    right, accepted = judged["label"].eq("right"), judged["accepted"]
    wrong = judged[accepted & judged["label"].eq("wrong")]
    review = pd.read_csv(store.local_path(result_of(store, dump, "export").outputs["review"]), dtype=str)
    told = set(_photo_pairs(review, truth)) | set(judged.index[judged["score"].notna()])
    missed = [pair in told for pair in judged.index[right & ~accepted]]
    found = calibration(judged)
    counts = outcome.counts
    return {
        "photos": counts["nodes"],
        "reference_photos": counts["reference_photos"],
        "true": int(right.sum()),
        "accepted": int((accepted & right).sum()) + len(wrong),
        "wrong": len(wrong),
        "right": int((accepted & right).sum()),
        "in_review": sum(missed),
        "lost": len(missed) - sum(missed),
        "levels": {
            level: [int((some & accepted).sum()), int(some.sum())]
            for level in "0123"
            if (some := right & judged["level"].eq(level)).any()
        },
        "wrong_pairs": wrong[["id_a", "id_b", "probability"]].to_numpy().tolist(),
        "threshold": counts["threshold"],
        "expected": [counts[f"expected_precision{end}"] for end in ("", "_low", "_high")],
        "likely": [
            [each.mean_probability, each.share_right, each.pairs]
            for each in found.bins
            if each.low >= 0.5 and each.pairs
        ],
    }


def _photo_pairs(pairs: pd.DataFrame, truth: Truth) -> Iterable[tuple[str, str]]:
    photos = truth.listings["photo_id"]
    for one, other in zip(pairs["id_a"].map(photos), pairs["id_b"].map(photos), strict=True):
        first, second = sorted((str(one), str(other)))
        yield first, second


def table(rows: list[Row], by: str) -> str:
    """The rows of each value of a column together, and all of them, as Markdown."""
    heads = (by, "runs", "true pairs", "accepted", "wrong", "precision kept", "stated", "recall")
    heads += ("level 1", "level 2", "level 3", "review", "lost")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for value in sorted({row[by] for row in rows}):
        lines.append(_line(str(value), [row for row in rows if row[by] == value]))
    return "\n".join([*lines, _line("all", rows)])


def _line(name: str, rows: list[Row]) -> str:
    ran = [row for row in rows if "refused" not in row]
    sums = {key: sum(row[key] for row in ran) for key in ("true", "accepted", "wrong", "right", "in_review", "lost")}
    low = min((row["expected"][1] for row in ran), default=0.0)
    high = max((row["expected"][2] for row in ran), default=1.0)
    levels = []
    for level in "123":
        found, every = (sum(row["levels"].get(level, (0, 0))[place] for row in ran) for place in (0, 1))
        levels.append(f"{found}/{every}")
    kept = f"{1 - sums['wrong'] / sums['accepted']:.3f}" if sums["accepted"] else "-"
    recall = f"{sums['right'] / sums['true']:.3f}" if sums["true"] else "-"
    return (
        f"| {name} | {len(rows)} | {sums['true']} | {sums['accepted']} | {sums['wrong']} | {kept} | {low:.3f} to "
        f"{high:.3f} | {recall} | {' | '.join(levels)} | {sums['in_review']} | {sums['lost']} |"
    )


def coverage(rows: list[Row]) -> str:
    """How often the kept precision lies within the stated interval, and the calibration error from 0.5 up."""
    ran = [row for row in rows if row.get("accepted")]
    within = [row["expected"][1] <= 1 - row["wrong"] / row["accepted"] <= row["expected"][2] for row in ran]
    bins: dict[int, list[float]] = {}
    for row in ran:
        for said, share, count in row["likely"]:
            sums = bins.setdefault(min(9, int(said * 10)), [0.0, 0.0, 0.0])
            for place, value in enumerate((said * count, share * count, count)):
                sums[place] += value
    total = sum(count for _, _, count in bins.values())
    error = sum(abs(said - share) for said, share, _ in bins.values()) / max(1.0, total)
    lines = [f"{sum(within)} of {len(within)} runs kept a precision within their interval (95 % is what it says).", ""]
    lines += [f"Expected calibration error from 0.5 up: {error:.4f} of {total:.0f} pairs.", ""]
    lines += ["| probability | pairs | said | right |", "|---|---|---|---|"]
    for place, (said, share, count) in sorted(bins.items()):
        lines.append(f"| {place / 10:.1f} | {count:.0f} | {said / count:.3f} | {share / count:.3f} |")
    return "\n".join(lines)
