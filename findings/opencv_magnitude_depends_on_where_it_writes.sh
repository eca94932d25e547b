#!/usr/bin/env bash
# The same cv2.magnitude of the same values has other last digits from one call to the next.
#
# One would expect the same bits of the same call in one process. The wheels for x86-64 have Intel's IPP do it, which
# computes the values up to a boundary of memory otherwise than those after it: where the *result* happens to be allocated
# decides which. `OPENCV_IPP=disabled` gives the same bits every time.
#
# Versions: opencv-python-headless 5.0.0.93 (x86-64 with AVX2), numpy 2.4.6, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
cat > places.py <<'PYTHON'
import cv2
import numpy as np

generator = np.random.default_rng(0)
x, y = generator.normal(size=(2, 1, 1000)).astype(np.float32)
seen = set()
for place in range(8):  # floats behind a boundary of 64 bytes
    room = np.zeros(x.size + 32, dtype=np.float32)
    start = -room.ctypes.data // 4 % 16 + place
    result = room[start : start + x.size].reshape(1, -1)
    cv2.magnitude(x, y, result)
    np.testing.assert_allclose(result, np.hypot(x, y), rtol=1e-6)
    seen.add(result.tobytes())
print(len(seen))
PYTHON
usual=$("$work/env/bin/python" places.py)
without=$(OPENCV_IPP=disabled "$work/env/bin/python" places.py 2> log.txt)
echo "different results of one call, by where it writes: $usual; without IPP: $without"
test "$usual" -gt 1
test "$without" = 1
echo "as seen"
