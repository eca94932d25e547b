#!/usr/bin/env bash
# The inks of a CMYK photo are turned round between simplejpeg and Pillow: none is full, and full is none.
#
# Both hand out the four planes of one JPEG as numbers from 0 to 255, so one would expect the same numbers, as they are
# the same for grey and RGB here. Pillow writes and reads CMYK as Adobe does, inverted in the file; simplejpeg hands
# out what the file has. Each value is 255 less the other's.
#
# Versions: simplejpeg 1.8.2, pillow 13.0.0, numpy 2.4.6, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet simplejpeg==1.8.2 pillow==13.0.0 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import io

import numpy as np
import simplejpeg
from PIL import Image

ramp = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
photo = Image.fromarray(np.stack([ramp, ramp.T, ramp[::-1]], axis=-1))


def both(mode, colours):
    file = io.BytesIO()
    photo.convert(mode).save(file, "JPEG", quality=90)
    theirs = np.asarray(Image.open(io.BytesIO(file.getvalue())), dtype=int)
    return theirs, simplejpeg.decode_jpeg(file.getvalue(), colours).astype(int).reshape(theirs.shape)


for mode, colours in (("RGB", "RGB"), ("L", "GRAY"), ("CMYK", "CMYK")):
    by_pillow, by_simplejpeg = both(mode, colours)
    equal = bool((by_pillow == by_simplejpeg).all())
    inverted = bool((by_pillow == 255 - by_simplejpeg).all())
    print(f"{mode}: equal {equal}, inverted {inverted}")
    assert (equal, inverted) == (mode != "CMYK", mode == "CMYK"), "they agree otherwise now"
PYTHON
echo "as seen"
