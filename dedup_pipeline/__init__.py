"""Finds the same product under other ids in catalog dumps.

What a notebook or another program calls:

    import dedup_pipeline as dedup

    settings = dedup.load_settings(values={"store": "./store"})
    dedup.run(settings, "2018-10-05.csv")
    pairs = dedup.read_pairs(settings, "2018-10-05")

Each name is imported when it is first used: this package alone costs no torch, pandas or MLflow.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dedup_pipeline.config import Settings, load_settings
    from dedup_pipeline.errors import DedupError, InputError
    from dedup_pipeline.query.lookup import Near, lookup
    from dedup_pipeline.query.verify import Verdict, verify
    from dedup_pipeline.stages.chain import run, run_stage
    from dedup_pipeline.stages.export import read_groups, read_pairs, read_summary
    from dedup_pipeline.store.manifests import StageResult

__all__ = [
    "DedupError",
    "InputError",
    "Near",
    "Settings",
    "StageResult",
    "Verdict",
    "load_settings",
    "lookup",
    "read_groups",
    "read_pairs",
    "read_summary",
    "run",
    "run_stage",
    "verify",
]
__version__ = version("dedup-pipeline")

# What a shop sells is nobody else's business: MLflow and others tell their makers of every use unless this is set ...
os.environ.setdefault("DO_NOT_TRACK", "true")
# ... and OpenVINO does not heed it, but does without the package that tells where that cannot be imported
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as the language reference has it

if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of the package's
    _HOMES = {
        "DedupError": "errors",
        "InputError": "errors",
        "Near": "query",
        "Settings": "config",
        "StageResult": "store.manifests",
        "Verdict": "query",
        "load_settings": "config",
        "lookup": "query",
        "read_groups": "stages.export",
        "read_pairs": "stages.export",
        "read_summary": "stages.export",
        "run": "stages.chain",
        "run_stage": "stages.chain",
        "verify": "query",
    }

    def __getattr__(name):  # noqa: ANN001, ANN202 - unseen by type checkers
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found

    def __dir__():  # noqa: ANN202 - unseen by type checkers
        return sorted({*globals(), *__all__})
