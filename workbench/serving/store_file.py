"""Opening a store in a SQLite file of its own: made and migrated in one transaction, refused in words.

A new file is for this user alone, or for the group that shares its folder. Of those who open a file at the
same moment one makes the tables, and the others wait and find them. Readers and a writer do not hold up each
other (write-ahead log).

>>> TABLES = {0: ("CREATE TABLE seen (id TEXT PRIMARY KEY)",)}
>>> with contextlib.closing(open_store("sqlite:///:memory:", "the examples", TABLES, version=1).connection) as store:
...     store.execute("SELECT count(*) FROM seen").fetchone()
(0,)
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, NamedTuple, Self

from workbench.errors import EngineError
from workbench.ledger.opening import sqlite_name, write_ahead
from workbench.ledger.sharing import file_mode, way_in

WAIT = 10.0  # seconds a writer waits for another
Migrations = Mapping[int, Sequence[str]]  # statements that bring a file of this version to today's; 0: an empty one
Synchronous = Literal["FULL", "NORMAL"]  # whether a commit outlives a loss of power


class Opened(NamedTuple):
    """A store that is open."""

    connection: sqlite3.Connection  # safe to share between threads under a lock
    path: str


def open_store(
    url: str,
    what: str,
    migrations: Migrations,
    *,
    version: int,
    remade: str = "a new one is made",
    synchronous: Synchronous = "FULL",
    unmarked: Collection[str] = (),
) -> Opened:
    """The store at a URL, made when it is not there, and brought to today's schema when it is older.

    Args:
        url: "sqlite:///" followed by a path.
        what: What it holds, as a refusal says it: "the prediction log".
        migrations: How a file comes to today's schema.
        version: Today's schema.
        remade: What happens where the file is moved aside.
        synchronous: Whether a commit outlives a loss of power.
        unmarked: Tables of files that were made before they noted their version.

    Raises:
        Misuse: The URL is of another kind.
        EngineError: The file cannot be written, is another database, or is of a newer workbench.
    """
    name = sqlite_name(f"{what}'s URL" if not what.endswith("s") else f"{what}' URL", url)
    hint = f"mend its permissions, or move {Path(name).name} aside: {remade}"
    connection = None
    try:
        if name != ":memory:":
            with contextlib.suppress(FileExistsError):
                os.close(os.open(name, os.O_CREAT | os.O_EXCL, file_mode(Path(name).parent)))
        connection = sqlite3.connect(name, timeout=WAIT, isolation_level=None, check_same_thread=False)
        stored = set_up(connection, migrations, version=version, synchronous=synchronous, unmarked=unmarked)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        if not os.access(name, os.R_OK | os.W_OK):  # it is not for us to move aside
            hint = way_in(Path(name))
        raise EngineError(f"{what} {name} cannot be opened: {error}", hint=hint) from error
    if stored != version:
        connection.close()
        raise EngineError(
            f"{what}: {name} has schema {stored}; this workbench knows {version}", hint="upgrade workbench"
        )
    return Opened(connection, name)


class Store:
    """A store in a file of its own: one connection, safe to share between threads; what it is, each kind says."""

    WHAT: ClassVar[str]  # it holds, as a refusal says it: "the prediction log"
    MIGRATIONS: ClassVar[Migrations]
    VERSION: ClassVar[int]
    REMADE: ClassVar[str] = "a new one is made"
    SYNCHRONOUS: ClassVar[Synchronous] = "FULL"
    UNMARKED: ClassVar[Collection[str]] = ()
    HINT: ClassVar[str] = "look at free space, permissions and other writers"

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Self:
        """The store at a URL, made when it is not there, and brought to today's schema when it is older.

        Args:
            url: "sqlite:///" followed by a path.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, is no such store, or is of a newer workbench.
        """
        opened = open_store(
            url,
            cls.WHAT,
            cls.MIGRATIONS,
            version=cls.VERSION,
            remade=cls.REMADE,
            synchronous=cls.SYNCHRONOUS,
            unmarked=cls.UNMARKED,
        )
        return cls(*opened)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return f"{self.WHAT} {self._path}"

    @contextlib.contextmanager
    def _using(self, verb: str = "reached") -> Iterator[sqlite3.Connection]:
        """The connection for one thread; each statement is a commit of its own.

        Raises:
            EngineError: In the place of SQLite's errors.
        """
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise EngineError(f"{self._name} cannot be {verb}: {error}", hint=self.HINT) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The connection for one thread, in a transaction that is committed at the end, or undone."""
        with self._using("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


def set_up(
    connection: sqlite3.Connection,
    migrations: Migrations,
    *,
    version: int,
    synchronous: Synchronous = "FULL",
    unmarked: Collection[str] = (),
) -> int:
    """Make or migrate the tables of a connection; the version that the file has then.

    Args:
        connection: In autocommit.
        migrations: How a file comes to today's schema.
        version: Today's schema.
        synchronous: Whether a commit outlives a loss of power.
        unmarked: Tables of files that were made before they noted their version.

    Raises:
        DatabaseError: The file holds other tables, or cannot be written.
    """
    if _version(connection) < version:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate(connection, migrations, version, unmarked)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    write_ahead(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return _version(connection)


def _migrate(connection: sqlite3.Connection, migrations: Migrations, version: int, unmarked: Collection[str]) -> None:
    found = _version(connection)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if found == 0 and not {name for (name,) in tables} <= set(unmarked):
        raise sqlite3.DatabaseError("it is another database")
    if found not in migrations and found != version:
        raise sqlite3.DatabaseError("it is another database")
    if found < version:
        for statement in migrations[found]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
