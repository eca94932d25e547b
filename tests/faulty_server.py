"""A local image server that misbehaves to order; it counts what it is asked for."""

import collections
import contextlib
import gzip
import hashlib
import http.server
import io
import threading
import time

from PIL import Image


def picture_bytes(name, side=24, kind="JPEG"):
    """An image whose pixels follow from a name."""
    seed = hashlib.sha256(name.encode()).digest()
    image = Image.frombytes("RGB", (4, 2), (seed + seed)[:24]).resize((side, side))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


class FaultyServer(http.server.ThreadingHTTPServer):
    """Answers every path with an image of its own, after ``latency`` seconds, unless ``routes`` says otherwise."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes = {}
        self.latency = 0.0
        self.requests = collections.Counter()
        self.times = collections.defaultdict(list)
        self.headers = {}
        self.connections = 0
        self.active = self.most_active = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def url(self, path):
        return f"{self.base}/{path.lstrip('/')}"

    def get_request(self):
        with self.lock:
            self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what some tests are about


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests[self.path] += 1
            server.times[self.path].append(time.monotonic())
            server.headers[self.path] = dict(self.headers)
            server.active += 1
            server.most_active = max(server.most_active, server.active)
        try:
            if server.latency:
                time.sleep(server.latency)
            route = server.routes.get(self.path)
            if route is None:
                self.answer(200, picture_bytes(self.path))
            else:
                route(self)
        finally:
            with server.lock:
                server.active -= 1

    def answer(self, code, body=b"", headers=(), *, kind="image/jpeg", length=None, reason=None):
        self.send_response(code, reason)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def pour(self, chunk, seconds):
        """Send the same bytes over and over until the client or the test has had enough."""
        with contextlib.suppress(OSError):
            while not self.server.stopping.wait(seconds):
                self.wfile.write(chunk)
                self.wfile.flush()
        self.close_connection = True

    def log_message(self, *args):
        pass


def status(code, body=b"no", headers=(), **more):
    return lambda handler: handler.answer(code, body, headers, **more)


def body(data, **more):
    return lambda handler: handler.answer(200, data, **more)


def redirect(location, code=302):
    return lambda handler: handler.answer(code, b"over there", {"Location": location}, kind="text/plain")


def flaky(times, route):
    """Misbehave the first times, then answer with the image."""
    left = [times]

    def serve(handler):
        with handler.server.lock:
            left[0] -= 1
            bad = left[0] >= 0
        if bad:
            route(handler)
        else:
            handler.answer(200, picture_bytes(handler.path))

    return serve


def hang_up(handler):
    """Close without a word."""
    handler.close_connection = True


def silence(handler):
    """Never answer."""
    handler.server.stopping.wait(20)
    handler.close_connection = True


def cut_off(handler):
    """Promise more than is sent."""
    data = picture_bytes(handler.path)
    handler.answer(200, data[: len(data) // 2], length=len(data))
    handler.close_connection = True


def drip_headers(handler):
    """A header that never ends, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    handler.pour(b"x", 0.05)


def drip_body(handler):
    """A body that comes a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.pour(b"x", 0.05)


def drip_chunk_header(handler):
    """A chunk whose length never ends."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.pour(b"0", 0.05)


def endless_body(handler):
    """Bytes without end, fast."""
    handler.send_response(200)
    handler.send_header("Content-Type", "image/jpeg")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.pour(b"10000\r\n" + b"\xff" * 65536 + b"\r\n", 0)


def endless_redirect(location):
    """A redirect with a body that never ends."""

    def serve(handler):
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.pour(b"10000\r\n" + b"x" * 65536 + b"\r\n", 0)

    return serve


def gzip_bomb(megabytes):
    packed = gzip.compress(b"\0" * (megabytes * 1_000_000))
    return lambda handler: handler.answer(200, packed, {"Content-Encoding": "gzip"})


def not_http(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")
    handler.close_connection = True


@contextlib.contextmanager
def running():
    """A faulty server while the block lasts."""
    server = FaultyServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
