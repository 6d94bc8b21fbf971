"""Writes predictions behind the answers: many rows a commit, a tenth of a second after at the latest.

A log that cannot be written (full disk, a lock) does not stop the answers: rows wait, the oldest are
dropped past a bound, and both are counted. What was dropped is said once the log can be written again, or
when the gateway stops: how many, and from when to when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from workbench.errors import EngineError
from workbench.serving.prediction import Block

EVERY = 0.1  # seconds that a row waits, at most
MOST = 100_000  # rows that wait while the log cannot be written, beside as many of the commit that is going on

TOLD = logging.getLogger(__name__)


class Log(Protocol):
    """Where rows go."""

    def append(self, blocks: Sequence[Block], /) -> None:
        """Add the rows of requests in one commit."""
        ...


class LogWriter:
    """The rows that are not written yet; belongs to one event loop."""

    def __init__(self, log: Log, *, every: float = EVERY, most: int = MOST) -> None:
        self._log = log
        self._every = every
        self._most = most
        self._waiting: list[Block] = []
        self._rows = 0  # of the blocks that wait
        self._leaving = 0  # rows of the commit that is going on
        self._one = asyncio.Lock()
        self._some = asyncio.Event()
        self.dropped = 0
        self._untold: list[Block] = []  # the first and the last that were dropped since it was said
        self._untold_rows = 0
        self.problem = ""  # why the last attempt failed; empty: it did not

    @property
    def waiting(self) -> int:
        """Rows that are not written yet, those that are being written too."""
        return self._rows + self._leaving

    def add(self, blocks: Sequence[Block]) -> None:
        """Take rows; they are written soon."""
        for block in blocks:
            self._waiting.append(block)
            self._rows += block.size
        if self._rows > self._most:
            self._drop()
        self._some.set()

    async def keep(self, blocks: Sequence[Block]) -> None:
        """Write rows now.

        Raises:
            EngineError: The log cannot be written; these rows are not kept.
        """
        self.add(blocks)
        try:
            await self.flush()
        except EngineError:
            withdrawn = set(map(id, blocks))
            self._wait([block for block in self._waiting if id(block) not in withdrawn])
            raise

    async def flush(self) -> None:
        """Write all that waits; callers at the same time share a commit.

        Raises:
            EngineError: The log cannot be written; the rows go on waiting.
        """
        async with self._one:
            blocks, self._leaving = self._waiting, self._rows
            self._wait([])
            self._some.clear()
            if not blocks:
                return
            try:
                await asyncio.to_thread(self._log.append, blocks)
                self._tell(self.problem or "it is written more slowly than rows come")
                self.problem = ""
            except EngineError as error:
                self.problem = error.message
                self._wait([*blocks, *self._waiting])
                self._drop()
                self._some.set()
                raise
            except Exception as error:  # what cannot be written at all is not tried for ever
                self.problem = f"{type(error).__name__}: {error}"
                self._lose(blocks)
                self._tell(self.problem)
                raise EngineError(f"rows cannot be logged: {self.problem}") from error
            finally:
                self._leaving = 0

    def _drop(self) -> None:
        """Let the oldest go, past the bound."""
        at = 0
        while self._rows > self._most:
            self._rows -= self._waiting[at].size
            at += 1
        self._lose(self._waiting[:at])
        del self._waiting[:at]

    def _lose(self, blocks: Sequence[Block]) -> None:
        if not blocks:
            return
        rows = sum(block.size for block in blocks)
        self.dropped += rows
        self._untold_rows += rows
        self._untold = [(self._untold or blocks)[0], blocks[-1]]

    def _tell(self, why: str) -> None:
        """Say what was dropped since it was said last."""
        if self._untold_rows:
            first, last = (_minute(block.at) for block in self._untold)
            TOLD.warning("%s predictions from %s to %s are not in the log: %s", self._untold_rows, first, last, why)
        self._untold, self._untold_rows = [], 0

    async def close(self) -> None:
        """Write what waits, once more; what cannot be written is lost, and said to be."""
        try:
            await self.flush()
        except EngineError:
            self._lose(self._waiting)
            self._wait([])
            self._tell(self.problem)

    def _wait(self, blocks: list[Block]) -> None:
        self._waiting, self._rows = blocks, sum(block.size for block in blocks)

    async def run(self) -> None:
        """Write what comes, again and again; ends when it is cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(self._every)
            try:
                await asyncio.shield(self.flush())  # cancelled, a commit that was begun is still waited for
            except EngineError:
                await asyncio.sleep(10 * self._every)  # told by `problem`; tried again


def _minute(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
