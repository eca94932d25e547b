#!/usr/bin/env bash
# A table whose writing to an object store fails half-way is there afterwards, whole by its looks: PyArrow on s3fs.
#
# An object appears when its upload is completed, so one would expect an exception in the `with` block to leave none. Both
# blocks end by closing, whatever ended them: PyArrow writes a valid footer for the rows so far, and s3fs completes the
# upload. Who reads finds a sound file with a part of the rows.
#
# Versions: s3fs 2026.9.0, pyarrow 25.0.1, the S3 server of moto 5.2.5, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet s3fs==2026.9.0 pyarrow==25.0.1 'moto[s3,server]==5.2.5'
cd "$work"
"$work/env/bin/python" - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import pyarrow as pa
import pyarrow.parquet as pq
import s3fs
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
files = s3fs.S3FileSystem(key="any", secret="any", endpoint_url=f"http://{host}:{port}")
files.mkdir("bucket")
schema = pa.schema([("number", pa.int64())])


def batches():
    yield pa.record_batch([pa.array([1, 2, 3])], schema=schema)
    raise ConnectionError("the source of the rows went away")


try:
    with files.open("bucket/table.parquet", "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for batch in batches():
            writer.write_batch(batch)
except ConnectionError as error:
    print("writing ended with:", error)
else:
    raise AssertionError("the exception is gone")
rows = pq.read_table("bucket/table.parquet", filesystem=files).num_rows
print("rows that are there all the same:", rows)
assert rows == 3
server.stop()
PYTHON
echo "as seen"
