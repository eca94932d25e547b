"""The tasks after a training, the same in every workflow: ask a person, promote, and let others know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperator, task

from dags.common.calls import errors_for_airflow, run_settings
from dags.common.operators import PromotionApproval
from dags.common.policies import policy
from dedup_pipeline.config import load_settings

EMBEDDER_CHAMPION = Asset("embedder_champion", uri="dedup://embedder/champion")
"""Changes when another version of the embedder becomes champion; schedule on it what depends on the model."""

_QUESTION = "Shall version {{ ti.xcom_pull('train')['counts']['model_version'] }} of the embedder become champion?"
_FACTS = """{% set counts = ti.xcom_pull('train')['counts'] -%}
{{ counts.get('decision', '') }}

| | |
|---|---|
| average precision | {{ counts.get('average_precision', '') }} |
| before the training | {{ counts.get('untrained_average_precision', '') }} |
| recall at 1 | {{ counts.get('recall_at_1', '') }} |
| photos | {{ counts.get('photos', '') }} |

The worst errors and the curves: [MLflow run]({{ counts.get('run_url', '') }})
"""


@task(task_id="promote", outlets=[EMBEDDER_CHAMPION], **policy("promote"))
def _promote(trained: Any, answer: Any, *, outlet_events: Any = None) -> dict[str, Any]:
    """Make the trained version champion, and publish the asset `embedder_champion`.

    Without approval the training has moved the alias already, so that the next dump finds it; this task then only
    publishes.
    """
    from training.registry import promote

    counts = trained["counts"]
    if not counts["promoted"]:
        person = answer["responded_by_user"]
        reason = f"{counts['decision']}; approved by {person['name'] if person else 'default, as nobody answered'}"
        with errors_for_airflow():
            promote(run_settings(), str(counts["model_version"]), reason=reason)
    facts = {name: counts[name] for name in ("model_id", "model_version", "average_precision", "run_url", "decision")}
    outlet_events[EMBEDDER_CHAMPION].extra = facts
    return facts


def promotion(train: BaseOperator) -> None:
    """Hang the promotion behind a training."""
    settings = load_settings().workflow
    approve = PromotionApproval(
        task_id="approve_promotion",
        doc_md="Asks a person whether the better model shall become champion, when the run wants that "
        "(`workflow.approve_promotion`); holds no worker meanwhile. Skipped when nothing better was trained.",
        subject=_QUESTION,
        body=_FACTS,
        defaults=settings.approval_default,
        response_timeout=timedelta(hours=settings.approval_hours),
        # Airflow fails a task that is answered before its executor has reported that it waits: then it asks again
        retries=settings.retries,
        retry_delay=timedelta(seconds=settings.retry_seconds),
    )
    train >> approve >> _promote(train.output, approve.output)
