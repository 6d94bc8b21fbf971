"""Runs the runs of a sweep, several at a time, and tries again what failed for something transient.

Each of `jobs` threads takes the next run until none is left. What they have to tell is called in the
thread that waits for them, one thing after the other, so that whoever listens needs no lock. When that
thread is interrupted, or what it is told raises, nothing more begins and what runs is told to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import Protocol

from workbench.batch.lanes import OnCell, Stopped
from workbench.batch.sweeps.folder import Options
from workbench.batch.sweeps.results import Child, writable
from workbench.errors import EngineError, WorkbenchError

FIRST_PAUSE = 1.0  # seconds before the second attempt, about; doubled before each further one
LONGEST_PAUSE = 60.0  # seconds
OUTSIDE = EngineError.__name__  # a run that failed for the world outside, not for its notebook

Start = Callable[[Child, OnCell, Event], Child]  # runs one; what it came to


class Onlooker(Protocol):
    """Looks on while a sweep runs; never called by two threads at once."""

    def began(self, number: int) -> None:
        """A run began."""
        ...

    def cells(self, number: int, done: int, total: int) -> None:
        """A run has done so many of its cells."""
        ...

    def again(self, child: Child, seconds: float) -> None:
        """A run failed for something transient and is tried again after so long."""
        ...

    def ended(self, child: Child) -> None:
        """A run finished, or failed for good."""
        ...


class Quiet:
    """Looks on and says nothing."""

    def began(self, number: int) -> None:
        """Nothing."""

    def cells(self, number: int, done: int, total: int) -> None:
        """Nothing."""

    def again(self, child: Child, seconds: float) -> None:
        """Nothing."""

    def ended(self, child: Child) -> None:
        """Nothing."""


class Crew:
    """Threads that run the runs of one sweep."""

    def __init__(self, start: Start, options: Options, onlooker: Onlooker, *, rng: random.Random) -> None:
        self._start = start
        self._options = options
        self._onlooker = onlooker
        self._rng = rng
        self._waiting: deque[Child] = deque()
        self._stop = Event()
        self._told: SimpleQueue[Callable[[], None] | Child | None] = SimpleQueue()  # None: a thread is done

    def run(self, children: Sequence[Child], ended: Callable[[Child], None]) -> None:
        """Run all; back when the last has ended, or when all were stopped.

        Args:
            children: What is to run, in this order.
            ended: Called with each as it ended, before the onlooker hears of it.

        Raises:
            KeyboardInterrupt: It was interrupted; nothing runs any more.
        """
        self._waiting.extend(children)
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(self._options.jobs, len(children)))]
        for thread in threads:
            thread.start()
        left = len(threads)
        try:
            while left:
                left -= self._heard(ended)
        finally:
            self._stop.set()
            while left:  # a second interruption ends the waiting
                with contextlib.suppress(Exception):
                    left -= self._heard(ended)
        for thread in threads:
            thread.join()

    def _heard(self, ended: Callable[[Child], None]) -> bool:
        """Take the next thing that is told; True when a thread is done."""
        told = self._told.get()
        if isinstance(told, Child):
            ended(told)
            self._onlooker.ended(told)
        elif told is not None:
            told()
        return told is None

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    child = self._waiting.popleft()
                except IndexError:
                    return
                self._told.put(partial(self._onlooker.began, child.number))
                done = self._tried(child)
                if done.status == "failed" and self._options.fail_fast:
                    self._waiting.clear()
                self._told.put(done)
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 (raised where it is heard)
            self._told.put(partial(_raise, error))
        finally:
            self._told.put(None)
            _close_loop()

    def _tried(self, child: Child) -> Child:
        for attempt in itertools.count(1):
            child = self._once(child)
            if child.status == "finished" or attempt > self._options.retries:
                break
            if child.error not in self._options.transient:
                break
            seconds = pause(attempt, self._rng)
            self._told.put(partial(self._onlooker.again, child, seconds))
            if self._stop.wait(seconds):
                raise Stopped
        return child

    def _once(self, child: Child) -> Child:
        def on_cell(done: int, total: int) -> None:
            if self._stop.is_set():
                raise Stopped
            self._told.put(partial(self._onlooker.cells, child.number, done, total))

        tried = replace(child, attempts=child.attempts + 1)
        try:
            return self._start(tried, on_cell, self._stop)
        except WorkbenchError as error:
            return replace(tried, status="failed", error=type(error).__name__, sentence=writable(error.message))


def pause(attempt: int, rng: random.Random) -> float:
    """Seconds to wait after a failed attempt: twice as long each time, and never two runs in step.

    >>> rng = random.Random(7)
    >>> [0.5 * 2**n <= pause(n + 1, rng) <= 1.5 * 2**n for n in range(5)], pause(5000, rng) <= 90
    ([True, True, True, True, True], True)
    """
    return min(FIRST_PAUSE * 2.0 ** min(attempt - 1, 20), LONGEST_PAUSE) * rng.uniform(0.5, 1.5)


def _close_loop() -> None:
    """Close the event loop that nbclient makes in each thread it is called from, and leaves open."""
    with contextlib.suppress(RuntimeError):  # this thread has none
        asyncio.get_event_loop().close()


def _raise(error: BaseException) -> None:
    raise error
