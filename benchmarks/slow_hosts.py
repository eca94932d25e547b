"""What hosts that hang cost a pack: its seconds without them, and where some of its hosts or URLs drip.

    python benchmarks/slow_hosts.py [--hosts 20] [--urls 1000] [--share 0.1] [--latency 0.05] [--scale 0.1]

Serves the photos of one pack from so many ports of this machine, each photo after ``latency`` seconds, and fetches the
pack three times: as it is, with a share of the hosts that send headers and then a byte now and then, and with the same
share of URLs at every host that do. ``--scale`` shortens the defaults of every time limit of `fetch`, so that the
seconds that dripping costs shorten alike; 1 takes the defaults. The servers are a process of their own.
"""

from __future__ import annotations

import argparse
import http.server
import io
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import pyarrow as pa
from PIL import Image

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.stages.fetch import fetch_pack
from dedup_pipeline.stages.fetch.plan import PLAN, PLAN_FILE
from dedup_pipeline.store import Store

_TIMES = ("connect_timeout", "read_timeout", "total_timeout", "host_seconds", "backoff", "max_backoff")
_DRIP_SECONDS = 0.05


def _photo(name: str) -> bytes:
    out = io.BytesIO()
    number = int(name)
    Image.new("RGB", (60, 60), (number % 251, number // 251 % 251, 90)).save(out, "JPEG")
    return out.getvalue()


class _Handler(http.server.BaseHTTPRequestHandler):
    """`/NUMBER` is a photo; `/drip/NUMBER` is its headers, then a byte now and then."""

    protocol_version = "HTTP/1.1"
    latency = 0.0

    def do_GET(self) -> None:
        data = _photo(self.path.rsplit("/", 1)[1])
        time.sleep(self.latency)
        drips = self.path.startswith("/drip/")
        self.send_response(200)
        self.send_header("Content-Length", str(10**6 if drips else len(data)))
        self.end_headers()
        try:
            while drips:
                self.wfile.write(b"x")
                time.sleep(_DRIP_SECONDS)
            self.wfile.write(data)
        except OSError:  # the client has had enough
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(hosts: int, latency: float, ports: Connection) -> None:
    _Handler.latency = latency
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(hosts)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports.send([server.server_address[1] for server in servers])
    ports.recv()


def _fetched(settings: Settings, urls: list[str]) -> str:
    """Fetch a pack with these URLs; a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings.model_copy(update={"store": folder})
        store = Store(folder)
        table = pa.table({"photo_url": urls, "urls": [[url] for url in urls]}, schema=PLAN)
        store.write_table(store.pack("pack", PLAN_FILE), table)
        start = time.monotonic()
        result = fetch_pack(settings, "dump", "pack")
        return f"{time.monotonic() - start:9.1f} {result.counts['ok']!s:>6}   {result.counts['failed_by_reason']}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--urls", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--scale", type=float, default=0.1)
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(given.hosts, given.latency, theirs))
    process.start()
    ports = ours.recv()
    known = load_settings().fetch
    times = {name: getattr(known, name) * given.scale for name in _TIMES if hasattr(known, name)}
    fetch = known.model_copy(update=times | {"allow_hosts": ("127.0.0.1",)})
    settings = load_settings().model_copy(update={"fetch": fetch})
    every = max(1, round(1 / given.share))

    def urls(drips: Callable[[int], bool]) -> list[str]:
        prefix = ("", "drip/")
        return [
            f"http://127.0.0.1:{ports[number % given.hosts]}/{prefix[drips(number)]}{number}"
            for number in range(given.urls)
        ]

    print(f"{given.urls} URLs at {given.hosts} hosts, {settings.fetch.threads} threads; time limits x {given.scale:g}")
    print(f"{'':20} {'seconds':>9} {'ok':>6}   failed")
    print(f"{'nothing drips':20} {_fetched(settings, urls(lambda _: False))}", flush=True)
    hosts = urls(lambda number: number % given.hosts % every == 0)
    print(f"{f'{given.share:.0%} of hosts drip':20} {_fetched(settings, hosts)}", flush=True)
    some = urls(lambda number: number // given.hosts % every == 0)
    print(f"{f'{given.share:.0%} of URLs drip':20} {_fetched(settings, some)}", flush=True)
    ours.send(None)
    process.join()


if __name__ == "__main__":
    main()
