"""Pictures behind a server of this machine: their addresses, and listings that show them."""

from __future__ import annotations

import csv
import socket
from collections.abc import Sequence
from pathlib import Path

from claims.materials import Materials
from claims.stores import settings_of
from dedup_pipeline.config import Settings

SERVER = "image_server.py"
LATENCY = 0.02  # seconds; the server knows it too


def serve_pictures(folder: Path, items: int, materials: Materials) -> list[str]:
    """Put pictures and a free port where the server looks for them; return the pictures' URLs."""
    pictures = materials.pictures(items)
    (folder / "pictures").symlink_to(pictures)
    port = choose_port(folder)
    return [f"http://127.0.0.1:{port}/{file.name}" for file in sorted(pictures.iterdir())]


def choose_port(folder: Path) -> int:
    """A free port of this machine, noted where the server looks for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (folder / "port.txt").write_text(str(port))
    return port


def reaching_settings(folder: Path) -> Settings:
    """The settings of a store in the folder that may reach the server."""
    settings = settings_of(folder)
    host = f"127.0.0.1:{(folder / 'port.txt').read_text()}"
    return settings.model_copy(update={"fetch": settings.fetch.model_copy(update={"allow_hosts": (host,)})})


def write_catalog(file: Path, urls: Sequence[str]) -> None:
    """A dump in the layout of the 2018 one, as far as it is needed: a listing for each picture, each its own family."""
    with file.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(["productId", "title", "imageUrlStr", "productFamily"])
        rows.writerows([f"ID{number:07}", f"Product {number}", url, ""] for number, url in enumerate(urls))
