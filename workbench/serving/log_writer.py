"""Writes predictions behind the answers: many rows a commit, a tenth of a second after at the latest.

A log that cannot be written (full disk, a lock) does not stop the answers: rows wait, the oldest are
dropped past a bound, and both are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from workbench.errors import EngineError
from workbench.serving.prediction import Prediction

EVERY = 0.1  # seconds that a row waits, at most
MOST = 100_000  # rows that wait while the log cannot be written


class Log(Protocol):
    """Where rows go."""

    def write(self, predictions: Sequence[Prediction], /) -> None:
        """Add rows in one commit."""
        ...


class LogWriter:
    """The rows that are not written yet; belongs to one event loop."""

    def __init__(self, log: Log, *, every: float = EVERY, most: int = MOST) -> None:
        self._log = log
        self._every = every
        self._most = most
        self._waiting: list[Prediction] = []
        self._one = asyncio.Lock()
        self._some = asyncio.Event()
        self.dropped = 0
        self.problem = ""  # why the last attempt failed; empty: it did not

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._waiting)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Take rows; they are written soon."""
        self._waiting.extend(predictions)
        self._some.set()

    async def keep(self, predictions: Sequence[Prediction]) -> None:
        """Write rows now.

        Raises:
            EngineError: The log cannot be written; these rows are not kept.
        """
        self.add(predictions)
        try:
            await self.flush()
        except EngineError:
            withdrawn = {prediction.id for prediction in predictions}
            self._waiting = [row for row in self._waiting if row.id not in withdrawn]
            raise

    async def flush(self) -> None:
        """Write all that waits; callers at the same time share a commit.

        Raises:
            EngineError: The log cannot be written; the rows go on waiting.
        """
        async with self._one:
            rows, self._waiting = self._waiting, []
            self._some.clear()
            if not rows:
                return
            try:
                await asyncio.to_thread(self._log.write, rows)
                self.problem = ""
            except EngineError as error:
                self.problem = error.message
                kept = [*rows, *self._waiting]
                self._waiting = kept[-self._most :]
                self.dropped += len(kept) - len(self._waiting)
                self._some.set()
                raise

    async def run(self) -> None:
        """Write what comes, again and again; ends when it is cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(self._every)
            try:
                await asyncio.shield(self.flush())  # cancelled, a commit that was begun is still waited for
            except EngineError:
                await asyncio.sleep(10 * self._every)  # told by `problem`; tried again
