"""The figures of `dedup score`, reckoned pair by pair with loops and dictionaries: slow, and plainly right."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from sklearn.metrics import average_precision_score


class PlainScore:
    """A truth folder, and what predicted pairs are worth against it."""

    def __init__(self, folder: Path) -> None:
        self.listings = {row["productId"]: row for row in _rows(folder / "photos.csv")}
        self.truth = {_pair(row["id_a"], row["id_b"]): row for row in _rows(folder / "truth.csv")}
        self.ignored = {_pair(row["id_a"], row["id_b"]) for row in _rows(folder / "ignore.csv")}

    def figures(self, scores: dict[tuple[str, str], float], *, scored: bool) -> dict[str, Any]:
        """Counts, and the figures of pairs of photos and of listings; with scores also what their order is worth."""
        said = {pair: self._class(*pair) for pair in scores}
        unknown = {name for pair in scores for name in pair if name not in self.listings}
        listing = _View(
            {pair: row["level"] for pair, row in self.truth.items()},
            {pair: scores[pair] for pair in scores if said[pair] == "right"},
            {pair: (scores[pair], self._mistake(*pair)) for pair in scores if said[pair] == "wrong"},
        )
        photo = _View({self._photos(*pair): row["level"] for pair, row in self.truth.items()}, {}, {})
        for pair, score in scores.items():
            photos = self._photos(*pair)
            if said[pair] == "right":
                photo.right[photos] = max(score, photo.right.get(photos, 0.0))
            elif said[pair] == "wrong":
                best, mistake = photo.wrong.get(photos, (0.0, self._mistake(*pair)))
                photo.wrong[photos] = (max(score, best), mistake)
        edits = {self._photos(*pair): row["edits"] for pair, row in self.truth.items() if row["hops"] in {"", "1"}}
        return {
            "counts": {
                "predicted_pairs": len(scores),
                "ignored_pairs": list(said.values()).count("ignored"),
                "family_violations": list(said.values()).count("family"),
                "unknown_ids": len(unknown),
            },
            "listing": listing.figures(scored=scored),
            "photo": photo.figures(scored=scored) | {"by_edit": photo.by_edit(edits)},
        }

    def _class(self, first: str, second: str) -> str:
        sides = [self.listings.get(name) for name in (first, second)]
        if (first, second) in self.ignored or any(side and side["scored"] == "0" for side in sides):
            return "ignored"
        if (first, second) in self.truth:
            return "right"
        one, other = sides
        return "family" if one and other and one["family"] == other["family"] else "wrong"

    def _mistake(self, first: str, second: str) -> str:
        if first not in self.listings or second not in self.listings:
            return "unknown productId"
        one, other = self.listings[first], self.listings[second]
        if "placeholder" in {one["kind"], other["kind"]}:
            return "placeholder"
        if {one["kind"], other["kind"]} != {"photo"}:
            return "unusable picture"
        if set(one["parts"].split()) & set(other["parts"].split()):
            return "shares a part"
        same_style = one["style"] and one["style"] == other["style"]
        return "same style, other colour or view" if same_style else "other product"

    def _photos(self, first: str, second: str) -> tuple[str, str]:
        return _pair(*(self.listings[name]["photo_id"] if name in self.listings else name for name in (first, second)))


class _View:
    """Pairs of one kind: the level of all that are true, the scores of those found and the mistakes of the others."""

    def __init__(self, truth: dict[Any, str], right: dict[Any, float], wrong: dict[Any, tuple[float, str]]) -> None:
        self.truth, self.right, self.wrong = truth, right, wrong

    def figures(self, *, scored: bool) -> dict[str, Any]:
        found, mistaken, true = len(self.right), len(self.wrong), len(self.truth)
        mistakes = [mistake for _, mistake in self.wrong.values()]
        told = {
            "precision": found / (found + mistaken),
            "recall": found / true,
            "f1": 2 * found / (2 * found + mistaken + (true - found)),
            "right": found,
            "wrong": mistaken,
            "missed": true - found,
            "truth": true,
            "by_level": self._by({pair: {level} for pair, level in self.truth.items()}, self.right),
            "wrong_by_kind": {mistake: mistakes.count(mistake) for mistake in set(mistakes)},
        }
        return told | self._ranking() if scored else told

    def by_edit(self, edits: dict[Any, str]) -> dict[str, Any]:
        """Recall of the pairs whose one copy was edited so, among others."""
        return self._by({pair: {step.split(":")[0] for step in _steps(edits.get(pair, ""))} for pair in self.truth})

    def _by(self, keys: dict[Any, set[str]], found: Any = None) -> dict[str, Any]:
        found = self.right if found is None else found
        told = {}
        for key in sorted(set().union(*keys.values())):
            having = [pair for pair in self.truth if key in keys[pair]]
            hits = sum(pair in found for pair in having)
            told[key] = {"recall": hits / len(having), "found": hits, "truth": len(having)}
        return told

    def _ranking(self) -> dict[str, Any]:
        wrong = [score for score, _ in self.wrong.values()]
        labels = [1] * len(self.right) + [0] * len(wrong)
        share = len(self.right) / len(self.truth)  # of the truth that has a score at all
        average = share * average_precision_score(labels, [*self.right.values(), *wrong])
        told: dict[str, Any] = {"average_precision": average}
        for name, least in (("p999", 0.999), ("p99", 0.99), ("p95", 0.95)):
            told[f"recall_at_{name}"], told[f"threshold_at_{name}"] = 0.0, None
            for threshold in sorted({*self.right.values(), *wrong}, reverse=True):
                hits = sum(score >= threshold for score in self.right.values())
                if hits / (hits + sum(score >= threshold for score in wrong)) >= least:
                    told[f"recall_at_{name}"], told[f"threshold_at_{name}"] = hits / len(self.truth), threshold
        reached = told["threshold_at_p99"]
        found = [pair for pair, score in self.right.items() if reached is not None and score >= reached]
        told["by_level_at_p99"] = self._by({pair: {level} for pair, level in self.truth.items()}, found)
        return told


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def _steps(edits: str) -> list[str]:
    """`crop:0.1x0.2+tone:+0.08 | jpeg:50` gives three steps: a plus before a number is its sign."""
    steps: list[str] = []
    for part in edits.split(" | "):
        for piece in part.split("+"):
            if piece and not piece[0].isalpha():
                steps[-1] += "+" + piece
            elif piece:
                steps.append(piece)
    return steps
