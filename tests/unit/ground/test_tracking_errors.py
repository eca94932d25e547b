"""MLflow away or unwilling: one sentence, and whether trying again can help."""

import http.server
import socket
import subprocess
import sys
import threading

import pytest

from dedup_pipeline.config import Settings, TrackingSettings
from dedup_pipeline.errors import ModelError, SettingsError, TrackingError
from dedup_pipeline.tracking.runs import Tracking
from training.registry import promote


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers everything with the server's status."""

    def answer(self):
        body = self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the base class calls them so

    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """MLflow's client waits for minutes by default."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as serving:
        serving.status, serving.body = 503, b"<html>no</html>"
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def settings_for(tmp_path, host):
    return Settings(store=str(tmp_path), tracking=TrackingSettings(uri=f"http://{host}"))


def calls(tracking):
    """What the library asks MLflow for."""
    return [
        tracking.champion,
        tracking.experiment_id,
        lambda: tracking.version("1"),
        lambda: tracking.version_of_run("key"),
        lambda: tracking.open_run("key", "name", {}),
        lambda: tracking.note_calibration("1", {"threshold": 0.5}),
        lambda: tracking.fail_open_runs({"airflow.run_id": "x"}),
        lambda: tracking.run_url("run"),
    ]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_failing_server_is_worth_another_try(tmp_path, server, status):
    server.status = status
    settings = settings_for(tmp_path, f"user:secret@127.0.0.1:{server.server_port}")
    for call in calls(Tracking.connect(settings)):
        with pytest.raises(TrackingError, match=f"MLflow at http://127.0.0.1:{server.server_port} ") as caught:
            call()
        assert caught.value.retryable
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_server_that_is_away_is_worth_another_try(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = settings_for(tmp_path, host)
    for call in [*calls(Tracking.connect(settings)), lambda: promote(settings, "1", reason="why")]:
        with pytest.raises(TrackingError, match=f"MLflow at http://{host} "):
            call()


@pytest.mark.parametrize(("status", "error"), [(401, SettingsError), (403, SettingsError), (400, ModelError)])
def test_a_refusal_is_final(tmp_path, server, status, error):
    server.status = status
    tracking = Tracking.connect(settings_for(tmp_path, f"127.0.0.1:{server.server_port}"))
    with pytest.raises(error) as caught:
        tracking.experiment_id()
    assert not caught.value.retryable


def test_a_run_that_cannot_be_ended_does_not_hide_why_it_ended(tmp_path, server, caplog):
    tracking = Tracking.connect(settings_for(tmp_path, f"127.0.0.1:{server.server_port}"))
    with pytest.raises(ValueError, match="the first error"), tracking.running("abc"):
        raise ValueError("the first error")
    assert "run abc was not set to FAILED" in caplog.text
    with pytest.raises(TrackingError), tracking.running("abc"):
        pass


CONNECT = """
import sys
from dedup_pipeline.config import Settings
from dedup_pipeline.tracking.runs import Tracking

print(Tracking.connect(Settings(store=sys.argv[1])).experiment_id())
"""


@pytest.mark.slow
def test_processes_that_need_a_new_database_at_once_get_one(tmp_path):
    words = [sys.executable, "-c", CONNECT, str(tmp_path / "store")]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], answers
    assert {printed for printed, _ in answers} == {"1\n"}
    assert sorted(path.name for path in (tmp_path / "store" / "mlflow").iterdir()) == ["artifacts", "mlflow.db"]
