#!/usr/bin/env bash
# faiss' number of threads holds for scikit-learn as well, and only where Python's calling thread asks.
#
# One would expect `faiss.omp_set_num_threads(1)` to hold faiss to one thread, in the whole process, and nothing else. The
# wheels of both bring an OpenMP library of the same name, of which one copy is loaded: scikit-learn is held to one thread,
# too. And OpenMP keeps the number by thread: in another thread of Python, such as a pool's, faiss takes all again.
#
# Versions: faiss-cpu 1.15.1, scikit-learn 1.9.1, numpy 2.4.6, threadpoolctl 3.8.0, Linux x86-64, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet faiss-cpu==1.15.1 scikit-learn==1.9.1 numpy==2.4.6 threadpoolctl==3.8.0
cd "$work"
export OMP_NUM_THREADS=4 # whatever the machine has
"$work/env/bin/python" - <<'PYTHON'
from concurrent.futures import ThreadPoolExecutor

import sklearn.cluster  # noqa: F401 - loads what it computes with
from threadpoolctl import ThreadpoolController

before = ThreadpoolController().select(user_api="openmp").info()  # of scikit-learn: faiss is not there yet

import faiss  # noqa: E402

faiss.omp_set_num_threads(1)
after = ThreadpoolController().select(user_api="openmp").info()
with ThreadPoolExecutor(1) as pool:
    elsewhere = pool.submit(faiss.omp_get_max_threads).result()
print("scikit-learn's threads before:", [library["num_threads"] for library in before])
print("scikit-learn's threads once faiss has one:", [library["num_threads"] for library in after])
print("faiss' threads here:", faiss.omp_get_max_threads(), "in another thread:", elsewhere)
assert [library["num_threads"] for library in before] == [4]
assert [library["filepath"] for library in after] == [library["filepath"] for library in before], "each has its own now"
assert [library["num_threads"] for library in after] == [1], "scikit-learn keeps its threads now"
assert (faiss.omp_get_max_threads(), elsewhere) == (1, 4), "the number holds in all threads now"
PYTHON
echo "as seen"
