"""Trains the embedder.

Trains on one dump or several that `catalog_dedup` has fingerprinted, registers the model in MLflow as *challenger*, and
makes it *champion* when it beats the present one on the same held-out families. A person can be asked first. The asset
`embedder_champion` tells others that the model has changed.

A killed training goes on from its last epoch, in the same MLflow run: the button *MLflow run* of the task `train`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task

from dags.common.calls import errors_for_airflow, run_settings
from dags.common.operators import MlflowOperator
from dags.common.params import APPROVAL_FIELD, TRAINING_FIELDS, dumps_field, setting_fields
from dags.common.policies import policy
from dags.common.promotion import promotion
from dags.common.training import close_run, train


@task(**policy("find_dump"))
def find_dumps() -> list[str]:
    """The dumps to train on: those that the run names, else the newest that is fingerprinted."""
    from dedup_pipeline.errors import NotReadyError
    from dedup_pipeline.store import Store
    from dedup_pipeline.store.manifests import finished_dumps

    named = [str(dump_id) for dump_id in get_current_context()["params"]["dumps"]]
    with errors_for_airflow():
        dumps = named or finished_dumps(Store(run_settings().store), "fingerprint")[-1:]
        if not dumps:
            raise NotReadyError("no dump is fingerprinted yet: let catalog_dedup run on one first")
    return dumps


def _train(dumps: list[str]) -> dict[str, Any]:
    from training.stage import train_embedder as fit

    return train(fit, dumps)


@dag(
    dag_id="train_embedder",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={**dumps_field(), **setting_fields(TRAINING_FIELDS), **setting_fields(APPROVAL_FIELD)},
    doc_md=__doc__,
    tags=["dedup", "training"],
    default_args={"owner": "catalog"},
    on_failure_callback=close_run,
)
def train_embedder() -> None:
    """Find the dumps, train, promote."""
    trained = MlflowOperator(
        task_id="train",
        python_callable=_train,
        op_kwargs={"dumps": find_dumps()},
        doc_md="Train on the dumps, register the model, and compare it with the champion.",
        on_failure_callback=close_run,
        **policy("train"),
    )
    promotion(trained)


train_embedder()
