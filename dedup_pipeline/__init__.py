"""Finds the same product under other ids in catalog dumps."""

import os
import sys
from importlib.metadata import version

__version__ = version("dedup-pipeline")

# What a shop sells is nobody else's business: MLflow and others tell their makers of every use unless this is set ...
os.environ.setdefault("DO_NOT_TRACK", "true")
# ... and OpenVINO does not heed it, but does without the package that tells where that cannot be imported
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as the language reference has it
