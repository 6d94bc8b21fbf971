"""A projection of the ledger: a small SQLite file with what is looked up often, which may be deleted at any time.

Rules: it is never the truth. Whoever looks first brings it up to date: it remembers the number and the hash of
the last entry that it took in, goes on from there, and is made anew where it is missing, damaged, of another
ledger, or ahead of a ledger that was put back. So nothing is written here when an entry is committed, and a
crash leaves nothing to repair. Those who write follow one another by a lock beside the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from workbench.errors import EngineError
from workbench.ledger.entry import GENESIS, Entry
from workbench.ledger.reading import Reading
from workbench.ledger.sharing import begin

WAIT = 30.0  # seconds one waits for another
STEP = 2000  # entries that are taken in at once
T = TypeVar("T")


class Stale(Exception):  # noqa: N818 (a fact, not a fault)
    """What the projection says does not fit the ledger."""


@dataclass(frozen=True)
class Shape:
    """What a projection holds, and how it takes an entry in."""

    what: str  # as errors say it: "the index of runs"
    remedy: str  # the command that makes it anew
    version: int  # of its tables; another one is made anew
    tables: Sequence[str]  # statements
    take: Callable[[sqlite3.Connection, Sequence[Entry]], None]  # called with entries in their order
    kinds: Sequence[str] | None = None  # of the entries it is given; None: of all kinds
    lossy: bool = False  # whether a row that a power cut takes costs time only; then nobody waits for the disk


class Projection:
    """One such file; each look is as of the ledger's last entry."""

    def __init__(self, path: Path, ledger: Reading, shape: Shape) -> None:
        self.path = path
        self._ledger, self._shape = ledger, shape

    def look(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What is read from it; made anew first where it is damaged or `read` raises `Stale`.

        Raises:
            EngineError: It cannot be read or made.
        """
        try:
            with self._opened() as database:
                return read(database)
        except (sqlite3.DatabaseError, OSError, Stale, ValueError) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise self._error(error) from error  # locked, full, not writable; a table that is missing is damage
        with self._told():  # it holds nothing that the ledger does not
            self._remove()
            with self._opened() as database:
                return read(database)

    def rebuild(self) -> None:
        """Make it anew from the ledger.

        Raises:
            EngineError: It cannot be written.
        """
        with self._told():
            self._remove()
            with self._opened():
                pass

    def damage(self) -> str:
        """What is wrong with the file, in words; an empty text where it is sound or not there."""
        if not self.path.exists():
            return ""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                found = str(database.execute("PRAGMA quick_check").fetchone()[0])
                version = database.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            return str(error)
        if found != "ok":
            return found
        return "" if version == self._shape.version else f"it has schema {version}, not {self._shape.version}"

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file as far as the ledger is, at one moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        begin(self.path)
        with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)) as database:
            if self._shape.lossy:
                database.execute("PRAGMA synchronous = OFF")
            if not self._is_current(database):
                with self._alone():
                    database.execute("BEGIN IMMEDIATE")
                    self._catch_up(database)
                    database.execute("COMMIT")
            database.execute("BEGIN")
            yield database

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.path.with_name(f"{self.path.name}-lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remove(self) -> None:
        with self._alone():  # nobody's journal is taken from them
            for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
                path.unlink(missing_ok=True)

    def _is_current(self, database: sqlite3.Connection) -> bool:
        if self._version(database) != self._shape.version:
            return False
        return self._place(database) == self._tip()

    def _catch_up(self, database: sqlite3.Connection) -> None:
        if self._version(database) != self._shape.version or not self._is_of_this_ledger(database):
            for (table,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall():
                database.execute(f'DROP TABLE "{table}"')
            for statement in (*self._shape.tables, "CREATE TABLE place (seq INTEGER NOT NULL, hash TEXT NOT NULL)"):
                database.execute(statement)
            database.execute("INSERT INTO place VALUES (0, ?)", (GENESIS,))
            database.execute(f"PRAGMA user_version = {self._shape.version}")
        (since, _), tip = self._place(database), self._tip()
        while since < tip[0] and (entries := self._ledger.entries(kind=self._shape.kinds, since=since, limit=STEP)):
            self._shape.take(database, [entry for entry in entries if entry.seq <= tip[0]])
            since = entries[-1].seq
        database.execute("UPDATE place SET seq = ?, hash = ?", tip)

    def _is_of_this_ledger(self, database: sqlite3.Connection) -> bool:
        seq, found = self._place(database)
        if seq == 0:
            return True
        entry = self._ledger.entries(since=seq - 1, limit=1)
        return bool(entry) and (entry[0].seq, entry[0].hash) == (seq, found)

    def _place(self, database: sqlite3.Connection) -> tuple[int, str]:
        """Number and hash of the last entry that was taken in.

        Raises:
            Stale: It does not say so.
        """
        rows = database.execute("SELECT seq, hash FROM place").fetchall()
        if len(rows) != 1:
            raise Stale("it does not know how far it is")
        return rows[0][0], rows[0][1]

    def _version(self, database: sqlite3.Connection) -> int:
        return int(database.execute("PRAGMA user_version").fetchone()[0])

    def _tip(self) -> tuple[int, str]:
        tip = self._ledger.entries(newest_first=True, limit=1)
        return (tip[0].seq, tip[0].hash) if tip else (0, GENESIS)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, Stale, ValueError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> EngineError:
        return EngineError(
            f"{self._shape.what} {self.path} cannot be used: {error}",
            hint=f"look at permissions and free space; {self._shape.remedy} makes it anew",
        )
