"""A long ledger scanned by several processes beside each other, piece by piece, and told in its order.

Each process reads its pieces from the file itself, so what goes between them is a question of a line and the few
hashes of an answer. An answer counts only where it has as many rows as were asked for, begins where the piece before
it ended, and is astonished at no row that is another here. Whatever is in doubt, and the piece of a process that
cannot be had or dies, is read and scanned here. Findings come back as `marshal` writes them, between processes of one
program.
"""

from __future__ import annotations

import marshal
import os
import select
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from workbench.ledger.database import Database
from workbench.ledger.entry import GENESIS
from workbench.ledger.opening import WAIT
from workbench.ledger.rows import COLUMNS
from workbench.ledger.scan import Before, Row, Scanned, scan
from workbench.ledger.tree import TILE

PIECE = 4 * TILE  # rows
MANY = 32_768  # rows from which on others take part
AHEAD = 2  # pieces an other has been asked for: the one it scans, and the next
MOST = 64  # pieces that are held until the one before them is done

_ALL = f"SELECT {COLUMNS} FROM entries"  # noqa: S608
_SOME = _ALL + " WHERE seq BETWEEN {:d} AND {:d} ORDER BY seq"
_HASH = "SELECT hash FROM entries WHERE seq = {:d}"


@dataclass(frozen=True)
class Shared:
    """Entries numbered from 1 without a gap, in a file that other processes can read as well."""

    database: Database
    file: Path
    count: int

    def since(self, first: int) -> Iterator[Row]:
        """The rows from a first number on, whatever their numbers are."""
        return self.database.stream(f"{_ALL} WHERE seq >= {first:d} ORDER BY seq")

    def hold(self, odd: Iterable[tuple[int, tuple[int, str], Row]]) -> bool:
        """Whether rows that another process is astonished at are the same here."""
        run = self.database.stream
        return all(list(run(_SOME.format(row[0], row[0]))) == [tuple(row)] for _, _, row in odd)


def entries(database: Database) -> Iterable[Row] | Shared:
    """All rows of a ledger by number, within an open transaction."""
    if database.file is not None:
        ((count, first, last),) = database.execute("SELECT count(*), min(seq), max(seq) FROM entries")
        if (first, last) == (1, count):
            return Shared(database, database.file, count)
    return database.stream(f"{_ALL} ORDER BY seq")


def scanned(
    rows: Iterable[Row] | Shared, before: Before, asked: Sequence[int] = (), *, others: int | None = None
) -> Iterator[Scanned]:
    """What a scan finds in rows, piece by piece in their order.

    Args:
        rows: By number.
        before: What the first follows.
        asked: Sizes, ascending, at which the tree is wanted; each is told within its piece.
        others: Processes that take part; by default as many as there are processors left.
    """
    others = (os.cpu_count() or 1) - 1 if others is None else others
    sizes = deque(asked)
    if not isinstance(rows, Shared):
        return _alone(rows, before, sizes, 0)
    if not others or rows.count < MANY or before != Before(0, GENESIS):
        return _alone(rows.since(before.last + 1), before, sizes, 0)
    return _together(rows, asked, others)


def _alone(rows: Iterable[Row], before: Before, sizes: deque[int], seen: int) -> Iterator[Scanned]:
    left = iter(rows)
    while some := list(islice(left, PIECE)):
        found = scan(some, before, _asked(sizes, seen, PIECE))
        seen += found.rows
        before = Before(*found.end)
        yield found


def _asked(sizes: deque[int], seen: int, many: int) -> list[int]:
    """The sizes that end within a piece, counted from its begin."""
    own = []
    while sizes and sizes[0] <= seen + many:
        size = sizes.popleft()
        if size > seen:
            own.append(size - seen)
    return own


@dataclass
class _Piece:
    """Some rows that one process scans."""

    first: int  # number
    last: int
    asked: list[int]
    found: tuple[Before, Scanned] | None = None  # with what it follows, as whoever scanned it read that
    other: _Other | None = None  # who was asked for it

    def after(self, before: Before) -> Scanned | None:
        """What was found; None: it is not of these rows, or does not go on where the rows before them end."""
        if self.found is None or self.found[0] != before or self.found[1].rows != self.last - self.first + 1:
            return None
        return self.found[1]


