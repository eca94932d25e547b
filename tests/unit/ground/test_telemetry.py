"""What is reported to the makers of libraries: nothing."""

import json
import os
import subprocess
import sys

# a run of MLflow and a conversion by OpenVINO, and whom of the world it asked for
USE = """
import json, sys, time
asked = set()
sys.addaudithook(lambda event, about: asked.add(str(about[0])) if event == "socket.getaddrinfo" else None)
import torch
from dedup_pipeline.model.openvino import compile_on_cpu, convert
from dedup_pipeline.tracking.runs import mlflow

class Mean(torch.nn.Module):
    def forward(self, pictures):
        return pictures.float().mean(dim=(1, 2))

compile_on_cpu(convert(Mean(), 8, batch=1), threads=1)
mlflow.set_tracking_uri(f"sqlite:///{sys.argv[1]}/mlflow.db")
with mlflow.start_run():
    mlflow.log_metric("loss", 1.0)
time.sleep(3)
print(json.dumps(sorted(asked)))
"""


def test_a_run_tells_nobody_that_it_runs(tmp_path, empty_mlflow_database):
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow_database.read_bytes())
    # MLflow is silent in tests by itself: this one must not look like one
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    for name in ("CI", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        env=environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert not (tmp_path / "intel").exists()
