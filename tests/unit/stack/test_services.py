import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dedup_pipeline.errors import SettingsError, StackError
from dedup_pipeline.stack import Stack, services
from dedup_pipeline.stack.ports import LOOPBACK


@pytest.fixture
def dags(tmp_path):
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


def test_an_airflow_of_the_shell_is_not_touched(layout, dags, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    environment = services.airflow_environment(layout, 18080, dags, {})
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{layout.airflow}/airflow.db"
    assert environment["AIRFLOW_HOME"] == str(layout.airflow)


def test_tasks_speak_to_the_port_that_was_chosen(layout, dags):
    environment = services.airflow_environment(layout, 18080, dags, {})
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert environment["AIRFLOW__API__HOST"] == LOOPBACK


def test_a_proxy_is_not_asked_for_this_machine(layout, dags, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert services.airflow_environment(layout, 1, dags, {})["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_settings_of_the_person_win_when_they_shall(layout, monkeypatch, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[ingest]\ndumps = '/srv/dumps/{dump_id}.csv'\n")
    monkeypatch.setenv("DEDUP_CONFIG", str(file))
    monkeypatch.setenv("DEDUP_STORE", "/srv/store")
    theirs = services.stack_settings(layout, "http://127.0.0.1:5000", personal=True)
    assert theirs == {"tracking.uri": "http://127.0.0.1:5000"}
    own = services.stack_settings(layout, "http://127.0.0.1:5000", personal=False)
    assert own["store"] == str(layout.store)
    assert own["ingest.dumps"] == str(layout.catalogs / "{dump_id}.csv")


def test_an_mlflow_of_the_person_is_used_and_none_is_started(layout, dags, monkeypatch):
    monkeypatch.setenv("DEDUP_TRACKING__URI", "http://mlflow.example:5000")
    stack = Stack(layout.folder, dags=dags, personal=True)
    assert "mlflow" not in stack.service_names
    assert stack.mlflow_url == "http://mlflow.example:5000"
    assert "mlflow" in Stack(layout.folder, dags=dags).service_names


def test_a_bad_setting_is_told_before_anything_is_started(layout, dags, monkeypatch):
    monkeypatch.setenv("DEDUP_FETCH__THREDS", "8")
    stack = Stack(layout.folder, dags=dags)
    with pytest.raises(SettingsError, match=r"did you mean 'fetch.threads'"):
        stack.start()
    assert list(layout.logs.iterdir()) == []


def test_a_missing_folder_of_dags_is_told(layout, tmp_path):
    with pytest.raises(StackError, match=r"no folder .*nowhere: name the one with the Dag files by --dags"):
        Stack(layout.folder, dags=tmp_path / "nowhere").start()


def test_an_unknown_service_is_told(layout, dags):
    with pytest.raises(StackError, match="no service 'webserver' in this stack: there are mlflow, api-server"):
        Stack(layout.folder, dags=dags).stop("webserver")


def test_the_password_is_generated_once_and_is_nobody_elses(layout, dags):
    stack = Stack(layout.folder, dags=dags)
    assert len(stack.password) >= 16
    assert Stack(layout.folder, dags=dags).password == stack.password
    assert layout.passwords.stat().st_mode & 0o077 == 0


def test_a_busy_port_is_said(layout, dags):
    said = []
    with socket.create_server((LOOPBACK, 0)) as server:
        busy = server.getsockname()[1]
        stack = Stack(layout.folder, dags=dags, log=said.append)
        chosen = stack.port("airflow", busy)
        assert stack.port("airflow", busy) == chosen != busy
    assert said == [f"port {busy} is taken; airflow takes {chosen}"]


def test_a_stack_that_does_not_run_is_not_taken_over(layout, dags):
    assert not Stack(layout.folder, dags=dags).attach()


@pytest.fixture
def airflow():
    """A server that answers as Airflow's API does: the token grows old once."""

    class Handler(BaseHTTPRequestHandler):
        tokens: list[str] = []  # noqa: RUF012

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/auth/token":
                return self.answer(409, b'{"detail": "a run with this partition key is there already"}')
            self.tokens.append(f"token-{len(self.tokens)}")
            return self.answer(201, f'{{"access_token": "{self.tokens[-1]}"}}'.encode())

        def do_GET(self):
            if self.headers["Authorization"] != "Bearer token-1":
                return self.answer(401, b'{"detail": "Token expired"}')
            return self.answer(404, b'{"detail": "not found"}')

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_old_token_is_renewed_and_a_refusal_is_one_sentence(airflow):
    from dedup_pipeline.stack import AirflowClient

    client = AirflowClient(airflow, "admin", "secret")
    assert client.dag("catalog_dedup") is None
    with pytest.raises(StackError, match="409: a run with this partition key is there already"):
        client.trigger("catalog_dedup", {"dump": "sample"})


def test_nobody_at_home_is_one_sentence():
    from dedup_pipeline.stack import AirflowClient

    with pytest.raises(StackError, match=r"Airflow does not answer at http://127.0.0.1:1"):
        AirflowClient("http://127.0.0.1:1", "admin", "secret").health()


def test_the_programs_find_each_other(layout, dags):
    path = services.airflow_environment(layout, 1, dags, {})
    assert path["PYTHONPATH"].split(os.pathsep)[0] == str(dags.parent)
    assert Path(path["PATH"].split(os.pathsep)[0]).is_dir()
