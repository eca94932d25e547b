"""Passwords in addresses, looked for in everything that a run leaves behind."""

import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager

import pytest
from test_training_resume import mlflow_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PASSWORD, SIGNATURE = "tr0ub4dor", "c0rrecth0rse"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def serving(folder):
    """The files of a folder on a local port, as an object storage has them behind signed addresses."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def holding(folder, secrets):
    """The files of a folder that hold a secret, or have one in their name."""
    found = [file for file in folder.rglob("*") if file.is_file()]
    assert len(found) > 50
    pattern = re.compile("|".join(secrets).encode())
    return [str(file) for file in found if pattern.search(file.read_bytes() + os.fsencode(file))]


def test_a_run_leaves_no_password_behind(shop, dedup_in, empty_mlflow_database, tmp_path):
    dedup = dedup_in(tmp_path / "store")
    (tmp_path / "dumps").mkdir()
    (tmp_path / "mlflow").mkdir()
    shutil.copy(shop.catalog, tmp_path / "dumps" / shop.catalog.name)
    shutil.copy(empty_mlflow_database, tmp_path / "mlflow" / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dedup.environment() | {"DEDUP_TRACKING__URI": f"http://ann:{PASSWORD}@127.0.0.1:{port}"}
    environment["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "2"  # by itself it waits four minutes for a server that is gone

    def run(*words):
        words = [*dedup.command(*words)]
        words.insert(3, "--verbose")
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600, check=False)
        return done.returncode, done.stdout + done.stderr

    with serving(tmp_path / "dumps") as host, mlflow_server(tmp_path / "mlflow", port):
        catalog = f"http://{host}/{shop.catalog.name}?sig={SIGNATURE}"
        status, said = run("run", "--catalog", catalog, "--dump", "2018-10-05", "--model", "train")
        assert status == 0, said
        status, failed = run("ingest", "--catalog", f"http://{host}/none.csv?sig={SIGNATURE}", "--dump", "2018-10-06")
        assert status == 2
    status, away = run("promote", "1", "--reason", "because")  # MLflow is gone by now
    assert status == 3, away
    assert f"http://127.0.0.1:{port}/#/experiments/" in said
    assert f"http://{host}/none.csv?sig=***" in failed
    assert f"MLflow at http://127.0.0.1:{port} " in away
    for text in (said, failed, away):
        assert PASSWORD not in text
        assert SIGNATURE not in text
    assert holding(tmp_path, (PASSWORD, SIGNATURE)) == []
