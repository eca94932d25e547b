"""Bare decoding of every picture to pixels by Pillow."""

import numpy as np
from contender import Contest
from PIL import Image

contest = Contest()
files = sorted((contest.data / "pictures").iterdir())
pixels = 0
with contest.timed():
    for file in files:
        with Image.open(file) as image:
            picture = np.asarray(image.convert("RGB"))
        pixels += picture.shape[0] * picture.shape[1]
contest.report("pillow", pictures=len(files), megapixels=pixels / 1e6)
