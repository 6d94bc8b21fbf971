"""Event tables in PostgreSQL, by pg8000: a database that several machines share.

A connection that broke is opened again at the next transaction; whether the last commit happened is for the
caller to look up, as the consumer does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

from workbench.errors import EngineError, Misuse
from workbench.serving.events.tables import VERSION, Rows, tables

PORT = 5432
SECONDS = 10  # that a connection may take to be made
ASLEEP = 5  # seconds within a transaction without a statement, after which the server ends the connection
ROWS = 500  # in one statement
MAKING = 7_316_512  # advisory lock of who makes the tables


class PostgresDatabase:
    """One connection at a time; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """The tables at a URL, made when they are not there.

        Args:
            url: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE".

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The server cannot be reached, or refuses.
        """
        at = urlsplit(url)
        if at.scheme not in {"postgresql", "postgres"} or not at.hostname or not at.path.strip("/"):
            raise Misuse("the URL of the events is no postgresql://USER@HOST:PORT/DATABASE", hint="mend workbench.toml")
        self._place = f"{at.hostname}:{at.port or PORT}{at.path}"  # without the password
        self._given: dict[str, Any] = {
            "host": at.hostname,
            "port": at.port or PORT,
            "database": unquote(at.path.strip("/")),
            "user": unquote(at.username or "postgres"),
            "password": unquote(at.password) if at.password else None,
            "timeout": SECONDS,
        }
        self._connection: Any = None
        self._lock = threading.RLock()
        with self.writing() as writer:
            _make(writer)

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        """One transaction that writes.

        Raises:
            EngineError: The server refused, or the connection broke.
        """
        with self._lock:
            try:
                connection = self._connected()
                yield _Rows(connection.cursor())
                connection.commit()
            except BaseException as error:
                told = self._undo(error)
                if told:
                    raise EngineError(
                        f"the events in PostgreSQL at {self._place} cannot be had: {told}",
                        hint="look at the server and its log; what was begun is tried again",
                    ) from error
                raise

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """One look: all of it as of one moment.

        Raises:
            EngineError: The server refused, or the connection broke.
        """
        with self.writing() as rows:
            rows.change("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield rows

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _connected(self) -> Any:
        if self._connection is None:
            try:
                from pg8000 import dbapi
            except ImportError as error:
                raise EngineError("PostgreSQL needs pg8000", hint="pip install 'workbench[postgres]'") from error
            wire = socket.create_connection((self._given["host"], self._given["port"]), SECONDS)
            try:  # pg8000 leaves a socket open when the server goes before it has greeted
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection = dbapi.connect(**self._given, sock=wire)
                # who falls asleep within a transaction is put out, so that another can take over
                connection.cursor().execute(f"SET idle_in_transaction_session_timeout = {ASLEEP * 1000}")
                connection.commit()
            except BaseException:
                wire.close()
                raise
            self._connection = connection
        return self._connection

    def _undo(self, error: BaseException) -> str:
        """Undo what was begun; what the server or the network said, empty where the error is neither's."""
        if isinstance(error, OSError):
            self._drop()
            return f"{type(error).__name__}: {error}"
        try:
            from pg8000 import dbapi
        except ImportError:
            return ""
        if self._connection is not None:
            try:
                if isinstance(error, dbapi.InterfaceError):  # half an answer may still be on its way
                    self._drop()
                else:
                    self._connection.rollback()
            except Exception:  # noqa: BLE001 (broken in any of a socket's ways)
                self._drop()
        return _told(error) if isinstance(error, dbapi.Error) else ""

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


class _Rows:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def run(self, sql: str, values: Sequence[Any] = (), /) -> list[Sequence[Any]]:
        self._cursor.execute(sql.replace("?", "%s"), tuple(values))
        return list(self._cursor.fetchall())

    def change(self, sql: str, values: Sequence[Any] = (), /) -> int:
        self._cursor.execute(sql.replace("?", "%s"), tuple(values))
        return max(0, int(self._cursor.rowcount))

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> int:
        rest, added = iter(rows), 0
        marks = f"({', '.join('?' * len(columns))})"
        while some := list(islice(rest, ROWS)):
            values = [value for row in some for value in row]
            every = ", ".join([marks] * len(some))
            added += self.change(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {every} ON CONFLICT DO NOTHING",  # noqa: S608
                values,
            )
        return added


def _make(writer: Rows) -> None:
    """Make the tables where they are not there.

    Raises:
        EngineError: They were made by a newer workbench.
    """
    writer.run("SELECT pg_advisory_xact_lock(?)", (MAKING,))
    if writer.run("SELECT to_regclass('event_tables')")[0][0] is None:
        for statement in tables(bytes_="BYTEA", real="DOUBLE PRECISION", clustered=""):
            writer.change(statement)
        writer.change("INSERT INTO event_tables VALUES (?)", (VERSION,))
    elif writer.run("SELECT version FROM event_tables")[0][0] > VERSION:
        raise EngineError("the event tables were made by a newer workbench", hint="upgrade workbench")


def _told(error: BaseException) -> str:
    """A driver's error in one line; pg8000 gives PostgreSQL's message in a dictionary, as M."""
    first = error.args[0] if error.args else ""
    return str(first.get("M", first)) if isinstance(first, dict) else f"{type(error).__name__}: {error}"
