"""The command while a service that it needs does not answer."""

import os
import socket
import subprocess
import sys


def test_object_storage_that_is_away_is_one_sentence_and_worth_another_try(tmp_path):
    catalog = tmp_path / "dump.csv"
    catalog.write_text("id,image\nL1,http://127.0.0.1/1.jpg\n")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        place = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
        environment = os.environ | keys | {"AWS_ENDPOINT_URL": place, "AWS_MAX_ATTEMPTS": "1"}
        words = ["ingest", "--dump", "one", "--catalog", str(catalog), "--store", "s3://bucket/store"]
        columns = ["--set", "ingest.preset=columns", "--set", "ingest.columns=id=id,image=image"]
        ended = subprocess.run(
            [sys.executable, "-m", "dedup_pipeline", *words, *columns],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    sentence, again = ended.stderr.splitlines()
    assert ended.returncode == 3
    assert sentence.startswith("dedup: EndpointConnectionError: ")
    assert f"{place}/bucket/store" in sentence
    assert again == "dedup: running the same command again goes on where this one stopped"
