"""The page on Python does what it says, and needs no Airflow."""

import json
import re

import pandas as pd
import pytest

from dedup_pipeline.sample import write_sample_shop
from library_alone import ROOT, call, link_library

PAGE = ROOT / "docs" / "how-to" / "use-from-python.md"
# what is tested is the page, not how good the smallest shop and the shortest training get
QUICK = {
    "DEDUP_TRAIN__IMAGE_PX": "64",
    "DEDUP_TRAIN__DIMENSION": "16",
    "DEDUP_TRAIN__EPOCHS": "1",
    "DEDUP_TRAIN__PRODUCTS_PER_BATCH": "8",
    "DEDUP_TRAIN__VIEWS_PER_PRODUCT": "2",
    "DEDUP_TRAIN__FROZEN_STAGES": "7",
    "DEDUP_TRAIN__MAX_PHOTOS": "24",
    "DEDUP_EMBED__RUNTIME": "torch",
    "DEDUP_MATCH__CALIBRATION_PHOTOS": "24",
}
AFTERWARDS = """
import importlib.util, json
seen = {
    "airflow": importlib.util.find_spec("airflow") is not None,
    "stages": list(results),
    "pairs": [list(pairs.columns), len(pairs), int(pairs["accepted"].sum())],
    "groups": [list(groups.columns), len(groups)],
    "accepted": summary["export"]["accepted"],
    "same": verdict.same,
    "near": near.to_dict(),
    "error": str(error_seen),
}
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_the_page_runs_from_top_to_end_with_the_library_alone(tmp_path, with_mlflow):
    write_sample_shop(tmp_path / "try" / "sample", products=40)
    with_mlflow(tmp_path / "try" / "store")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    code = "\n".join(blocks).replace("print(error)", "error_seen = error; print(error)")
    (tmp_path / "page.py").write_text(code + AFTERWARDS)
    done = call(link_library(tmp_path / "packages"), "page.py", cwd=tmp_path, **QUICK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    seen = json.loads(lines[-1])
    assert not seen["airflow"]
    assert seen["stages"][0] == "ingest"
    assert seen["stages"][-1] == "record"
    columns, count, accepted = seen["pairs"]
    assert columns == ["id_a", "id_b", "score", "kind", "accepted", "group_id", "through", "suspicious"]
    assert accepted == seen["accepted"] > 0
    assert {"group_id", "listing_id", "canonical", "title"} <= set(seen["groups"][0])
    assert seen["groups"][1] > 0
    assert seen["near"]["dump_id"] == "sample"
    # what the stage that was called again wrote is what is read
    exported = pd.read_parquet(tmp_path / "try" / "store" / "exports" / "sample" / "pairs.parquet")
    assert f"{len(exported)} of {count}" in lines
    assert (exported["score"].ge(0.9) | exported["accepted"]).all()
    assert seen["error"].startswith("dump 2018-10-06 has no finished 'export' in ")
