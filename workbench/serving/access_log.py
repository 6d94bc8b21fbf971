"""The access log: one JSON line a request, written behind the answers, without personal data.

A line has the time, the method, what kind of address was asked, the model, the status, the time it took,
the request's id and the key's id. It has no address of a client, no header, no query and no value of a row.
Several processes may append to one file: each hands it whole lines at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from io import RawIOBase
from typing import IO

import msgspec

EVERY = 0.2  # seconds that a line waits, at most
MOST = 50_000  # lines that wait while the file cannot be written; more are dropped, and counted on /metrics


class Line(msgspec.Struct, omit_defaults=True):
    """One request."""

    at: datetime
    method: str
    route: str  # e.g. "predict"; never the address itself
    status: int
    ms: float
    model: str = ""
    request: str = ""
    client: str = ""
    rows: int = 0


class AccessLog:
    """Lines on their way to a file; belongs to one event loop."""

    def __init__(self, file: IO[bytes] | RawIOBase, *, now: Callable[[], datetime]) -> None:
        self._file = file
        self._now = now
        self._waiting: list[Line] = []
        self.dropped = 0

    def add(
        self, route: str, method: str, status: int, seconds: float,
        *, model: str = "", request: str = "", client: str = "", rows: int = 0,
    ) -> None:  # fmt: skip
        """Take a line; it is written soon."""
        if len(self._waiting) >= MOST:
            self.dropped += 1
            return
        ms = round(seconds * 1000, 3)
        self._waiting.append(Line(self._now(), method[:10], route, status, ms, model, request, client, rows))

    async def run(self) -> None:
        """Write what comes, again and again; ends when it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(OSError):  # lines go on waiting, past a bound they are counted
                await self.flush()

    async def flush(self) -> None:
        """Write all that waits.

        Raises:
            OSError: The file cannot be written.
        """
        lines = list(self._waiting)
        if lines:
            await asyncio.to_thread(self._write, lines)
            del self._waiting[: len(lines)]

    def _write(self, lines: list[Line]) -> None:
        left = memoryview(msgspec.json.Encoder().encode_lines(lines))
        while left:  # once, unless the disk is full
            left = left[self._file.write(left) :]
        self._file.flush()
