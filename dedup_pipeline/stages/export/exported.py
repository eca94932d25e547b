"""What a dump's exports say, for a notebook or another program."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dedup_pipeline.config import Settings
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of


def read_pairs(settings: Settings, dump_id: str) -> pd.DataFrame:
    """The pairs of listings of a dump that have a verdict or share a group.

    Args:
        settings: of which ``store`` counts.
        dump_id: the dump.

    Returns:
        (pairs, 8), sorted by ids, each pair once: id_a and id_b; score (float64, 0 to 1), the calibrated probability
        that they are duplicates; kind, see VerdictKind; accepted (bool); group_id, null unless accepted; through, the
        listing that ties two which are accepted and do not match each other, else null; suspicious (bool), accepted
        though the two contradict each other in brand or colour.

    Raises:
        NotReadyError: the dump is not exported.
        DamagedError: the file is not what was written.
    """
    return _read_table(settings, dump_id, "pairs")


def read_groups(settings: Settings, dump_id: str) -> pd.DataFrame:
    """The groups of listings that are one product, a row a listing.

    Args:
        settings: of which ``store`` counts.
        dump_id: the dump.

    Returns:
        (listings in groups, 10): group_id, listing_id, canonical (bool, of one listing in each group), family_id,
        image_id, medoid (bool), through (the image that ties this one to its group), score (float64, 0 to 1, how
        surely the image belongs to the group), photo_url, title.

    Raises:
        NotReadyError: the dump is not exported.
        DamagedError: the file is not what was written.
    """
    return _read_table(settings, dump_id, "groups")


def read_summary(settings: Settings, dump_id: str) -> dict[str, Any]:
    """What was read, rejected, fetched, failed and matched, and the precision that is expected.

    Args:
        settings: of which ``store`` counts.
        dump_id: the dump.

    Returns:
        The content of ``summary.json``: counts by stage.

    Raises:
        NotReadyError: the dump is not exported.
        DamagedError: the file is not what was written.
    """
    store = Store(settings.store)
    summary: dict[str, Any] = store.read_json(result_of(store, dump_id, "export").outputs["summary"])
    return summary


def _read_table(settings: Settings, dump_id: str, name: str) -> pd.DataFrame:
    store = Store(settings.store)
    table: pd.DataFrame = store.read_table(result_of(store, dump_id, "export").outputs[name]).to_pandas()
    return table
