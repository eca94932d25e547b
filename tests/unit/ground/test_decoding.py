"""Decoding stays within its memory and time, whatever the bytes are, and gives the pixels that it always gave."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, ResourceError
from dedup_pipeline.pictures.decode import Limits, PictureError, check, decode, decode_own
from dedup_pipeline.pictures.decoding import apart
from dedup_pipeline.pictures.decoding.apart import read_apart
from dedup_pipeline.pictures.decoding.budget import BUDGET, Budget
from dedup_pipeline.pictures.decoding.cost import cost_of
from dedup_pipeline.pictures.decoding.formats import TILE
from dedup_pipeline.query.reference import read_picture
from dedup_pipeline.schemas import FetchStatus

SMALL = 16_000_000  # bytes: the smallest budget that the settings take


def grained(width, height, mode="RGB"):
    """Coarse noise of a mode: no two rows or columns are equal."""
    grains = np.random.default_rng(width).integers(0, 256, (height // 4 + 2, width // 4 + 2, 4), dtype=np.uint8)
    colours = Image.fromarray(grains).resize((width, height), Image.Resampling.BICUBIC)
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(colours.convert("L")).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]) * 200
        return Image.fromarray(grey)
    if mode in ("P", "PA"):
        palette = colours.convert("RGB").quantize(64)
        return palette if mode == "P" else palette.convert("PA")
    return colours.convert(mode)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width, height, kind, **options):
    """A picture that is quick to store, whatever its size."""
    return saved(Image.linear_gradient("L").resize((width, height)).convert("RGB"), kind, **options)


def turned(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return {"exif": exif}


def taken_whole(data):
    """The pixels as they were made before memory was counted: every step on the whole picture, by Pillow."""
    image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        scale = 257.0 if image.mode.startswith("I;16") or values.max() > 255 else 1.0
        return np.asarray(Image.fromarray((values / scale).clip(0, 255).round().astype(np.uint8)).convert("RGB"))
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


PICTURES = {
    **{f"png {mode}": ("PNG", mode, {}) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")},
    "png transparent colour": ("PNG", "P", {"transparency": 3}),
    "png turned": ("PNG", "RGBA", turned(6)),
    **{f"jpeg {mode}": ("JPEG", mode, {"progressive": mode == "L"}) for mode in ("RGB", "L", "CMYK")},
    "jpeg turned": ("JPEG", "RGB", turned(5)),
    **{f"webp {mode}": ("WEBP", mode, {"lossless": True, "method": 0}) for mode in ("RGB", "RGBA")},
    "webp lossy": ("WEBP", "RGBA", {"method": 0}),
    "webp turned": ("WEBP", "RGB", {"method": 0, **turned(3)}),
    **{f"tiff {mode}": ("TIFF", mode, {}) for mode in ("RGB", "RGBA", "I", "I;16", "F", "CMYK", "YCbCr")},
    "tiff lzw": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "tiff turned": ("TIFF", "RGB", turned(8)),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
    "avif": ("AVIF", "RGBA", {"speed": 10}),
}


@pytest.mark.parametrize("size", [(61, 47), (700, 500)], ids=["one tile", "two tiles"])
@pytest.mark.parametrize("name", PICTURES)
def test_every_way_to_decode_gives_the_pixels_that_there_always_were(name, size):
    kind, mode, options = PICTURES[name]
    data = saved(grained(*size, mode), kind, **options)
    expected = taken_whole(data)
    assert (size[0] * size[1] > TILE) == (size == (700, 500))
    for picture in (decode(data), read_apart(data, Limits(), wanted=True), decode_own(data)):
        assert np.array_equal(picture, expected)
    header = check(data)
    with Image.open(io.BytesIO(data)) as image:
        assert header == (image.width, image.height, kind)
    assert read_apart(data, Limits(), wanted=False) == header


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
def test_of_several_frames_the_first_counts(kind):
    frames = [grained(64 + number, 48).resize((64, 48)) for number in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert cost_of(data) is None
    assert np.array_equal(decode(data), taken_whole(data))
    assert check(data).format == kind


# memory


def test_threads_share_one_budget():
    files = [gradient(700 + number, 500, kind) for number in range(8) for kind in ("PNG", "JPEG", "TIFF")]
    BUDGET.most = 0
    with ThreadPoolExecutor(8) as pool:
        shapes = list(pool.map(lambda data: decode(data, Limits(bytes=SMALL)).shape, files))
    assert shapes == [(500, 700 + number, 3) for number in range(8) for _ in range(3)]
    assert max(cost_of(data).bytes for data in files[:2]) < BUDGET.most <= SMALL


def test_who_wants_much_is_not_overtaken():
    budget, order = Budget(), []

    def want(size):
        with budget.hold(size, 10):
            order.append(size)

    threads = []
    with budget.hold(5, 10):
        for size in (10, 1, 2):
            threads.append(threading.Thread(target=want, args=(size,)))
            threads[-1].start()
            while len(budget._waiting) < len(threads):
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order[0] == 10
    assert budget.most == 10


def python(script, *arguments, **environment):
    """What a script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


