"""Addresses that carry secrets: a password before the host, a signature or token in the query.

What a run writes down or says goes through ``showable``; what opens an address takes it whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

MASK = "***"

# up to the last @ before the path, or a key such as object storages have, which may hold a slash; host:port/ is none
_PERSON = re.compile(r"(?<=://)(?:[^/?#\s\"'<>]*@|[^/?#@:\s\"'<>]+:(?!\d+/)[^?#@\s\"'<>]*@)")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_QUERY = re.compile(
    r"(?<=[?&;])([^=&;#\s]*(?:sig|token|key|secret|pass|pwd|cred|auth|policy)[^=&;#\s]*=)([^&;#\s\"'<>)]+)",
    re.IGNORECASE,
)


def showable(text: str) -> str:
    """A text without the secrets of the addresses in it: user and password left out, values of a query masked."""
    if "://" not in text:
        return text
    return _ADDRESS.sub(lambda found: _QUERY.sub(rf"\1{MASK}", _PERSON.sub("", found[0])), text)


def showable_values(value: Any) -> Any:
    """The same for all texts in plain values."""
    if isinstance(value, str):
        return showable(value)
    if isinstance(value, Mapping):
        return {name: showable_values(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [showable_values(item) for item in value]
    return value


def secrets_in(text: str) -> list[str]:
    """The secrets of the addresses in a text, as they stand there and as they are meant."""
    found: set[str] = set()
    for address in _ADDRESS.findall(text):
        for person in _PERSON.findall(address):
            found |= {person[:-1], person[:-1].partition(":")[2]}
        found |= {value for _, value in _QUERY.findall(address)}
    return sorted(({unquote(secret) for secret in found} | found) - {"", MASK})


def with_secrets_of(address: str, known: str) -> str:
    """An address that was made showable, with the secrets that another has for the same host.

    Args:
        address: what ``showable`` made of an address.
        known: an address as a setting has it, such as the pattern of the dumps.
    """
    place, _, path = address.partition("://")
    known_place, _, known_path = showable(known).partition("://")
    if not path or (place, path.split("/")[0]) != (known_place, known_path.split("/")[0]):
        return address
    person = _PERSON.search(known)
    values = dict(_QUERY.findall(known))
    whole = _QUERY.sub(lambda found: found[1] + (values.get(found[1], MASK) if found[2] == MASK else found[2]), address)
    return f"{place}://{person[0] if person else ''}{whole.partition('://')[2]}"


def without_person(url: str) -> tuple[str, str, str]:
    """A URL without user and password, and these two, empty where there are none."""
    parts = urlsplit(url)
    person = _PERSON.search(url)
    if person is None:
        return url, "", ""
    return _PERSON.sub("", url, count=1), unquote(parts.username or ""), unquote(parts.password or "")
