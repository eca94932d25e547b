"""Views of pictures and pairs of them aligned, as the stage ``match`` does, in CPU seconds of one thread.

The re-upload and the recolour of every photo are made beforehand, which is not measured.
"""

import time

import cv2
import numpy as np
from contender import Contest
from threadpoolctl import threadpool_limits

from dedup_pipeline.augmentation.reuploads import generator_of, recolour, reupload
from dedup_pipeline.compute.malloc import keep_freed_memory
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.verdict.alignment import aligned_evidence, view_of

PAIRS_A_PHOTO = 5  # as many of luma's dump are looked at closer: 4,262 of 831 photos
_SEED = 11
_SIDE = 8

contest = Contest()
cv2.setNumThreads(1)
keep_freed_memory()  # as every stage does
files = [file.read_bytes() for file in sorted((contest.data / "pictures").iterdir())]
photos = [decode(data) for data in files]
made, pairs = [], []
for number, photo in enumerate(photos):
    generator = generator_of(_SEED, number)
    for other in (reupload(photo, 1 + number % 3, generator), recolour(photo, generator)):
        if other is not None:
            pairs.append((number, len(photos) + len(made)))
            made.append(other)
coarse = np.array([cv2.resize(photo, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel() for photo in photos], float)
for number, colours in enumerate(coarse):
    distance = np.linalg.norm(coarse - colours, axis=1)
    distance[number] = np.inf
    pairs.append((number, int(distance.argmin())))

with threadpool_limits(limits=1), contest.timed():
    start = time.process_time()
    views = [view_of(decode(data)) for data in files]
    looked = time.process_time()
    views += [view_of(picture) for picture in made]
    begun = time.process_time()
    for one, other in pairs:
        aligned_evidence(views[one], views[other])
    laid = time.process_time()
view, pair = 1000 * (looked - start) / len(files), 1000 * (laid - begun) / len(pairs)
figures = {"ms a view": view, "ms a pair": pair, "ms a photo": view + PAIRS_A_PHOTO * pair}
contest.report("opencv-python-headless", "numpy", **figures, pairs=len(pairs))
