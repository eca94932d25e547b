"""The Airflow pools that the workflow needs, for whoever sets an Airflow up."""

from __future__ import annotations

POOLS: dict[str, tuple[int, str]] = {
    "dedup_network": (4, "Tasks that fetch; each opens fetch.threads connections."),
    "dedup_memory": (1, "Tasks that hold a whole dump in memory: index, match, group."),
    "dedup_training": (1, "Trainings: one at a time, so that dumps without a model do not train one each."),
}
"""Pools that must exist before a run: name -> (slots of a laptop, what for)."""
