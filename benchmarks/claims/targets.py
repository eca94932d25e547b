"""The kinds of targets that claims have."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from claims.claim import Line, Outcome, Target


def as_fast_as(text: str, least: float, *names: str, recall: float | None = None, by: str = "seconds") -> Target:
    """This project does at least ``least`` times the work in the same time.

    Args:
        text: the promise.
        least: of the ratio of each of the peers, by the median of the pairs.
        names: the peers; without names, all.
        recall: only peers whose recall is at least this count.
        by: ``seconds`` or ``cpu_seconds``.
    """

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        outcome = outcomes[-1]
        if not outcome.ours.runs:
            return False
        peers = [peer for peer in outcome.peers if not names or peer.name in names]
        ratios = [statistics.median(peer.ratios(by)) for peer in peers if peer.runs and _recalls(peer, recall)]
        return min(ratios) >= least if ratios else None

    return Target(text, is_met)


def _recalls(peer: Line, least: float | None) -> bool:
    recall = peer.figure("recall")
    return least is None or (recall is not None and recall >= least)


def more_than(text: str, figure: str) -> Target:
    """A figure of this project's result is above that of every peer that has it."""

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        outcome = outcomes[-1]
        own, others = outcome.ours.figure(figure), [peer.figure(figure) for peer in outcome.peers]
        known = [other for other in others if other is not None]
        if own is None:
            return False
        return own > max(known) if known else None

    return Target(text, is_met)


def at_least(text: str, figure: str, least: float) -> Target:
    """A figure of this project's result is at least so high in every run."""

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        value = outcomes[-1].ours.figure(figure)
        return False if value is None else value >= least

    return Target(text, is_met)


def at_most(text: str, figure: str, most: float) -> Target:
    """A figure of this project's result is at most so high in every run."""

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        values = [run.figures[figure] for run in outcomes[-1].ours.runs if figure in run.figures]
        return max(values) <= most if values else False

    return Target(text, is_met)


def memory_below(text: str, megabytes: float) -> Target:
    """This project's peak memory is below so many megabytes in every run."""

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        runs = outcomes[-1].ours.runs
        return bool(runs) and max(run.megabytes for run in runs) < megabytes

    return Target(text, is_met)


def memory_grows_below(text: str, factor: float) -> Target:
    """From the smallest size to this one, this project's peak memory grows by less than a factor."""

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        first, last = outcomes[0].ours, outcomes[-1].ours
        if len(outcomes) < 2 or not first.runs or not last.runs:
            return None
        return last.median("megabytes") < factor * first.median("megabytes")

    return Target(text, is_met)


def exponent_below(text: str, most: float, by: str = "seconds") -> Target:
    """From the smallest size to this one, the exponent of what this project takes over the size is at most this.

    Args:
        text: the promise.
        most: the exponent.
        by: ``seconds``, ``cpu_seconds``, ``megabytes``, or a figure of the result.
    """

    def value(outcomes: Sequence[Outcome]) -> float | None:
        first, last = outcomes[0], outcomes[-1]
        if len(outcomes) < 2 or not first.ours.runs or not last.ours.runs:
            return None
        return math.log(_taken(last, by) / _taken(first, by)) / math.log(last.size / first.size)

    def is_met(outcomes: Sequence[Outcome]) -> bool | None:
        exponent = value(outcomes)
        return None if exponent is None else exponent <= most

    return Target(text, is_met, value)


def _taken(outcome: Outcome, by: str) -> float:
    runs = outcome.ours.runs
    return statistics.median(run.figures[by] if by in run.figures else getattr(run, by) for run in runs)
