"""The network alone in OpenVINO: full batches of ready pictures, with the options of the stage."""

import numpy as np
import openvino
from contender import Contest
from own_store import fresh_store

contest = Contest()
settings = fresh_store(contest)
ready = np.load(contest.data / "ready.npy")
count = len(list((contest.data / "pictures").iterdir()))
batch = settings.embed.batch
model = next((contest.results / "store" / "cache" / "openvino").glob("*/network.xml"))
options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1"}
batches = [np.take(ready, range(start, start + batch), axis=0, mode="wrap") for start in range(0, len(ready), batch)]
with contest.timed():
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape([batch, *ready.shape[1:]])
    compiled = core.compile_model(network, "CPU", options)
    done = 0
    while done < count:
        compiled(batches[done // batch % len(batches)])
        done += batch
contest.report("openvino", pictures=done)
