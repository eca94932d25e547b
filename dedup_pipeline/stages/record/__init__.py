"""The run over a dump as MLflow shows it: counts, seconds, and where the exports lie."""

from dedup_pipeline.stages.record.stage import record

__all__ = ["record"]
