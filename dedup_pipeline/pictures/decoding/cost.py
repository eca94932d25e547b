"""What decoding a picture takes, told from its header before any of it is decoded.

It is known of three formats: the work of their decoders is bounded by pixels, passes and bytes, and they are nearly all
there is in a catalog. What makes one of them odd leaves it unknown: an animation, many segments, tags that claim much.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dedup_pipeline.pictures.decoding.formats import TILE, WORKING_SIDE

JPEG, _PNG, _WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"WEBP"
_MARKER, _SCAN, _APP1, _APP2 = 0xFF, 0xDA, 0xE1, 0xE2  # of a JPEG's segments, ITU-T T.81 table B.1
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_PROGRESSIVE = 0xC2
_MOST_PARTS = 4000  # segments or chunks: each is a step in Python
_MOST_TEXTS = 8  # of a PNG: each may grow to a megabyte
_TAGS = 1 << 24  # bytes that the tags of an Exif block may hold together: each may claim the whole block
_EXIF_TEXT = b"Raw profile type exif"  # how a PNG may hold Exif
_ANIMATED = (b"acTL", b"fcTL", b"fdAT")
_WEBP_ANIMATION = 0x02

# seconds a pixel of a processor five times as slow as a common one: benchmarks/decode_limits.py
_JPEG_SCAN, _PNG_PIXEL, _WEBP_PIXEL = 5e-8, 1e-7, 2e-7
# bytes a pixel: Pillow's image (4) and the array made of it (3), or the image and its copy turned upright (8)
_IMAGE = 8
_WEBP_IMAGE = 20  # the two canvases of libwebp's decoder (8), then what it decodes to (4), bytes (4), the image (4)
_COPIES = 16  # of a tile, while it is laid over white
_COEFFICIENT = 2


class Cost(NamedTuple):
    """What decoding takes at most.

    Attributes:
        width: pixels, as stored.
        height: pixels, as stored.
        bytes: held at once.
        seconds: of a slow processor.
        tagged: of a JPEG whether it has tags, which may say that it is to be turned.
    """

    width: int
    height: int
    bytes: int
    seconds: float
    tagged: bool = False


def cost_of(data: bytes) -> Cost | None:
    """What decoding an image takes; None where that is not known beforehand."""
    try:
        if data.startswith(JPEG):
            return _of_jpeg(data)
        if data.startswith(_PNG):
            return _of_png(data)
        if data[8:12] == _WEBP and data.startswith(b"RIFF"):
            return _of_webp(data)
    except (IndexError, struct.error):  # it ends within its header
        pass
    return None


def _of_jpeg(data: bytes) -> Cost | None:
    at, tagged, frame = 2, 0, 0
    for _ in range(_MOST_PARTS):
        if data[at] != _MARKER:
            return None
        marker = data[at + 1]
        if marker == _SCAN:
            break
        if marker in _FRAMES:
            frame = at
        elif marker == _APP1:
            tagged += 1
            if data.startswith(b"Exif\0\0", at + 4) and not (tagged == 1 and _few_tags(data[at + 4 : _end(data, at)])):
                return None  # Pillow joins several blocks
        elif marker == _APP2 and data.startswith(b"MPF\0", at + 4):
            return None
        at = _end(data, at)
    else:
        return None
    if not frame:
        return None  # arithmetic coding, lossless, hierarchical
    height, width, components = struct.unpack_from(">HHB", data, frame + 5)
    pixels = height * width
    if data[frame + 1] == _PROGRESSIVE or data[at + 4] < components:
        scans = data.count(b"\xff\xda", at)  # other bytes may look like one, which only adds to the cost
        kept = _COEFFICIENT * components * pixels
    else:  # all components are in the first scan, and libjpeg reads no other
        scans, kept = 1, 0
    small = min(8, max(1, min(height, width) // WORKING_SIDE))
    small = 1 << small.bit_length() - 1  # Pillow has libjpeg make every second, fourth or eighth row and column
    decoded = pixels // small**2
    return Cost(width, height, kept + _held(decoded, _IMAGE), pixels * scans * _JPEG_SCAN, tagged > 0)


def _end(data: bytes, at: int) -> int:
    """Where a segment of a JPEG ends."""
    return at + 2 + (data[at + 2] << 8 | data[at + 3])


def _of_png(data: bytes) -> Cost | None:
    width, height = struct.unpack_from(">II", data, 16)
    at, texts = len(_PNG), 0
    for _ in range(_MOST_PARTS):
        if at + 8 > len(data):
            pixels = width * height
            return Cost(width, height, _held(pixels, _IMAGE), pixels * _PNG_PIXEL)
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            texts += 1
            if texts > _MOST_TEXTS or data.startswith(_EXIF_TEXT, start):
                return None
        elif kind in _ANIMATED or (kind == b"eXIf" and not _few_tags(data[start : start + size])):
            return None
        at = start + size + 4
    return None


def _of_webp(data: bytes) -> Cost | None:
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & _WEBP_ANIMATION:
            return None
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        width, height = (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        return None
    at = 12
    for _ in range(_MOST_PARTS):
        if at + 8 > len(data):
            pixels = width * height
            return Cost(width, height, _held(pixels, _WEBP_IMAGE), pixels * _WEBP_PIXEL)
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF" and not _few_tags(data[at + 8 : at + 8 + size]):
            return None
        at += 8 + size + size % 2
    return None


def _held(pixels: int, each: int) -> int:
    return pixels * each + min(pixels, TILE) * _COPIES


def _few_tags(exif: bytes) -> bool:
    """Whether Pillow needs little to read an Exif block, of which each tag may claim all."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return False
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return True
    (tags,) = struct.unpack_from(order + "H", exif, start)
    return int(tags) * len(exif) <= _TAGS
