"""The access log: one JSON line a request, written behind the answers, without personal data.

A line has the time, the method, what kind of address was asked, the model, the status, the time it took,
the request's id and the key's id. It has no address of a client, no header, no query and no value of a row.
Several processes may append to one file: each hands it whole lines at once. A file that was moved away or deleted is
begun anew, as whoever rotates logs expects.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

import msgspec

from workbench.ledger.sharing import in_place

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


class Appended(Protocol):
    """Where bytes are added at the end."""

    def write(self, data: memoryview, /) -> int | None:
        """Add some; how many were taken."""
        ...


class LogFile:
    """A file that is appended to, wherever the one that was there before has gone."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: memoryview, /) -> int | None:
        """Add some at the end; how many bytes were taken.

        Raises:
            OSError: It cannot be written.
        """
        if not in_place(self._path, self._file.fileno()):
            moved, self._file = self._file, self._path.open("ab", buffering=0)
            moved.close()
        return self._file.write(data)


class AccessLog:
    """Lines on their way to a file; belongs to one event loop."""

    def __init__(self, file: Appended, *, now: Callable[[], datetime]) -> None:
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
