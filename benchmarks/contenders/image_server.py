"""Serves the pictures of a claim's data, each after 20 ms, over connections that stay open, until it is ended.

    image_server.py DATA

DATA holds pictures/ and port.txt; it gets a file ``ready`` once the port listens.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

LATENCY = 0.02  # seconds
BACKLOG = 512


def answers(folder: Path) -> dict[bytes, bytes]:
    """What to send for each path, read beforehand."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
    contents = ((file.name, file.read_bytes()) for file in folder.iterdir())
    return {f"/{name}".encode(): head.format(len(data)).encode() + data for name, data in contents}


async def serve(data: Path) -> None:
    """Answer for ever."""
    known = answers(data / "pictures")
    unknown = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY)
                writer.write(known.get(request.split(b" ", 2)[1].partition(b"?")[0], unknown))
                await writer.drain()
                if b"connection: close" in request.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", int((data / "port.txt").read_text()), backlog=BACKLOG)
    (data / "ready").touch()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
