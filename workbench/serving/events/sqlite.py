"""Event tables in an SQLite file: the default, with nothing to install.

Each transaction takes the write lock first; readers do not wait (write-ahead log). A commit is on the disk
when it returns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from workbench.errors import EngineError
from workbench.ledger.opening import sqlite_name, write_ahead
from workbench.ledger.sharing import begin
from workbench.serving.events.tables import VERSION, Rows, tables

WAIT = 5.0  # seconds a writer waits for another
CACHE = -65536  # KiB of pages that are kept in memory
CHECKPOINT = 8192  # pages of the write-ahead log (32 MiB) after which a commit carries them over into the file


class SqliteDatabase:
    """One file; safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()

    @classmethod
    def open(cls, url: str, *, wait: float = WAIT) -> SqliteDatabase:
        """The tables at a URL, made when they are not there.

        Args:
            url: "sqlite:///" followed by a path.
            wait: Seconds a writer waits for another.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, or is another database.
        """
        name = sqlite_name("the URL of the events", url)
        path = Path(name)
        try:
            begin(path)
            connection = sqlite3.connect(name, timeout=wait, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            _refuse(path, "opened", error)
        database = cls(connection, path)
        try:
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            _refuse(path, "opened", error)
        return database

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        """One transaction that writes.

        Raises:
            EngineError: It was refused (full disk, a lock held too long); nothing was changed.
        """
        with self._transaction("BEGIN IMMEDIATE", "written") as rows:
            yield rows

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """One look.

        Raises:
            EngineError: The file cannot be read.
        """
        with self._transaction("BEGIN", "read") as rows:
            yield rows

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self, begin: str, verb: str) -> Iterator[Rows]:
        with self._lock:
            try:
                self._connection.execute(begin)
                try:
                    yield _Rows(self._connection)
                    self._connection.execute("COMMIT")
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                _refuse(self._path, verb, error)


class _Rows:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = (), /) -> list[Sequence[Any]]:
        return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = (), /) -> int:
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> int:
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        return max(0, self._connection.executemany(sql, rows).rowcount)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; of those who open it at once, one does.

    Raises:
        sqlite3.DatabaseError: It is another database, or of a newer workbench.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not names:
            for statement in tables(bytes_="BLOB", real="REAL", clustered="WITHOUT ROWID"):
                connection.execute(statement)
            connection.execute("INSERT INTO event_tables VALUES (?)", (VERSION,))
        elif "event_tables" not in names:
            raise sqlite3.DatabaseError("it is another database")
        elif connection.execute("SELECT version FROM event_tables").fetchone()[0] > VERSION:
            raise sqlite3.DatabaseError("it was written by a newer workbench")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = {CACHE}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")


def _refuse(path: Path, verb: str, error: sqlite3.Error | OSError) -> NoReturn:
    """Raise SQLite's error in our words.

    Raises:
        EngineError: Always.
    """
    raise EngineError(
        f"the events in {path} cannot be {verb}: {error}", hint="look at free space, permissions and other writers"
    ) from error
