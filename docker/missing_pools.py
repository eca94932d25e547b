"""Print those pools of the DAGs that Airflow does not have, as `airflow pools import` reads them.

    airflow pools export there.json && python missing_pools.py there.json > missing.json

A pool that is there keeps its slots: a person may have changed them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dedup_pipeline.config.pools import POOLS


def missing(there: Path) -> dict[str, dict[str, object]]:
    """The pools that are not in an export of `airflow pools export`."""
    known = json.loads(there.read_text(encoding="utf-8"))
    return {
        name: {"slots": slots, "description": description, "include_deferred": False}
        for name, (slots, description) in POOLS.items()
        if name not in known
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(missing(Path(sys.argv[1])), indent=2) + "\n")
