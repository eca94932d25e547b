"""Bare decoding of every picture to pixels by OpenCV."""

import cv2
import numpy as np
from contender import Contest

contest = Contest()
files = sorted((contest.data / "pictures").iterdir())
pixels = 0
with contest.timed():
    for file in files:
        picture = cv2.imdecode(np.frombuffer(file.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is not None:
            pixels += picture.shape[0] * picture.shape[1]
contest.report("opencv-python-headless", pictures=len(files), megapixels=pixels / 1e6)
