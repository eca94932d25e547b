"""Connections that only ever go to a checked address, and that end in time.

The check and the use are one step: a connection resolves its host, drops every address that may not be reached and
connects to one of the rest by number, so no second look-up can answer otherwise. Name indication, certificate check
and the Host header keep the name. A connection that is kept alive keeps its address.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.fetch.address import AddressError, is_public, may_be_inside
from dedup_pipeline.schemas import FetchStatus

_POOLS = 64  # hosts whose connections are kept


@contextlib.contextmanager
def _until(sock: socket.socket, deadline: float) -> Iterator[None]:
    """Let a read wait no longer than its socket's timeout and the deadline.

    A server that sends a byte now and then never runs into the timeout of a single read.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer took longer than fetch.total_timeout")
    usual = sock.gettimeout()
    if usual is not None and usual <= left:
        yield
        return
    sock.settimeout(left)
    try:
        yield
    finally:
        sock.settimeout(usual)


class DeadlineSocket(socket.socket):
    """A socket with a moment after which nothing is read any more (``time.monotonic`` seconds)."""

    deadline = math.inf

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read as usual, but not past the deadline."""
        with _until(self, self.deadline):
            return super().recv_into(buffer, nbytes, flags)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same under TLS."""

    deadline = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read as usual, but not past the deadline."""
        with _until(self, self.deadline):
            return super().recv_into(buffer, nbytes, flags)


def resolve(host: str, port: int, settings: FetchSettings) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a host that may be reached, as (family, socket address), in the resolver's order.

    Raises:
        AddressError: BLOCKED when there are only others, UNREACHABLE when there are none.
    """
    name = host.strip("[]")
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        again = error.errno == socket.EAI_AGAIN
        raise AddressError(FetchStatus.UNREACHABLE, f"the name {name} does not resolve", again=again) from error
    except UnicodeError as error:  # a label of over 63 characters
        raise AddressError(FetchStatus.BAD_URL, "the URL's host is not a name") from error
    known: list[tuple[socket.AddressFamily, Any]] = [(family, address) for family, _, _, _, address in found]
    if may_be_inside(host, port, settings.allow_hosts):
        return known
    public = [(family, address) for family, address in known if is_public(str(address[0]))]
    if not public:
        inside = min(str(address[0]) for _, address in known)
        raise AddressError(
            FetchStatus.BLOCKED, f"{name} is {inside}, which is not public; fetch.allow_hosts can name it"
        )
    return public


def _connect(host: str, port: int, settings: FetchSettings, options: Any) -> DeadlineSocket:
    """A socket connected to a checked address of the host."""
    failure = AddressError(FetchStatus.UNREACHABLE, "there is no address", again=True)
    for family, address in resolve(host, port, settings):
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.settimeout(settings.connect_timeout)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = _failure(host, settings, error)
            continue
        return sock
    raise failure


def _failure(host: str, settings: FetchSettings, error: OSError) -> AddressError:
    if isinstance(error, TimeoutError):
        message = f"{host} took no connection within {settings.connect_timeout:g} s"
        return AddressError(FetchStatus.TIMEOUT, message, again=True)
    return AddressError(FetchStatus.UNREACHABLE, f"{host}: {(error.strerror or 'no connection').lower()}", again=True)


class _Connection(HTTPConnection):
    """A plain connection to a checked address."""

    settings: FetchSettings

    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port, self.settings, self.socket_options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as in urllib3
        _set_deadline(self.sock, self.settings)
        return super().getresponse()


class _TLSConnection(_Connection, HTTPSConnection):
    """The same under TLS; the certificate is checked against the name."""


def _set_deadline(sock: object, settings: FetchSettings) -> None:
    if isinstance(sock, DeadlineSocket | DeadlineTLSSocket):
        sock.deadline = time.monotonic() + settings.total_timeout


class CheckedAdapter(HTTPAdapter):
    """Sends requests over checked connections, which are kept alive and shared by all threads.

    It is used without a ``requests.Session``: a session reads a redirect's body without a limit even where redirects
    are not followed, and adds cookies, proxies and passwords from the environment. The adapter alone has none of these.

    Args:
        settings: timeouts, limits and the hosts that may lie inside the network.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        super().__init__(pool_connections=_POOLS, pool_maxsize=settings.connections_per_host)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Make the pools of checked connections."""
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        context.sslsocket_class = DeadlineTLSSocket
        super().init_poolmanager(connections, maxsize, block, ssl_context=context, **pool_kwargs)
        plain = type("_Plain", (_Connection,), {"settings": self._settings})
        secure = type("_Secure", (_TLSConnection,), {"settings": self._settings})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave verification, which is always on, to the context: it holds the certificates and is read once."""
