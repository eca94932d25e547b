"""Decoding and fingerprinting costs little more than decoding."""

from __future__ import annotations

from pathlib import Path

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.stores import settings_of, write_pictures
from claims.targets import as_fast_as

HASHERS = ("imagededup PHash", "imagehash phash")
DECODERS = ("decoding: OpenCV", "decoding: Pillow", "decoding: simplejpeg")


def make(folder: Path, items: int, materials: Materials) -> str:
    """The pictures in a folder, for the peers, and in packs, for the stage."""
    pictures = materials.pictures(items)
    (folder / "pictures").symlink_to(pictures)
    write_pictures(settings_of(folder), sorted(pictures.iterdir()))
    return materials.describe(items)


CLAIM = Claim(
    name="fingerprint",
    text="decoding and fingerprinting is faster than the hash of any tool, and costs little more than decoding",
    noun="pictures",
    ours=Contender(OURS, "fingerprint_ours.py"),
    peers=(
        Contender(HASHERS[0], "fingerprint_imagededup.py", "peers/imagededup.txt"),
        Contender(HASHERS[1], "fingerprint_imagehash.py", "contenders/imagehash.txt"),
        Contender(DECODERS[0], "decode_opencv.py"),
        Contender(DECODERS[1], "decode_pillow.py"),
        Contender(DECODERS[2], "decode_simplejpeg.py", "contenders/simplejpeg.txt"),
    ),
    quick=(Size(500),),
    full=(Size(5_000),),
    make=make,
    targets=(
        as_fast_as("3 times as fast as imagededup PHash and imagehash", 3.0, *HASHERS),
        as_fast_as("80 % of bare decoding by the fastest decoder", 0.8, *DECODERS),
    ),
)
