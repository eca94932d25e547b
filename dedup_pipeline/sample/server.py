"""A loopback image server for a truth folder: what a marketplace's image host is to a real dump."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from dedup_pipeline.errors import InputError

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"<!DOCTYPE html", "text/html; charset=utf-8"),
)
_PLACE_OF_BASE = "{base}"


class ImageServer:
    """Serves `<folder>/images` on 127.0.0.1 while its `with` block lasts.

    HTTP/1.1 with keep-alive, GET and HEAD; the content type follows the file's first bytes, not its name.  What is not
    stored (the `800x800` files of a truth folder, say) is answered with 404, and so is everything outside the folder.

    Args:
        folder: a truth folder, with the files in its folder `images`.
        port: to listen on; 0 picks a free one.

    Raises:
        InputError: the folder has no folder `images`.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        root = (Path(folder) / "images").resolve()
        if not root.is_dir():
            raise InputError(f"no folder {root}: name a truth folder, for example one that the sample shop wrote")

        class Handler(_ImageHandler):
            images = root

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at the end: what `{base}` stands for in catalog.csv."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to serve and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Wait until the server is stopped, or the person interrupts."""
        self._thread.join()


class _ImageHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    images: Path

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the callers' logs are about their work, not about every picture."""

    def _answer(self, *, with_body: bool) -> None:
        file = self._file()
        if file is None:
            status, body, content_type = HTTPStatus.NOT_FOUND, b"not found\n", "text/plain; charset=utf-8"
        else:
            status, body = HTTPStatus.OK, file.read_bytes()
            content_type = _content_type(body)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _file(self) -> Path | None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if "\0" in path:
            return None
        try:
            file = (self.images / path).resolve()
            found = file.is_relative_to(self.images) and file.is_file()
        except OSError:  # a name that no file system takes
            return None
        return file if found else None


def write_catalog(folder: Path, base_url: str, target: Path) -> None:
    """Write the catalog.csv of a truth folder with the address of its image server in place of `{base}`.

    Args:
        folder: a truth folder.
        base_url: address of the image server, without a slash at the end.
        target: file to write; its folder exists.

    Raises:
        InputError: the folder has no catalog.csv.
    """
    source = Path(folder) / "catalog.csv"
    if not source.is_file():
        raise InputError(f"no file {source}: name a truth folder, for example one that the sample shop wrote")
    # Bytes, so that the line ends and any odd characters of the dump stay what they are.
    target.write_bytes(source.read_bytes().replace(_PLACE_OF_BASE.encode(), base_url.encode()))


def _content_type(body: bytes) -> str:
    for signature, content_type in _SIGNATURES:
        if body.startswith(signature):
            return content_type
    return "application/octet-stream"
