"""How tasks are run: retries, time limits, pools, queues. One place, so that a stage is run alike in every workflow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dedup_pipeline.config import load_settings

_QUICK, _LONG, _VERY_LONG = timedelta(minutes=30), timedelta(hours=6), timedelta(hours=24)

# stage -> how its tasks are run, beside the retries; planning and finishing share their stage's entry
_STAGES: dict[str, dict[str, Any]] = {
    "find_dump": {"execution_timeout": _QUICK},
    "ingest": {"execution_timeout": _LONG},
    "plan": {"execution_timeout": _LONG},
    "fetch": {"execution_timeout": _VERY_LONG, "pool": "dedup_network"},
    "fingerprint": {"execution_timeout": _LONG},
    "train": {"execution_timeout": _VERY_LONG, "pool": "dedup_training"},
    "embed": {"execution_timeout": _LONG},
    "index": {"execution_timeout": _LONG, "pool": "dedup_memory"},
    "match": {"execution_timeout": _LONG, "pool": "dedup_memory"},
    "group": {"execution_timeout": _LONG, "pool": "dedup_memory"},
    "export": {"execution_timeout": _LONG},
    "record": {"execution_timeout": _QUICK},
    "promote": {"execution_timeout": _QUICK},
}
_FOR_GPU = ("train", "embed")
_FROM_STRANGERS = ("fetch", "fingerprint")


def policy(stage: str) -> dict[str, Any]:
    """The keyword arguments of an operator that runs a stage."""
    settings = load_settings().workflow
    return {
        "retries": settings.retries,
        "retry_delay": timedelta(seconds=settings.retry_seconds),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=15),
        **({"queue": settings.gpu_queue} if stage in _FOR_GPU else {}),
        **({"queue": settings.fetch_queue} if stage in _FROM_STRANGERS else {}),
        **_STAGES[stage],
    }
