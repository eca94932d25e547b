"""Which addresses may be reached: the form of a URL, and the network address behind its name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from dedup_pipeline.errors import InputError
from dedup_pipeline.schemas import FetchStatus

MAX_URL_CHARS = 8000
_PORTS = {"http": 80, "https": 443}
# C0 and C1 controls and the line separators split a request; browsers read a backslash as a slash, parsers do not
_NEVER_IN_URLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\\\\]")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What the registries call reserved changes, and with it the standard library's answer from release to release; these
# are refused whatever it says.
_NEVER_PUBLIC: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT, the metadata address of one cloud among them
        "168.63.129.16/32",  # a cloud's host agent on a public number
        "169.254.0.0/16",  # link-local, the metadata address of most clouds among them
        "192.0.0.0/24",  # protocol assignments, the metadata address of one cloud among them
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that is given out to the public
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressError(InputError):
    """A URL that is not to be requested, or whose host cannot be reached.

    Args:
        status: which kind of failure.
        message: what is wrong with it.
        again: whether another try can help.
    """

    def __init__(self, status: FetchStatus, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.again = again


@dataclass(frozen=True)
class Target:
    """Where a request goes.

    Attributes:
        url: the URL in the form it is sent.
        scheme: http or https.
        host: name or address in lower case, without brackets and final dot.
        port: 1 to 65535.
        path: what is asked for: path and query, ready to be sent.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def site(self) -> str:
        """What counts as one host for the limits."""
        return f"{self.host}:{self.port}"


def read_url(url: str) -> Target:
    """Where a URL leads, when it is of a form that may be requested.

    The URL is parsed once, and what is found here is what is used: nothing reads the URL again to send it.

    Raises:
        AddressError: BAD_URL; it is no http or https URL, carries a user name, or has characters no URL has.
    """
    if len(url) > MAX_URL_CHARS:
        raise _bad(f"the URL has {len(url)} characters, more than {MAX_URL_CHARS}")
    if _NEVER_IN_URLS.search(url):
        raise _bad("the URL has a control character or a backslash")
    request = requests.PreparedRequest()
    try:
        url.encode()  # half a character pair would be dropped in silence
        request.prepare_url(url.strip(), None)
        parts = urlsplit(request.url or "")
        port = parts.port
    except ValueError:  # covers what requests, idna and urllib raise
        raise _bad("it is not a URL") from None
    if parts.scheme not in _PORTS:
        raise _bad("the URL is neither http nor https")
    if "@" in parts.netloc:
        raise _bad("the URL carries a user name")
    if not parts.hostname:
        raise _bad("the URL names no host")
    host = plain_host(parts.hostname)
    return Target(request.url or "", parts.scheme, host, port or _PORTS[parts.scheme], request.path_url)


def _bad(message: str) -> AddressError:
    return AddressError(FetchStatus.BAD_URL, message)


def plain_host(host: str) -> str:
    """A host in lower case, without brackets and final dot."""
    return host.strip("[]").rstrip(".").lower()


def may_be_inside(host: str, port: int, allow_hosts: Collection[str]) -> bool:
    """Whether ``fetch.allow_hosts`` names this host, alone or with this port."""
    name = plain_host(host)
    known = {entry.strip().lower() for entry in allow_hosts}
    return not known.isdisjoint({name, f"[{name}]", f"{name}:{port}", f"[{name}]:{port}"})


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public internet.

    Refused are private, loopback, link-local, multicast, reserved, unspecified and documentation addresses,
    carrier-grade NAT, the metadata addresses of clouds, and IPv6 forms that carry an IPv4 address; of the latter, a
    mapped or NAT64 address is judged by what it carries. (IANA's registries of special-purpose addresses; RFC 6890,
    6052, 6598.)

    Args:
        text: an IPv4 or IPv6 address, with or without a zone; anything else is not public.
    """
    try:
        address: _Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address not in _UNICAST:
            return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in _NEVER_PUBLIC)
