"""How long the Dag files take to parse, beyond Airflow's own import: each time in a fresh process.

    python benchmarks/parse_dags.py

What is left out is what every Dag file pays: importing airflow.sdk and the standard operators.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

_RUNS = 5
_PROGRAM = """
import time
import airflow.sdk, airflow.providers.standard.operators.hitl, airflow.providers.standard.operators.python
start = time.perf_counter()
import dags.catalog_dedup, dags.train_embedder
print(time.perf_counter() - start)
"""


def main() -> None:
    """Measure, and print the median."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        command = [sys.executable, "-c", _PROGRAM]
        seconds = [
            float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
            for _ in range(_RUNS)
        ]
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    print(f"both Dag files: median {middle:.2f} s of {_RUNS} (from {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
