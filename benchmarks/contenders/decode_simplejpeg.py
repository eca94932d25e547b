"""Bare decoding of every picture to pixels by simplejpeg, a thin layer over libjpeg-turbo."""

import simplejpeg
from contender import Contest

contest = Contest()
files = sorted((contest.data / "pictures").iterdir())
pixels = 0
with contest.timed():
    for file in files:
        picture = simplejpeg.decode_jpeg(file.read_bytes())
        pixels += picture.shape[0] * picture.shape[1]
contest.report("simplejpeg", pictures=len(files), megapixels=pixels / 1e6)
