"""What a run cost."""

from dataclasses import dataclass

from dedup_pipeline.evaluate.outcome import RunOutcome


@dataclass(frozen=True)
class Cost:
    """Seconds of wall-clock time, as the stages noted them when they did their work.

    Attributes:
        seconds: per stage.
        match_seconds: per step of match: plan (calibration), parts (candidates and verdicts), finish.
        candidates: pairs of pictures that got a verdict.
        verified: those of them whose pictures were compared themselves, as match counted them (`aligned`); all of them
            where it has no such count.
        counts: every number that match counted.
        photos: different pictures, those without a part in matching included.
        ms_per_candidate: milliseconds of the parts of match per candidate; None without one.
        ms_per_verified: milliseconds of the parts of match, the other candidates' included, per verified pair whose
            evidence no earlier run had kept; None without one.
        ms_per_photo: milliseconds of the parts of match per picture.
        match_ms_per_candidate: milliseconds of all of match, calibration included, per candidate.
        match_ms_per_photo: the same per picture.
    """

    seconds: dict[str, float]
    match_seconds: dict[str, float]
    candidates: int
    verified: int
    counts: dict[str, float]
    photos: int
    ms_per_candidate: float | None
    ms_per_verified: float | None
    ms_per_photo: float | None
    match_ms_per_candidate: float | None
    match_ms_per_photo: float | None


def cost_of(outcome: RunOutcome) -> Cost:
    """Return what a run cost."""
    candidates, photos = len(outcome.verdicts), int(outcome.counts["nodes"])
    verified = int(outcome.counts.get("aligned", candidates))
    laid = int(outcome.counts.get("laid", verified))
    parts, whole = outcome.match_seconds["parts"], sum(outcome.match_seconds.values())
    return Cost(
        seconds=outcome.seconds,
        match_seconds=outcome.match_seconds,
        candidates=candidates,
        verified=verified,
        counts={name: count for name, count in sorted(outcome.counts.items()) if isinstance(count, (int, float))},
        photos=photos,
        ms_per_candidate=_milliseconds(parts, candidates),
        ms_per_verified=_milliseconds(parts, laid),
        ms_per_photo=_milliseconds(parts, photos),
        match_ms_per_candidate=_milliseconds(whole, candidates),
        match_ms_per_photo=_milliseconds(whole, photos),
    )


def _milliseconds(seconds: float, over: int) -> float | None:
    return round(1000 * seconds / over, 4) if over else None