def _together(rows: Shared, sizes: Sequence[int], others: int) -> Iterator[Scanned]:
    before = Before(0, GENESIS)
    with closing(_in_order(rows, sizes, others)) as pieces:
        for piece in pieces:
            found = piece.after(before)
            if found is None or (piece.other and not rows.hold(found.odd)):
                left = deque(size for size in sizes if size > before.last)
                yield from _alone(rows.since(piece.first), before, left, before.last)
                return
            yield found
            before = Before(*found.end)


def _in_order(rows: Shared, sizes: Sequence[int], others: int) -> Generator[_Piece]:
    """All pieces, scanned by whoever was free."""
    held, left, team = deque[_Piece](), deque(sizes), list[_Other]()
    try:
        with suppress(OSError):  # no process can be had
            team += (_Other(rows.file) for _ in range(others))
        for first in range(1, rows.count + 1, PIECE):
            last = min(first + PIECE - 1, rows.count)
            piece = _Piece(first, last, _asked(left, first - 1, PIECE))
            held.append(piece)
            if not any(other.took(piece) for other in team):
                piece.found = _scan(rows.database.stream, first, last, piece.asked)
            while held and (held[0].found or len(held) > MOST):
                yield _finished(held.popleft(), rows)
        while held:
            yield _finished(held.popleft(), rows)
    finally:
        for other in team:
            other.end()


def _finished(piece: _Piece, rows: Shared) -> _Piece:
    """A piece when it is scanned, by another who was asked for it or in the end by us."""
    while piece.found is None and piece.other and piece.other.alive:
        piece.other.hear()
    if piece.found is None:
        piece.found = _scan(rows.database.stream, piece.first, piece.last, piece.asked)
    return piece


def _scan(run: Callable[[str], Iterator[Row]], first: int, last: int, asked: Sequence[int]) -> tuple[Before, Scanned]:
    """What the row before some others says, and what a scan finds in them; `run` gives the rows of a statement."""
    tips = [GENESIS] if first == 1 else [str(row[0]) for row in run(_HASH.format(first - 1))]
    before = Before(first - 1, tips[0] if tips else "")
    return before, scan(list(run(_SOME.format(first, last))), before, asked)


class _Other:
    """A process that scans the pieces that it is asked for, one after another."""

    def __init__(self, file: Path) -> None:
        program = [sys.executable, "-P", "-m", "workbench.ledger.scanning", str(file)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)
        self._questions: IO[bytes] = self._process.stdin  # type: ignore[assignment]
        self._answers: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        self._owed = deque[_Piece]()
        self.alive = True

    def took(self, piece: _Piece) -> bool:
        """Ask for a piece, unless it is busy enough or dead."""
        while self.alive and self._owed and select.select([self._answers], [], [], 0)[0]:
            self.hear()
        if not self.alive or len(self._owed) >= AHEAD:
            return False
        try:
            _send(self._questions, (piece.first, piece.last, piece.asked))
        except OSError:
            self.alive = False
            return False
        self._owed.append(piece)
        piece.other = self
        return True

    def hear(self) -> None:
        """Wait for its next answer."""
        try:
            before, found = _received(self._answers)
        except (OSError, EOFError):
            self.alive = False
        else:
            self._owed.popleft().found = Before(*before), Scanned(*found)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):  # what was still to be written
                pipe.close()
        self._process.wait()


def answer(file: str, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Scan the pieces that are asked for until no more are."""
    uri = f"{Path(file).absolute().as_uri()}?mode=ro"
    opened = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None)
    with closing(opened) as connection, suppress(EOFError, BrokenPipeError):
        while True:
            before, found = _scan(connection.execute, *_received(questions))
            _send(answers, (tuple(before), tuple(found)))


def _send(pipe: IO[bytes], value: Any) -> None:
    written = marshal.dumps(value)
    pipe.write(len(written).to_bytes(8, "little") + written)
    pipe.flush()


def _received(pipe: IO[bytes]) -> Any:
    length = int.from_bytes(_exactly(pipe, 8), "little")
    return marshal.loads(_exactly(pipe, length))  # noqa: S302 (from a process of this program, by its own pipe)


def _exactly(pipe: IO[bytes], many: int) -> bytes:
    found = b""
    while len(found) < many:
        more = pipe.read(many - len(found))
        if not more:
            raise EOFError
        found += more
    return found
