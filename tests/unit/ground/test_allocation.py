"""Freed memory is kept for the next picture, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from dedup_pipeline.verdict.alignment import view_of
from dedup_pipeline.compute.malloc import keep_freed_memory

{first}
picture = np.random.default_rng(0).integers(0, 256, (400, 322, 3), dtype=np.uint8)
view_of(picture)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    view_of(picture)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_the_pages_of_arrays_are_not_faulted_in_for_every_picture_anew():
    assert faults("keep_freed_memory()") < faults("") / 4
