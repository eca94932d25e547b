#!/usr/bin/env bash
# Annoy with a seed finds other neighbours on a machine with another number of processors.
#
# `set_seed` is there for the same trees from the same vectors. But every building thread draws from a seed of its own, and
# `build` takes as many threads as there are processors unless told otherwise: one and two threads agree on the ten
# neighbours of hardly any vector here. With two threads the file has other bytes at every build, too. One thread
# (`n_jobs=1`) gives the same bytes.
#
# Versions: annoy 1.17.3 (its source; a C++ compiler is needed), numpy 2.4.6, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet annoy==1.17.3 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex

vectors = np.random.default_rng(0).normal(size=(5000, 16))


def build(threads):
    index = AnnoyIndex(16, "angular")
    index.set_seed(1)
    for number, vector in enumerate(vectors):
        index.add_item(number, vector.tolist())
    index.build(10, n_jobs=threads)
    index.save("trees.ann")
    return Path("trees.ann").read_bytes(), [index.get_nns_by_item(number, 10) for number in range(500)]


one, again = build(1), build(1)
assert one == again, "not even one thread gives the same trees"
_, by_two = build(2)
differ = sum(found != other for found, other in zip(one[1], by_two))
files = len({build(2)[0] for _ in range(6)})
print(f"of 500 vectors, {differ} have other neighbours with two threads than with one")
print(f"six builds with two threads gave {files} different files")
assert differ > 250, "one and two threads agree now"
assert files > 1, "two threads give one file now"
PYTHON
echo "as seen"
