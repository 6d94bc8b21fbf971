"""One HTTP exchange with a gateway behind a Unix socket, over connections that are kept.

A kept connection may have been closed by the other side meanwhile; what fails on it before a byte of an
answer came is sent once more on a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from workbench.serving.http import Headers, Reply

MOST = 64  # connections kept
PASSED = (b"content-type", b"retry-after", b"x-request-id", b"x-workbench-rows", b"x-workbench-version", b"allow")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnreachedError(OSError):
    """Nobody listens: nothing of the request was seen by anybody."""


class Relay:
    """The connections to one socket; belongs to one event loop."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._kept: list[Connection] = []

    async def ask(self, method: str, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> Reply:
        """The answer of whoever listens there.

        Args:
            method: Of HTTP.
            path: As it was asked, in ASCII without spaces.
            headers: Sent on; their values are a client's and hold no line break, as the server saw to.
            body: The whole body.

        Raises:
            UnreachedError: Nobody listens.
            OSError: The connection broke.
        """
        lines = [f"{method} {path} HTTP/1.1".encode("ascii"), b"host: gateway"]
        lines += [name + b": " + value for name, value in headers]
        lines.append(b"content-length: " + str(len(body)).encode())
        whole = b"\r\n".join(lines) + b"\r\n\r\n" + body
        broken: OSError | None = None
        while self._kept:
            kept = self._kept.pop()
            if kept[0].at_eof():  # the other side closed it while it was kept
                kept[1].close()
                continue
            try:
                return await self._exchange(kept, whole)
            except OSError as error:
                broken = error
        try:
            fresh = await asyncio.open_unix_connection(self._socket)
        except OSError as error:
            raise broken or UnreachedError(f"nobody listens at {self._socket.name}: {error}") from error
        return await self._exchange(fresh, whole)

    def close(self) -> None:
        """Let the connections go."""
        for _, writer in self._kept:
            writer.close()
        self._kept.clear()

    async def _exchange(self, connection: Connection, whole: bytes) -> Reply:
        reader, writer = connection
        good = False
        try:
            writer.write(whole)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            status, headers, length, keep = _read(head)
            body = await reader.readexactly(length)
            good = keep and len(self._kept) < MOST
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection ended before the answer did") from error
        finally:
            if good:
                self._kept.append(connection)
            else:
                writer.close()
        kind = next((value for name, value in headers if name == b"content-type"), b"application/json")
        return Reply(status, body, kind, tuple(pair for pair in headers if pair[0] != b"content-type"))


def _read(head: bytes) -> tuple[int, Headers, int, bool]:
    r"""Status, headers that are passed on, length of the body, and whether the connection may be kept.

    >>> _read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    (200, (), 2, True)
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    found = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
    length = next((int(value) for name, value in found if name == "content-length"), 0)
    keep = ("connection", "close") not in found
    passed = tuple((n.encode(), v.encode("latin-1")) for n, v in found if n.encode() in PASSED)
    return int(first.split(" ")[1]), passed, length, keep
