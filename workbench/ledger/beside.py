"""A long ledger scanned by several processes beside each other, piece by piece, and told in its order.

The process that reads the rows scans as well; others begin when the rows turn out to be many, and get a piece
whenever they have done one. A process that cannot be had, or dies, costs time and nothing else: its piece is scanned
here. Rows go out and findings come back as `marshal` writes them, between processes of one program.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from workbench.ledger.scan import Before, Scanned, scan
from workbench.ledger.tree import TILE

if TYPE_CHECKING:
    from concurrent.futures import Future

PIECE = 8 * TILE  # rows
MANY = 32_768  # rows after which others take part
OTHERS = 2  # more than these are never fed: reading the rows takes a third of the time
AHEAD = 2  # pieces an other has before it
MOST = 24  # pieces that are held until the one before them is done

Rows = Sequence[Sequence[Any]]


def scanned(
    rows: Iterable[Sequence[Any]], before: Before, asked: Sequence[int] = (), *, others: int | None = None
) -> Iterator[tuple[Rows, Scanned]]:
    """Pieces of rows with what a scan found in each, in their order.

    Args:
        rows: Of entries by number, as `rows.COLUMNS` has them.
        before: What the first follows.
        asked: Sizes, ascending, at which the tree is wanted; each is told within its piece.
        others: Processes that take part; by default as many as there are processors left.
    """
    others = min(OTHERS, (os.cpu_count() or 1) - 1) if others is None else others
    waiting: deque[tuple[Rows, Scanned | Future[Scanned]]] = deque()
    sizes, seen, team = deque(asked), 0, None
    left = iter(rows)
    try:
        while piece := list(islice(left, PIECE)):
            own = _asked(sizes, seen, len(piece))
            seen += len(piece)
            if team is None and others and seen > MANY:
                team = _Team(others)
            if team is None or sum(not _done(found) for _, found in waiting) >= AHEAD * others:
                waiting.append((piece, scan(piece, before, own)))
            else:
                waiting.append((piece, team.scan(piece, before, own)))
            before = Before(piece[-1][0], str(piece[-1][9]))
            while waiting and (_done(waiting[0][1]) or len(waiting) > MOST):
                first, found = waiting.popleft()
                yield first, _result(found)
        for first, found in waiting:
            yield first, _result(found)
    finally:
        if team is not None:
            team.end()


def _asked(sizes: deque[int], seen: int, many: int) -> list[int]:
    """The sizes that end within a piece, counted from its begin."""
    own = []
    while sizes and sizes[0] <= seen + many:
        size = sizes.popleft()
        if size > seen:
            own.append(size - seen)
    return own


def _done(found: Scanned | Future[Scanned]) -> bool:
    return isinstance(found, Scanned) or found.done()


def _result(found: Scanned | Future[Scanned]) -> Scanned:
    return found if isinstance(found, Scanned) else found.result()


class _Team:
    """Processes that scan, each fed by a thread that waits for it."""

    def __init__(self, many: int) -> None:
        from concurrent.futures import ThreadPoolExecutor  # and its logging; only a long ledger pays for it

        self._own = threading.local()
        self._started: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(many, thread_name_prefix="ledger-scan")

    def scan(self, rows: Rows, before: Before, asked: Sequence[int]) -> Future[Scanned]:
        """A scan in another process."""
        return self._threads.submit(self._scanned, rows, before, asked)

    def end(self) -> None:
        """End the processes."""
        self._threads.shutdown(cancel_futures=True)
        for process in self._started:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was still to be written
                    pipe.close()  # type: ignore[union-attr]
            process.wait()

    def _scanned(self, rows: Rows, before: Before, asked: Sequence[int]) -> Scanned:
        try:
            process = self._process()
            _send(process.stdin, (rows, tuple(before), asked))  # type: ignore[arg-type]
            return Scanned(*_received(process.stdout))  # type: ignore[arg-type]
        except (OSError, ValueError, EOFError, TypeError):  # it died, or a row is of no plain values
            return scan(rows, before, asked)

    def _process(self) -> subprocess.Popen[bytes]:
        if not hasattr(self._own, "process"):
            program = [sys.executable, "-P", "-m", "workbench.ledger.scanning"]
            pipe = subprocess.PIPE
            self._own.process = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
            self._started.append(self._own.process)
        return self._own.process  # type: ignore[no-any-return]


def answer(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Scan what comes until nothing more does."""
    with suppress(EOFError, BrokenPipeError):
        while True:
            rows, before, asked = _received(questions)
            _send(answers, tuple(scan(rows, Before(*before), asked)))


def _send(pipe: IO[bytes], value: Any) -> None:
    written = marshal.dumps(value)
    pipe.write(len(written).to_bytes(8, "little") + written)
    pipe.flush()


def _received(pipe: IO[bytes]) -> Any:
    length = int.from_bytes(_exactly(pipe, 8), "little")
    return marshal.loads(_exactly(pipe, length))  # noqa: S302 (from a process of this program, by its own pipe)


def _exactly(pipe: IO[bytes], many: int) -> bytes:
    found = pipe.read(many)
    if len(found) < many:
        raise EOFError
    return found
