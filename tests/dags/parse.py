"""Parses the Dag files in a fresh process, as a Dag processor does, and prints what came of it as JSON."""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])

from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk.definitions.xcom_arg import XComArg  # noqa: E402
from airflow.serialization.serialized_objects import DagSerialization  # noqa: E402


def given(task):
    """What a task is called with."""
    return [task.partial_kwargs, task.op_kwargs_expand_input.value] if task.is_mapped else task


airflows_own = set(sys.modules)
bag = DagBag(dag_folder=str(folder))
found = {
    "errors": bag.import_errors,
    "imported": sorted(set(sys.modules) - airflows_own),
    "dags": {
        dag_id: {
            "doc": dag.doc_md,
            "tags": sorted(dag.tags),
            "serialised": DagSerialization.to_dict(dag),
            "params": {name: param.schema for name, param in dag.params.items()},
            "defaults": dag.params.dump(),
            "tasks": {
                task.task_id: {
                    "doc": task.doc_md,
                    "owner": task.owner,
                    "retries": task.retries,
                    "backoff": float(task.retry_exponential_backoff),
                    "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
                    "pool": task.pool,
                    "mapped": task.is_mapped,
                    "upstream": sorted(task.upstream_task_ids),
                    "reads": sorted({source.task_id for source, _ in XComArg.iter_xcom_references(given(task))}),
                    "queue": task.queue,
                }
                for task in dag.tasks
            },
        }
        for dag_id, dag in bag.dags.items()
    },
}
sys.stdout.write(json.dumps(found, default=str) + "\n")