PEAK = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from dedup_pipeline.pictures.decode import Limits, check, decode

small, file = (Path(name).read_bytes() for name in sys.argv[1:3])
limits = Limits(bytes=int(sys.argv[3]))
decode(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: check(file, limits) and decode(file, limits), range(8)))
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", turned(6)),
        ("JPEG", {"progressive": True, "subsampling": 0}),
        ("WEBP", {"method": 0}),
    ],
)
def test_the_memory_that_is_taken_is_within_the_budget(kind, options, tmp_path):
    small, file = tmp_path / "small", tmp_path / "file"
    small.write_bytes(gradient(64, 64, kind))
    file.write_bytes(gradient(2040, 2040, kind, **options))
    budget = cost_of(file.read_bytes()).bytes + 1_000_000
    assert int(python(PEAK, small, file, budget)) < 1.25 * budget  # of what is freed some stays in the allocator


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_that_takes_more_than_the_budget_is_refused_and_named(kind):
    with pytest.raises(PictureError, match="decode_bytes = 16000000") as caught:
        decode(gradient(3000, 3000, kind), Limits(bytes=SMALL))
    assert caught.value.status is FetchStatus.TOO_COSTLY


NO_MEMORY = """
import os, resource, sys
from pathlib import Path
from dedup_pipeline.stages.fetch.http.content import check_content
from dedup_pipeline.pictures.decode import *

taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
resource.setrlimit(resource.RLIMIT_AS, (taken + 16_000_000,) * 2)
try:
    print(check_content(Path(sys.argv[1]).read_bytes(), Limits()).status)
except Exception as error:
    print(type(error).__name__, error.retryable)
"""


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_lack_of_memory_is_no_verdict_on_a_picture(kind, tmp_path):
    options = {"JPEG": {"progressive": True}, "WEBP": {"method": 0}}.get(kind, {})
    (tmp_path / "file").write_bytes(gradient(3000, 2500, kind, **options))
    assert python(NO_MEMORY, tmp_path / "file") == "ResourceError True"


# time


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_decoded():
    slow, usual = gradient(4000, 4000, "TIFF", compression="tiff_lzw"), gradient(64, 48, "TIFF")
    for work in (decode, check):
        with pytest.raises(PictureError, match=r"0\.01 s of a processor \(fetch\.decode_seconds\)") as caught:
            work(slow, Limits(seconds=0.01))
        assert caught.value.status is FetchStatus.TOO_COSTLY
        assert decode(usual).shape == (48, 64, 3)


def test_what_might_take_long_is_decoded_where_it_can_be_ended():
    scans = gradient(1500, 1200, "JPEG", progressive=True)
    with pytest.raises(PictureError) as caught:
        decode(scans, Limits(seconds=0.001))
    assert caught.value.status is FetchStatus.TOO_COSTLY
    assert cost_of(scans).seconds > 3 * cost_of(gradient(1500, 1200, "JPEG")).seconds


# damage


def damaged_avif():
    """An AVIF of whose damage Pillow says what it says of no other format: RuntimeError."""
    whole = saved(grained(37, 53), "AVIF", speed=10)
    for place in range(whole.index(b"meta"), whole.index(b"mdat")):
        data = bytearray(whole)
        data[place] ^= 0xFF
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except RuntimeError:
            return bytes(data)
        except (OSError, SyntaxError):
            continue
    raise AssertionError("there is no such damage any more")


def test_a_question_about_a_damaged_picture_is_answered_in_one_sentence(tmp_path):
    file = tmp_path / "a.avif"
    file.write_bytes(damaged_avif())
    with pytest.raises(InputError, match=r"^'.*a\.avif' is no usable picture: the (picture|header) is damaged: .*$"):
        read_picture(str(file), Settings())


# what becomes of a child


