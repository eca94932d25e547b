"""One request, one answer: nothing is followed or tried again here, and nothing unlimited is read."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from dataclasses import dataclass, replace

from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as urllib3_errors
from urllib3.util import Retry

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http.addresses import AddressError, Target
from dedup_pipeline.stages.fetch.http.connections import Connections
from dedup_pipeline.stages.fetch.http.content import check_content
from dedup_pipeline.wording import tidy

_CHUNK = 65_536
_DRAIN = 65_536  # bytes of an unwanted body read to keep its connection; a longer one costs the connection
_GONE = (404, 410)
_MOVED = (301, 302, 303, 307, 308)
_AGAIN = (408, 425)  # client errors that a later try can cure
_READ_WAIT = 100  # characters of a Retry-After: more than a date has, and digits enough for any wait


@dataclass(frozen=True)
class Answer:
    """What one request brought.

    Attributes:
        status: OK, or what went wrong.
        detail: a sentence on it; null for OK.
        http_status: of the answer; null without one.
        data: the image; null unless OK.
        width: pixels, as stored; null unless OK.
        height: pixels, as stored; null unless OK.
        format: the image's format; null unless OK.
        location: where a redirect leads; null otherwise.
        again: whether another try can help.
        wait: seconds that the server asks to wait.
    """

    status: FetchStatus
    detail: str | None = None
    http_status: int | None = None
    data: bytes | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    location: str | None = None
    again: bool = False
    wait: float = 0.0


class _BodyError(Exception):
    """The body is not to be had whole."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class Client:
    """Requests images; safe to share between threads.

    Args:
        settings: timeouts, limits, and how to introduce oneself.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._connections = Connections(settings)
        self._headers = {
            "User-Agent": settings.user_agent,
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        }

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._connections.close()

    def request(self, target: Target) -> Answer:
        """Ask for one URL and judge what comes; every failure is an answer."""
        started = time.monotonic()
        try:
            with self._connections.get(target, self._headers) as response:
                return self._read(response, started + self._settings.total_timeout)
        except AddressError as error:
            return Answer(error.status, tidy(str(error)), again=error.again)
        except _BodyError as error:
            return error.answer
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            return _failure(error, self._settings)

    def _read(self, response: BaseHTTPResponse, deadline: float) -> Answer:
        code = response.status
        if 200 <= code < 300:
            data = self._body(response, deadline)
            found = check_content(data, self._settings.limits)
            ok = found.status is FetchStatus.OK
            return Answer(
                found.status, found.detail, code, data if ok else None, found.width, found.height, found.format
            )
        answer = _refusal(response, self._settings)
        self._drain(response, deadline)
        return answer

    def _body(self, response: BaseHTTPResponse, deadline: float) -> bytes:
        """The decoded body, up to the byte cap."""
        cap = self._settings.max_bytes
        code = response.status
        too_large = Answer(FetchStatus.TOO_LARGE, f"the body is longer than fetch.max_bytes = {cap}", code)
        declared = response.headers.get("Content-Length", "")
        if declared.isascii() and declared.isdecimal() and (len(declared) > 18 or int(declared) > cap):
            raise _BodyError(too_large)
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.read(_CHUNK, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > cap:
                    raise _BodyError(too_large)
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer took longer than fetch.total_timeout")
        except urllib3_errors.DecodeError:
            damaged = Answer(FetchStatus.TRUNCATED, "the content encoding of the body is damaged", code)
            raise _BodyError(damaged) from None
        except urllib3_errors.ProtocolError as error:
            short = Answer(FetchStatus.TRUNCATED, "the connection closed before the body's end", code, again=True)
            raise _BodyError(short) from error
        except (urllib3_errors.HTTPError, OSError) as error:
            raise _BodyError(replace(_failure(error, self._settings), http_status=code)) from error
        return b"".join(parts)

    def _drain(self, response: BaseHTTPResponse, deadline: float) -> None:
        """Read the rest of a short body, so that its connection can be kept."""
        left = _DRAIN
        with contextlib.suppress(urllib3_errors.HTTPError, OSError):  # the answer is known; only the connection is lost
            while left > 0 and time.monotonic() < deadline:
                part = response.read1(_CHUNK, decode_content=False)
                if not part:
                    return
                left -= len(part)


def _refusal(response: BaseHTTPResponse, settings: FetchSettings) -> Answer:
    """The answer that a status other than success is."""
    code = response.status
    detail = tidy(f"the server answered {code} {response.reason or ''}")
    if code in _MOVED:
        location = response.headers.get("Location", "").encode("latin-1", "replace").decode("utf-8", "replace")
        if location:
            return Answer(FetchStatus.REDIRECTS, detail, code, location=location)
    wait = retry_after(response.headers.get("Retry-After", ""), most=settings.max_backoff)
    if code == 429:
        return Answer(FetchStatus.THROTTLED, detail, code, again=True, wait=wait)
    if code >= 500:
        return Answer(FetchStatus.SERVER_ERROR, detail, code, again=True, wait=wait)
    if code in _GONE:
        return Answer(FetchStatus.NOT_FOUND, detail, code)
    if 300 <= code < 400:
        return Answer(FetchStatus.REDIRECTS, f"{detail} and leads nowhere", code)
    return Answer(FetchStatus.REFUSED, detail, code, again=code in _AGAIN, wait=wait)


def retry_after(text: str, *, most: float) -> float:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3).

    Args:
        text: seconds or a date; anything else asks for nothing.
        most: the longest wait in seconds.
    """
    try:
        return min(most, float(Retry().parse_retry_after(text.strip()[:_READ_WAIT])))
    except (urllib3_errors.InvalidHeader, ValueError, OverflowError):
        return 0.0


def _failure(error: Exception, settings: FetchSettings) -> Answer:
    """The answer that the lack of one is."""
    chain = list(_causes(error))
    if any(isinstance(cause, TimeoutError | urllib3_errors.TimeoutError) for cause in chain):
        detail = (
            f"no whole answer within fetch.read_timeout = {settings.read_timeout:g} s between bytes "
            f"and fetch.total_timeout = {settings.total_timeout:g} s in all"
        )
        return Answer(FetchStatus.TIMEOUT, detail, again=True)
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Answer(FetchStatus.UNREACHABLE, tidy(f"the certificate is not valid: {cause.verify_message}"))
    if any(isinstance(cause, ssl.SSLError) for cause in chain):
        return Answer(FetchStatus.UNREACHABLE, "the TLS connection failed", again=True)
    if any(isinstance(cause, ConnectionError) for cause in chain):
        return Answer(FetchStatus.UNREACHABLE, "the connection closed before an answer", again=True)
    return Answer(FetchStatus.UNREACHABLE, "the answer is not HTTP", again=True)


def _causes(error: BaseException) -> list[BaseException]:
    """An error and all that it was made from, outermost first."""
    found: list[BaseException] = []
    ahead = [error]
    while ahead:
        cause = ahead.pop(0)
        if cause in found:
            continue
        found.append(cause)
        inner = [*cause.args, cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
        ahead.extend(item for item in inner if isinstance(item, BaseException))
    return found
