#!/usr/bin/env bash
# In a transaction of s3fs that fails, what `open` wrote is taken back, and what `pipe_file` wrote stays.
#
# fsspec's transactions are there so that all files of a block appear together or none. Files that are opened heed it;
# `pipe_file`, the short way for the same, uploads at once: others see the object inside the block, and it outlives the
# failure.
#
# Versions: s3fs 2026.9.0 and its fsspec, the S3 server of moto 5.2.5, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet s3fs==2026.9.0 fsspec==2026.9.0 'moto[s3,server]==5.2.5'
cd "$work"
"$work/env/bin/python" - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import s3fs
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
files = s3fs.S3FileSystem(key="any", secret="any", endpoint_url=f"http://{host}:{port}")
files.mkdir("bucket")
try:
    with files.transaction:
        with files.open("bucket/opened", "wb") as file:
            file.write(b"one")
        files.pipe_file("bucket/piped", b"two")
        raise ConnectionError("the third file could not be made")
except ConnectionError as error:
    print("the transaction ended with:", error)
files.invalidate_cache()
there = {name: files.exists(f"bucket/{name}") for name in ("opened", "piped")}
print("there afterwards:", there)
assert not there["opened"], "not even opened files are taken back"
assert there["piped"], "pipe_file heeds the transaction now"
server.stop()
PYTHON
echo "as seen"
