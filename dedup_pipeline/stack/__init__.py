"""The local stack: Airflow, MLflow and the sample shop's pictures on this machine, for one person, on loopback only.

It starts programs and speaks Airflow's public REST API; it never imports Airflow.
"""

from dedup_pipeline.stack.airflow_api import AirflowClient
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.records import Run, TaskInstance
from dedup_pipeline.stack.stack import Stack

__all__ = ["AirflowClient", "Layout", "Run", "Stack", "TaskInstance"]
