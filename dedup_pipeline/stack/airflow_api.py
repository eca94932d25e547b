"""A small client of Airflow's public REST API (v2)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.records import Run, TaskInstance, read_run, read_task_instance

_PAGE = 100
_TIMEOUT = (5.0, 60.0)  # seconds to connect, seconds between two bytes
_RETRY = Retry(total=4, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504), allowed_methods={"GET"})


class AirflowClient:
    """Speaks to one Airflow, as one user.

    Args:
        url: of the API server, without a slash at the end.
        user: name of the user.
        password: of the user.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: it is this machine
        self._session.mount(f"{url}/api/v2/", HTTPAdapter(max_retries=_RETRY))
        self._session.mount(f"{url}/api/v2/monitor/", HTTPAdapter())  # whoever asks for it asks again soon
        self._token: str | None = None

    def health(self) -> dict[str, dict[str, Any]]:
        """Each component's status and last heartbeat.

        Raises:
            StackError: there is no answer.
        """
        return dict(self._call("GET", "/monitor/health", login=False))

    def hears_tasks(self) -> bool:
        """Whether tasks can report; the first question makes Airflow load what it needs for that, some seconds long."""
        try:
            return self._session.get(f"{self.url}/execution/health", timeout=_TIMEOUT).ok
        except requests.RequestException:
            return False

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """What Airflow knows of a DAG; None when it knows none of that id."""
        found = self._call("GET", f"/dags/{quote(dag_id)}", missing_is_none=True)
        return None if found is None else dict(found)

    def task_order(self, dag_id: str) -> dict[str, list[str]]:
        """The tasks of a DAG, each with those that follow it directly."""
        tasks = self._call("GET", f"/dags/{quote(dag_id)}/tasks")["tasks"]
        return {task["task_id"]: list(task["downstream_task_ids"] or ()) for task in tasks}

    def import_errors(self) -> list[dict[str, Any]]:
        """Dag files that could not be read: filename, timestamp, stack_trace."""
        return self._all("/importErrors", "import_errors")

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Pause a DAG or let it run; a run of a paused DAG stays queued."""
        self._call("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": paused}, params={"update_mask": "is_paused"})

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool unless there is one of that name, whose slots a person may have changed."""
        if self._call("GET", f"/pools/{quote(name)}", missing_is_none=True) is None:
            self._call("POST", "/pools", json={"name": name, "slots": slots, "description": description})

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        partition_key: str | None = None,
        logical_date: datetime | None = None,
    ) -> Run:
        """Start a run, as the trigger form does.

        Args:
            dag_id: the DAG; a paused one keeps the run queued.
            conf: the fields of the form that differ from their defaults.
            partition_key: of a partitioned run.
            logical_date: of the run; most have none.

        Raises:
            StackError: there is no such DAG, or a field does not fit.
        """
        body: dict[str, Any] = {"logical_date": logical_date and logical_date.isoformat(), "conf": dict(conf or {})}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return read_run(self._call("POST", f"/dags/{quote(dag_id)}/dagRuns", json=body))

    def run(self, dag_id: str, run_id: str) -> Run:
        """A run as it stands."""
        return read_run(self._call("GET", _run_path(dag_id, run_id)))

    def runs(self, dag_id: str) -> list[Run]:
        """All runs of a DAG, the oldest first."""
        return [read_run(found) for found in self._all(f"/dags/{quote(dag_id)}/dagRuns?order_by=id", "dag_runs")]

    def wait(self, run: Run, seconds: float) -> Run:
        """Wait until a run has ended.

        Raises:
            StackError: it has not, in that time.
        """
        until = time.monotonic() + seconds
        while True:
            now = self.run(run.dag_id, run.run_id)
            if now.ended:
                return now
            if time.monotonic() >= until:
                raise StackError(f"run {run.run_id} of {run.dag_id} is still {now.state} after {seconds:.0f} seconds")
            time.sleep(1.0)

    def task_instances(self, run: Run) -> list[TaskInstance]:
        """The tasks of a run, mapped ones one by one."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances?order_by=id"
        return [read_task_instance(found) for found in self._all(path, "task_instances")]

    def log(self, run: Run, task: TaskInstance, try_number: int | None = None) -> list[dict[str, Any]]:
        """The log of a try of a task: timestamp, level, event, and error_detail where one was raised.

        Args:
            run: of the task.
            task: the task.
            try_number: the last one when it is None.
        """
        path = f"{_task_path(run, task)}/logs/{try_number or max(task.try_number, 1)}"
        where = {"map_index": task.map_index, "full_content": "true"}
        lines = self._call("GET", path, params=where)["content"]
        return [line if isinstance(line, dict) else {"event": str(line)} for line in lines]

    def xcom(self, run: Run, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """A value that a task left for others; None when there is none."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        where = {"map_index": map_index, "deserialize": "false"}
        found = self._call("GET", path, params=where, missing_is_none=True)
        return None if found is None else found["value"]

    def links(self, run: Run, task: TaskInstance) -> dict[str, str]:
        """The buttons on a task that lead elsewhere: name -> address."""
        found = self._call("GET", f"{_task_path(run, task)}/links", params={"map_index": task.map_index})
        return {name: address for name, address in found["extra_links"].items() if address}

    def clear(self, run: Run, task_ids: Iterable[str], *, downstream: bool = True) -> None:
        """Let tasks of a run run again, as the button *Clear* does."""
        body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": list(task_ids), "only_failed": False}
        body |= {"include_downstream": downstream, "reset_dag_runs": True}
        self._call("POST", f"/dags/{quote(run.dag_id)}/clearTaskInstances", json=body)

    def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", path, params={"limit": _PAGE, "offset": len(found)})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        login: bool = True,
        missing_is_none: bool = False,
    ) -> Any:
        url = f"{self.url}/api/v2{path}"
        answer = self._send(method, url, json, params, login)
        if login and answer.status_code == requests.codes.unauthorized:  # the token has grown old
            self._token = None
            answer = self._send(method, url, json, params, login)
        if missing_is_none and answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise StackError(f"Airflow refused {method} {path}: {answer.status_code}: {_reason(answer)}")
        return answer.json() if answer.content else None

    def _send(
        self, method: str, url: str, json: object, params: Mapping[str, Any] | None, login: bool
    ) -> requests.Response:
        try:
            if login and self._token is None:
                self._token = self._new_token()
            headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {self._token}"} if login else {})
            return self._session.request(method, url, json=json, params=params, headers=headers, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise StackError(f"Airflow does not answer at {self.url}: {type(error).__name__}") from error

    def _new_token(self) -> str:
        answer = self._session.post(f"{self.url}/auth/token", json=self._credentials, timeout=_TIMEOUT)
        if not answer.ok:
            user = self._credentials["username"]
            raise StackError(f"Airflow at {self.url} does not let '{user}' in: {_reason(answer)}")
        return str(answer.json()["access_token"])


def _reason(answer: requests.Response) -> str:
    """What Airflow says about a refusal, short enough for a sentence."""
    try:
        detail = answer.json()["detail"]
        if isinstance(detail, list):  # fields that do not fit
            detail = "; ".join(f"{'.'.join(map(str, field['loc']))}: {field['msg']}" for field in detail)
    except (ValueError, KeyError, TypeError):
        detail = answer.reason
    return str(detail).partition("\n")[0][:500]


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _task_path(run: Run, task: TaskInstance) -> str:
    return f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task.task_id)}"
