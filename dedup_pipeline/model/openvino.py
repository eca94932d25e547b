"""Networks on a CPU in OpenVINO: the same numbers on every machine of a kind, whatever the batch is filled up with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.model.preprocess import Prepared


def convert(network: Any, image_px: int, batch: int) -> Any:
    """Convert a torch network for OpenVINO.

    Args:
        network: a module in evaluation mode that takes (N, S, S, 3) uint8.
        image_px: S, in pixels.
        batch: N; -1 leaves it open.
    """
    import openvino  # noqa: PLC0415 - takes seconds
    import torch  # noqa: PLC0415 - takes seconds

    shape = (image_px, image_px, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenVINO's converter calls what torch calls deprecated
        example = torch.zeros(1, *shape, dtype=torch.uint8)
        return openvino.convert_model(network, example_input=example, input=[(batch, *shape)])


def compile_on_cpu(converted: Any, threads: int) -> Callable[[Prepared], Floats]:
    """Compile a converted network whose batch is fixed; what it returns is overwritten by the next call."""
    import openvino  # noqa: PLC0415 - takes seconds

    # f32: a CPU with bf16 units would take them by itself and give other numbers than its neighbour
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
    compiled = openvino.Core().compile_model(converted, "CPU", options)

    def infer(pictures: Prepared) -> Floats:
        return np.asarray(compiled(pictures)[0], dtype=np.float32)

    return infer


def full_batches(prepared: Prepared, batch: int) -> Iterator[tuple[slice, Prepared]]:
    """Cut pictures into batches that are all full, the last one filled up with what was there before.

    Args:
        prepared: (N, S, S, 3) uint8.
        batch: B.

    Yields:
        Where in ``prepared`` the pictures of a batch stand, and the batch (B, S, S, 3), the same array every time.
    """
    full = np.zeros((batch, *prepared.shape[1:]), dtype=np.uint8)
    for start in range(0, len(prepared), batch):
        place = slice(start, min(start + batch, len(prepared)))
        full[: place.stop - start] = prepared[place]
        yield place, full
