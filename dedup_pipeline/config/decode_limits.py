"""How much work one picture may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What decoding may take; the defaults are those of the settings.

    Attributes:
        pixels: of one picture, ``fetch.max_pixels``.
        seconds: of a processor for one picture, ``fetch.decode_seconds``.
        bytes: of memory for all pictures that a process decodes at once, ``fetch.decode_bytes``.
    """

    pixels: int = 50_000_000
    seconds: float = 30.0
    bytes: int = 1_500_000_000


USUAL = Limits()