@pytest.fixture
def stand_in(monkeypatch):
    """Children that do what they are told by the bytes that they get."""
    children = apart._Children()
    monkeypatch.setattr(apart, "_CHILDREN", children)
    monkeypatch.setattr(apart, "_MODULE", "stand_in_child")
    yield
    children.end()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("crash", "its decoder crashed \\(SIGSEGV\\)"),
        ("exit", "exit status 1"),
        ("nonsense", "the picture is damaged"),
    ],
)
def test_a_decoder_that_ends_its_process_costs_one_picture(what, says, stand_in):
    with pytest.raises(PictureError, match=says) as caught:
        decode(what.encode())
    assert caught.value.status is FetchStatus.TRUNCATED


@pytest.mark.parametrize("what", ["killed", "no memory"])
def test_a_child_that_is_ended_from_outside_says_nothing_about_the_picture(what, stand_in):
    with pytest.raises(ResourceError, match="free memory"):
        decode(what.encode())


def test_a_child_that_does_nothing_is_not_waited_for_without_end(stand_in, monkeypatch):
    monkeypatch.setattr(apart, "_ANSWER_SECONDS", 0.1)
    with pytest.raises(PictureError) as caught:
        decode(b"sleep", Limits(seconds=0.1))
    assert caught.value.status is FetchStatus.TOO_COSTLY


def children():
    return [
        child for child in psutil.Process().children() if "dedup_pipeline.pictures.decoding.child" in child.cmdline()
    ]


def test_a_child_that_was_killed_is_replaced():
    tiff = gradient(64, 48, "TIFF")
    decode(tiff)
    before = children()
    for child in before:
        child.send_signal(signal.SIGKILL)
    assert decode(tiff).shape == (48, 64, 3)
    assert {child.pid for child in children() if child.status() != psutil.STATUS_ZOMBIE}.isdisjoint(
        child.pid for child in before
    )


SECRETS = """
import os
os.environ |= {"DEDUP_STORE": "s3://secret", "AWS_SECRET_ACCESS_KEY": "secret", "AIRFLOW__CORE__FERNET_KEY": "secret"}
import psutil, sys
from pathlib import Path
from dedup_pipeline.pictures.decode import decode

kept = open(sys.argv[1], "rb")
os.set_inheritable(kept.fileno(), True)
decode(kept.read())
(child,) = psutil.Process().children()
print(*child.environ())
print(*[file.path for file in child.open_files()])
"""


def test_a_child_has_neither_keys_nor_files(tmp_path):
    (tmp_path / "a.tiff").write_bytes(gradient(64, 48, "TIFF"))
    names, _, files = python(SECRETS, tmp_path / "a.tiff").partition("\n")
    assert set(names.split()) <= set(apart._environment())
    assert all(file.startswith("/proc/") and file.endswith("/statm") for file in files.split())


CONFINED = """
import sys, socket
from dedup_pipeline.pictures.decoding.confine import confine

confine()
import wave
for what in (
    lambda: open(sys.argv[1], "a").write("x" * 100_000),
    lambda: open("/proc/%d/environ" % __import__("os").getppid()).read(),
    lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2]))),
):
    try:
        what()
        print("done")
    except OSError:
        print("denied")
"""
LANDLOCK = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))"


def test_a_child_can_neither_write_nor_read_nor_reach_anyone(tmp_path):
    version = int(python(LANDLOCK))
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = python(CONFINED, tmp_path / "file", server.getsockname()[1]).split()
    assert said[0] == "denied"
    assert said[1] == ("denied" if version >= 1 else "done")
    assert said[2] == ("denied" if version >= 4 else "done")


KILLED = """
import sys, time, psutil
from pathlib import Path
from dedup_pipeline.pictures.decode import decode

decode(Path(sys.argv[1]).read_bytes())
print(*[child.pid for child in psutil.Process().children()], flush=True)
time.sleep(600)
"""


def test_children_end_with_their_parent(tmp_path):
    file = tmp_path / "a.tiff"
    file.write_bytes(gradient(64, 48, "TIFF"))
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True) as parent:
        left = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert left
    assert not psutil.wait_procs(left, timeout=60)[1]


FORKED = """
import os, sys, threading
from pathlib import Path
from dedup_pipeline.pictures.decoding.budget import BUDGET
from dedup_pipeline.pictures.decode import Limits, decode

data = Path(sys.argv[1]).read_bytes()
decode(data)
with BUDGET.hold(10, 10):  # as by a thread that the forked process has not
    if (pid := os.fork()) == 0:
        os._exit(decode(data).shape != (48, 64, 3))
assert os.waitpid(pid, 0)[1] == 0
assert decode(data).shape == (48, 64, 3)
"""


def test_a_forked_process_has_children_and_a_budget_of_its_own(tmp_path):
    (tmp_path / "a.tiff").write_bytes(gradient(64, 48, "TIFF"))
    assert not python(FORKED, tmp_path / "a.tiff")
