"""Freed memory is kept for the next picture, where the C library is glibc."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from statistics import median
import numpy as np
from dedup_pipeline.verdict.alignment import view_of
from dedup_pipeline.compute.malloc import keep_freed_memory

def so_far():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

{first}
picture = np.random.default_rng(0).integers(0, 256, (400, 322, 3), dtype=np.uint8)
faults = []
for _ in range(20):
    before = so_far()
    view_of(picture)
    faults.append(so_far() - before)
print(int(median(faults)))
"""
# glibc raises its thresholds as soon as anything large is freed, be it a module that was compiled: held where it starts
AT_FIRST = "glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072"


def faults(first):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"GLIBC_TUNABLES": AT_FIRST},
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_the_pages_of_arrays_are_not_faulted_in_for_every_picture_anew():
    assert faults("keep_freed_memory()") < faults("") / 4
