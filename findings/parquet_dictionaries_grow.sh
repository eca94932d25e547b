#!/usr/bin/env bash
# A batch of a column that PyArrow reads as a dictionary holds the values of all batches before it.
#
# `iter_batches(2000)` bounds the rows of a batch. With `read_dictionary` on a column whose pages are plain, the
# dictionary of each batch goes on from that of the last, to the end of the row group: what a reader holds grows with the
# row group's texts and not with the batch, though each batch uses only its own 2,000.
#
# Versions: pyarrow 25.0.1, numpy 2.4.3, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet pyarrow==25.0.1 numpy==2.4.3
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.parquet as pq

texts = pa.table({"title": [f"product {number}" for number in range(5000)]})
pq.write_table(texts, "plain.parquet", use_dictionary=False)
batches = pq.ParquetFile("plain.parquet", read_dictionary=["title"]).iter_batches(2000)
seen = [(len(batch), len(batch.column(0).dictionary), len(batch.column(0).unique())) for batch in batches]
print("rows, texts in the dictionary, texts in use:", seen)
assert [rows for rows, _, _ in seen] == [2000, 2000, 1000], "batches have other rows now"
assert [used for _, _, used in seen] == [2000, 2000, 1000]
held = [dictionary for _, dictionary, _ in seen]
assert held[0] < held[1] < held[2] == 5000, f"dictionaries grow no more: {held}"
PYTHON
echo "as seen"
