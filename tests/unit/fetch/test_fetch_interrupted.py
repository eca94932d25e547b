"""The command, asked to end while a host keeps it waiting."""

import os
import signal
import subprocess
import sys
import threading

import pytest

import faulty_server
from fetched import paths


@pytest.mark.parametrize(
    ("request_to_end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_request_to_end_ends_with_its_status_and_one_sentence(
    server, make_settings, make_dump, request_to_end, status
):
    settings, asked = make_settings(), threading.Event()
    make_dump(settings, "one", paths(0, 4))

    def held(handler):
        asked.set()
        faulty_server.silence(handler)

    server.routes["/0-big.jpg"] = held
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}
    words = [sys.executable, "-m", "dedup_pipeline", "fetch", "--dump", "one", "--store", settings.store]
    words += ["--set", f"fetch.allow_hosts=127.0.0.1:{server.port}", "--set", "fetch.pack_images=2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, env=environment, **pipes) as process:
        assert asked.wait(60), process.stderr.read()
        process.send_signal(request_to_end)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == status
    sentence = f"dedup: stopped by {request_to_end.name}; running the same command again goes on from what is done\n"
    assert said == sentence
    del server.routes["/0-big.jpg"]
    again = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
