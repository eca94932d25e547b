#!/usr/bin/env bash
# Of two Parquet columns with one name, PyArrow reads the last as a dictionary, and no name reaches the first.
#
# Feeds repeat a column (`additional_image_link`), and what was made of them keeps both. `read_dictionary` takes names and
# silently encodes the last of the name alone; asking for columns by the name brings both.
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

twice = pa.Table.from_arrays([pa.array(["one", "two"]), pa.array(["three", "four"])], names=["link", "link"])
pq.write_table(twice, "twice.parquet")
plain = pq.ParquetFile("twice.parquet", read_dictionary=["link"])
kinds = [str(kind) for kind in plain.schema_arrow.types]
print("read_dictionary=['link']:", kinds)
assert not kinds[0].startswith("dictionary"), "the first is encoded, too"
assert kinds[1].startswith("dictionary"), "the last is not encoded"
both = plain.read(columns=["link"])
print("columns=['link']:", both.num_columns, "columns")
assert both.num_columns == 2
PYTHON
echo "as seen"
