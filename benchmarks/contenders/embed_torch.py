"""The same network in torch, without anything clever: decode a batch, embed it, next."""

import numpy as np
import torch
from contender import Contest
from own_store import fresh_store

from dedup_pipeline.model.files import read_description
from dedup_pipeline.model.network import read_network
from dedup_pipeline.model.preprocess import prepare
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.store import Store

torch.set_num_threads(1)
contest = Contest()
settings = fresh_store(contest)
store = Store(settings.store)
description = read_description(store, (contest.data / "model.txt").read_text())
files = sorted((contest.data / "pictures").iterdir())
vectors = []
with contest.timed(), torch.inference_mode():
    network = read_network(store, description)
    for start in range(0, len(files), settings.embed.batch):
        some = [decode(file.read_bytes()) for file in files[start : start + settings.embed.batch]]
        batch = np.stack([prepare(picture, description["image_px"]) for picture in some])
        vectors.append(network(torch.from_numpy(batch)).numpy())
contest.report("torch", pictures=sum(map(len, vectors)))
