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
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from requests.adapters import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http.addresses import AddressError, Target, is_public, may_be_inside

_POOLS = 64  # hosts whose connections are kept


def _until(sock: socket.socket, deadline: float, read: Callable[[], int]) -> int:
    """Read, waiting no longer than the socket's timeout and the deadline.

    A server that sends a byte now and then never runs into the timeout of a single read.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer took longer than fetch.total_timeout")
    usual = sock.gettimeout()
    if usual is not None and usual <= left:
        return read()
    sock.settimeout(left)
    try:
        return read()
    finally:
        sock.settimeout(usual)


class DeadlineSocket(socket.socket):
    """A socket with a moment after which nothing is read any more (``time.monotonic`` seconds)."""

    deadline = math.inf

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read as usual, but not past the deadline."""
        return _until(self, self.deadline, partial(super().recv_into, buffer, nbytes, flags))


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same under TLS."""

    deadline = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read as usual, but not past the deadline."""
        return _until(self, self.deadline, partial(super().recv_into, buffer, nbytes, flags))


def resolve_host(host: str, port: int, settings: FetchSettings) -> list[tuple[socket.AddressFamily, Any]]:
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
    for family, address in resolve_host(host, port, settings):
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


class Connections:
    """Checked connections, which are kept alive and shared by all threads.

    There are no cookies, proxies or passwords from the environment, and no redirect is followed.

    Args:
        settings: timeouts, limits and the hosts that may lie inside the network.
    """

    def __init__(self, settings: FetchSettings) -> None:
        context = ssl.create_default_context()  # one for all: the certificates are read once
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        context.sslsocket_class = DeadlineTLSSocket
        plain = type("_Plain", (_Connection,), {"settings": settings})
        secure = type("_Secure", (_TLSConnection,), {"settings": settings})
        self._pools = PoolManager(_POOLS, maxsize=settings.connections_per_host)
        self._pools.pool_classes_by_scheme = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        self._secure = {"ssl_context": context}
        self._timeout = Timeout(settings.connect_timeout, settings.read_timeout)

    @contextlib.contextmanager
    def get(self, target: Target, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        """Ask for a target; the body is still to be read, in the block.

        Raises:
            AddressError: the host may not be reached, or cannot.
            HTTPError, HTTPException, OSError: no answer came.
        """
        options = self._secure if target.scheme == "https" else None
        pool = self._pools.connection_from_host(target.host, target.port, target.scheme, options)
        response = pool.urlopen(
            "GET",
            target.path,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )
        try:
            yield response
        finally:
            response.close()  # of a body that was read to its end the connection is kept
            response.release_conn()

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._pools.clear()
