"""Brands as sellers write them, and whether two are one."""

from __future__ import annotations

import unicodedata

# what stands in a brand field that names none
_NO_BRAND = frozenset(
    ("", "na", "nil", "none", "null", "nobrand", "unbranded", "generic", "other", "others", "unknown", "notapplicable")
)
_LEAST_PREFIX = 3  # letters: a shorter brand begins too many others


def brand_key(brand: str | None) -> str:
    """A brand as it is compared: letters and digits only, without case and accents; empty where it names none."""
    spelled = unicodedata.normalize("NFKD", brand or "").casefold().replace("&", "and")
    key = "".join(letter for letter in spelled if letter.isalnum())
    return "" if key in _NO_BRAND else key


def brands_contradict(a: str, b: str) -> bool:
    """Whether two brand keys name different brands; one that begins with the other is the same (Levi's Kids)."""
    shorter, longer = sorted((a, b), key=len)
    if not shorter:
        return False
    return not longer.startswith(shorter) if len(shorter) >= _LEAST_PREFIX else shorter != longer
