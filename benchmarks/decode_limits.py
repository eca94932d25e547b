"""What decoding takes: of pictures at the limit of pixels, alone and in many threads at once; and of ordinary photos.

``python benchmarks/decode_limits.py --folder /tmp/limits`` makes the pictures (flat ones, gradients, coarse noise:
nothing that a decoder minds) and prints two tables. Run in another checkout it measures that: the calls are the same.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "png": ("PNG", "RGB", {"compress_level": 1}),
    "png-alpha": ("PNG", "RGBA", {"compress_level": 1}),
    "jpeg": ("JPEG", "RGB", {"quality": 85}),
    "jpeg-progressive": ("JPEG", "RGB", {"quality": 85, "progressive": True, "subsampling": 0}),
    "webp": ("WEBP", "RGB", {"method": 0}),
    "webp-lossless": ("WEBP", "RGBA", {"method": 0, "lossless": True, "quality": 0}),
    "tiff-lzw": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", "RGB", {"speed": 10}),
    "gif": ("GIF", "P", {}),
}
LOSSY = ("jpeg", "jpeg-progressive", "webp")
ORDINARY = 1000


def _grained(width: int, height: int, grain: int, seed: int) -> Image.Image:
    """Noise, the coarser the larger its grains: as much to decode as a photo has."""
    grains = np.random.default_rng(seed).integers(0, 256, (height // grain + 2, width // grain + 2, 4), dtype=np.uint8)
    return Image.fromarray(grains).resize((width, height), Image.Resampling.BILINEAR)


def _large_image(side: int, *, lossy: bool) -> Image.Image:
    """A picture whose file is below fetch.max_bytes: what compresses without loss is a plain gradient."""
    return _grained(side, side, 16, 1) if lossy else Image.linear_gradient("L").resize((side, side)).convert("RGB")


def _make(folder: Path, kinds: list[str], pixels: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    side = math.isqrt(pixels)
    for kind in kinds:
        if not (folder / kind).exists():
            name, mode, options = KINDS[kind]
            data = io.BytesIO()
            _large_image(side, lossy=kind in LOSSY).convert(mode).save(data, name, **options)
            (folder / kind).write_bytes(data.getvalue())
    ordinary = folder / "ordinary"
    ordinary.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for number in range(ORDINARY):
        file = ordinary / f"{number}.jpg"
        if not file.exists():
            width, height = (int(side) for side in generator.integers(400, 800, 2))
            _grained(width, height, 6, number).convert("RGB").save(file, "JPEG", quality=85)


def _processor_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    ) + sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children())


class _Peak:
    """The most memory that this process and its children had at once, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.bytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._end.wait(0.005):
            try:
                self.bytes = max(self.bytes, sum(each.memory_info().rss for each in (own, *own.children())))
            except psutil.NoSuchProcess:
                continue

    def end(self) -> int:
        self._end.set()
        self._thread.join()
        return self.bytes


def _large(file: Path, threads: int) -> str:
    """Seconds of check and decode, one picture alone; the peak of so many checks at once, as in a fetch."""
    from dedup_pipeline.pictures.decode import check, decode  # noqa: PLC0415 - of the checkout that is measured

    data = file.read_bytes()
    seconds = [_seconds(lambda work=work: work(data)) for work in (check, decode)]
    before = psutil.Process().memory_info().rss
    peak = _Peak()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(check, [data] * threads))
    return f"{seconds[0]:.2f} | {seconds[1]:.2f} | {(peak.end() - before) / 1e6:,.0f}"


def _ordinary(folder: Path) -> str:
    """Seconds that checking and decoding all ordinary photos takes, the least of five rounds."""
    from dedup_pipeline.pictures.decode import check, decode  # noqa: PLC0415

    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    least = {
        work.__name__: min(_seconds(lambda work=work: [work(data) for data in files]) for _ in range(5))
        for work in (check, decode)
    }
    return " | ".join(f"{least[name]:.3f}" for name in ("check", "decode"))


def _seconds(work: Callable[[], object]) -> float:
    start = _processor_seconds()
    work()
    return _processor_seconds() - start


def main() -> None:
    """Make the pictures, then measure each kind in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--pixels", type=int, default=49_999_000)
    parser.add_argument("--kinds", nargs="+", choices=(*KINDS, "ordinary"), default=[*KINDS, "ordinary"])
    parser.add_argument("--one", choices=(*KINDS, "ordinary"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        file = given.folder / given.one
        print(_ordinary(file) if given.one == "ordinary" else _large(file, given.threads))
        return
    _make(given.folder, [kind for kind in given.kinds if kind in KINDS], given.pixels)
    print(f"{time.strftime('%F')}, {os.cpu_count()} processors, {given.pixels:,} pixels, {given.threads} threads")
    print("| picture | CPU seconds: check | decode | MB of all threads at once |\n|---|---|---|---|")
    for kind in given.kinds:
        command = [sys.executable, __file__, "--folder", str(given.folder), "--threads", str(given.threads)]
        done = subprocess.run([*command, "--one", kind], capture_output=True, text=True, check=False)
        print(f"| {kind} | {done.stdout.strip() or done.stderr.strip().splitlines()[-1]} |", flush=True)


if __name__ == "__main__":
    main()
