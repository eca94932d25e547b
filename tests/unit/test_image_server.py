import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dedup_pipeline.errors import InputError
from dedup_pipeline.sample import ImageServer, write_catalog

FILES = {
    "a.jpeg": (b"\xff\xd8\xff\xe0 jpeg", "image/jpeg"),
    "b.jpeg": (b"\x89PNG\r\n\x1a\n png", "image/png"),
    "c.jpeg": (b"GIF89a gif", "image/gif"),
    "d.jpeg": (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
    "e.jpeg": (b"<!DOCTYPE html><p>no", "text/html; charset=utf-8"),
    "f.jpeg": (b"", "application/octet-stream"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "images" / "image").mkdir(parents=True)
    for name, (content, _) in FILES.items():
        (root / "images" / "image" / name).write_bytes(content)
    (root / "secret.txt").write_text("not for you")
    (root / "catalog.csv").write_bytes(b"productId,imageUrlStr\r\nA,{base}/image/a.jpeg;{base}/image/b.jpeg\r\n")
    return root


@pytest.fixture
def connection(folder: Path) -> Iterator[http.client.HTTPConnection]:
    with ImageServer(folder) as server:
        client = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
        yield client
        client.close()


def _get(client: http.client.HTTPConnection, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    client.request(method, path)
    response = client.getresponse()
    return response.status, response.headers["Content-Type"], response.read()


def test_content_type_follows_the_bytes_on_one_connection(connection: http.client.HTTPConnection) -> None:
    _get(connection, "/image/a.jpeg")
    socket = connection.sock
    for name, (content, content_type) in FILES.items():
        assert _get(connection, f"/image/{name}") == (200, content_type, content)
    assert connection.sock is socket  # kept alive


def test_head_sends_no_body(connection: http.client.HTTPConnection) -> None:
    assert _get(connection, "/image/a.jpeg", "HEAD") == (200, "image/jpeg", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/image/a-800x800.jpeg",
        "/image",
        "/",
        "/../secret.txt",
        "/image/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/image/a.jpeg%00",
        "/" + 300 * "x",
    ],
)
def test_everything_else_is_not_found(connection: http.client.HTTPConnection, path: str) -> None:
    status, _, body = _get(connection, path)
    assert (status, body) == (404, b"not found\n")
    assert _get(connection, "/image/a.jpeg")[0] == 200


def test_the_port_is_free_again_and_on_loopback(folder: Path) -> None:
    with ImageServer(folder) as server:
        address = urlsplit(server.base_url)
        assert address.hostname == "127.0.0.1"
        assert address.port is not None
    with ImageServer(folder, port=address.port) as again:
        assert again.base_url == address.geturl()


def test_write_catalog_replaces_the_base_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "dump.csv"
    write_catalog(folder, "http://127.0.0.1:9", target)
    expected = b"productId,imageUrlStr\r\nA,http://127.0.0.1:9/image/a.jpeg;http://127.0.0.1:9/image/b.jpeg\r\n"
    assert target.read_bytes() == expected


def test_a_folder_without_images_or_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a truth folder"):
        ImageServer(tmp_path)
    with pytest.raises(InputError, match="name a truth folder"):
        write_catalog(tmp_path, "http://x", tmp_path / "dump.csv")
