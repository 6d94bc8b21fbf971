"""Micro-batches without a timer: whatever arrived while the last batch ran is the next batch.

Nobody waits for a batch to fill. On an idle gateway a request is a batch of its own; under load the
batches grow by themselves, and a call on many rows costs little more than a call on one. Each caller
gets its own rows, in its order. A batch that fails is halved until the rows that fail stand alone, so
that nobody fails for a neighbour.

>>> import asyncio
>>> async def two_callers():
...     batches = Batches(lambda rows: [1 / value for (value,) in rows])
...     return await asyncio.gather(batches.scores([(2,), (0,)]), batches.scores([(4,)]))
>>> good, failed = asyncio.run(two_callers())[0]
>>> good, str(failed)
(0.5, 'ZeroDivisionError: division by zero')
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from workbench.errors import WorkbenchError

MOST = 1024  # rows of one batch; a request with more is a batch of its own
INLINE = 0.002  # seconds that a batch may keep the event loop; what takes longer goes to a thread
SMALL = 64  # rows of a batch that may run on the event loop
FAILURES = 256  # calls that may fail for one batch; then what has still failed is left
MEMORY = 0.2  # weight of the newest batch in what one is expected to take

Rows = Sequence[tuple[Any, ...]]
Score = Callable[[Rows], Sequence[float]]  # one score a row, in their order


class RowError(Exception):
    """Why one row has no score; `known` where the model says so itself."""

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class Batches:
    """The batches of one version; belongs to one event loop."""

    def __init__(self, score: Score, *, inline: float = INLINE, most: int = MOST) -> None:
        self._score = score
        self._inline = inline
        self._most = most
        self._waiting: deque[tuple[Rows, asyncio.Future[list[float | RowError]]]] = deque()
        self._busy = False
        self._expected = 0.0  # seconds of a small batch
        self._began: float | None = None  # when the batch that is in a thread went there, monotonic
        self._running: asyncio.Task[None] | None = None

    def quick(self, rows: int) -> bool:
        """Whether so many rows would be scored on the event loop, which no time-out interrupts."""
        return rows <= SMALL and self._expected <= self._inline

    @property
    def running(self) -> float:
        """Seconds for which the batch that is in a thread has been scored."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def scores(self, rows: Rows) -> list[float | RowError]:
        """A score, or why there is none, for each row in its order."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[list[float | RowError]] = loop.create_future()
        self._waiting.append((rows, waiting))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next)  # behind the requests that arrived with this one
        return await waiting

    def _next(self) -> None:
        """Score what waits: here where that is quick, else in a thread, after which comes the next."""
        while self._waiting:
            taken = self._take()
            rows = [row for given, _ in taken for row in given]
            if not self.quick(len(rows)):
                self._running = asyncio.get_running_loop().create_task(self._aside(taken, rows))
                return
            began = time.perf_counter()
            _give(taken, scored(self._score, rows))
            self._learn(time.perf_counter() - began)
        self._busy = False

    async def _aside(self, taken: Sequence[tuple[Rows, asyncio.Future[list[float | RowError]]]], rows: Rows) -> None:
        began = time.perf_counter()
        self._began = time.monotonic()
        try:
            _give(taken, await asyncio.to_thread(scored, self._score, rows))
        finally:
            self._began = None
            for _, waiting in taken:
                waiting.cancel()  # those that are done stay done
            if len(rows) <= SMALL:
                self._learn(time.perf_counter() - began)
            self._next()

    def _take(self) -> list[tuple[Rows, asyncio.Future[list[float | RowError]]]]:
        taken = [self._waiting.popleft()]
        size = len(taken[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= self._most:
            size += len(self._waiting[0][0])
            taken.append(self._waiting.popleft())
        return taken

    def _learn(self, seconds: float) -> None:
        self._expected += MEMORY * (seconds - self._expected)


def scored(score: Score, rows: Rows, *, failures: list[RowError] | None = None) -> list[float | RowError]:
    """One finite score a row, or why that row has none.

    Args:
        score: The model.
        rows: What it is shown.
        failures: Those of this batch so far; left out by callers.

    >>> [str(one) for one in scored(lambda rows: [3 / value for (value,) in rows], [(1,), (0,), (3,)])]
    ['3.0', 'ZeroDivisionError: division by zero', '1.0']
    """
    failure: RowError
    try:
        found = [float(one) for one in score(rows)]
        if len(found) == len(rows) and all(map(math.isfinite, found)):
            return list(found)
        failure = RowError("did not give one finite score a row")
    except WorkbenchError as error:
        failure = RowError(error.message, known=True)
    except Exception as error:  # noqa: BLE001 (whatever a model raises is told of its row)
        failure = RowError(f"{type(error).__name__}: {error}")
    failures = [] if failures is None else failures
    failures.append(failure)
    if len(rows) <= 1 or len(failures) > FAILURES:
        return [failure] * len(rows)
    half = len(rows) // 2
    return [*scored(score, rows[:half], failures=failures), *scored(score, rows[half:], failures=failures)]


def _give(
    taken: Sequence[tuple[Rows, asyncio.Future[list[float | RowError]]]], scores: Sequence[float | RowError]
) -> None:
    at = 0
    for rows, waiting in taken:
        if not waiting.done():  # its caller may have left
            waiting.set_result(list(scores[at : at + len(rows)]))
        at += len(rows)
