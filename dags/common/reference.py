"""Writes the reference of the workflows from the code: ``python -m dags.common.reference``."""

from __future__ import annotations

import sys
from typing import Any

from airflow.sdk import Param

from dags.catalog_dedup import catalog_dedup
from dags.common.params import FIELDS
from dags.train_embedder import train_embedder
from dedup_pipeline.config.pools import POOLS

_HEAD = """# The workflows

Made from the code by `make docs`. How to use them: [trigger](../how-to/trigger-a-run.md),
[backfill](../how-to/backfill-dumps.md), [promote](../how-to/promote-a-model.md),
[recover](../how-to/recover-a-failed-run.md).

## Pools

They must exist before a run; `dedup up` and the container set-up make them.

| pool | slots on a laptop | what for |
|---|---|---|"""


def page() -> str:
    """The reference, as Markdown."""
    lines = [_HEAD, *(f"| `{name}` | {slots} | {what} |" for name, (slots, what) in POOLS.items())]
    for dag in (catalog_dedup(), train_embedder()):
        lines += ["", f"## {dag.dag_id}", "", *_paragraphs(str(dag.doc_md))]
        lines += ["", "| task | what it does | mapped | pool | time limit |", "|---|---|---|---|---|"]
        lines += [_task(task) for task in dag.topological_sort()]
        lines += ["", "| field | title | setting | default | help |", "|---|---|---|---|---|"]
        lines += [_field(name, dag.params.get_param(name)) for name in dag.params]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _task(task: Any) -> str:
    first = " ".join(task.doc_md.split("\n\n")[0].split())
    limit = f"{task.execution_timeout.total_seconds() / 3600:g} h" if task.execution_timeout else ""
    pool = "" if task.pool == "default_pool" else f"`{task.pool}`"
    return f"| `{task.task_id}` | {first} | {'yes' if task.is_mapped else ''} | {pool} | {limit} |"


def _field(name: str, param: Param) -> str:
    setting = f"`{FIELDS[name][0]}`" if name in FIELDS else ""
    help_text = param.schema["description_md"].split(" Setting `")[0]
    default = "" if param.value in (None, []) else f"`{param.value}`"
    return f"| `{name}` | {param.schema['title']} | {setting} | {default} | {help_text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
