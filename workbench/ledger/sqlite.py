"""The ledger's database as a SQLite file: the default, in the workspace's own folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from workbench.ledger.database import Kept, Row
from workbench.ledger.opening import BROKEN, WAIT, connect, refuse
from workbench.ledger.schema import schema, spelled

CACHE = 65_536  # KiB of pages that are held while a file is checked


class SqliteDatabase:
    """One connection to a ledger's file; fulfils `database.Database`."""

    errors = BROKEN

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self.connection: sqlite3.Connection = connect(path)

    @property
    def file(self) -> Path:
        """Where other processes find what is committed."""
        return self._path

    @property
    def busy(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it gives."""
        return self.connection.execute(sql, values).fetchall()

    def stream(self, sql: str) -> Iterator[Row]:
        """Run one statement and give its rows one after another."""
        return self.connection.execute(sql)

    def begin(self, *, writing: bool) -> None:
        """Open a transaction; a writer takes the file's one lock before it reads anything."""
        self.connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def commit(self) -> None:
        """Make what was written durable."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what was written."""
        self.connection.execute("ROLLBACK")

    def kept(self) -> Kept:
        """What the file says of itself."""
        given: dict[str, int] = dict(self.execute("SELECT name, seq FROM sqlite_sequence"))
        rules = self.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        from concurrent.futures import ThreadPoolExecutor  # and its logging; only who verifies pays for it

        pool = ThreadPoolExecutor(1, thread_name_prefix="ledger-integrity")
        checked = pool.submit(_damage, self._path)  # SQLite reads every page while we follow the chain
        pool.shutdown(wait=False)
        return Kept(
            rules={name: spelled(sql or "") for name, sql in rules},
            wanted=schema(),
            last_given=given.get("entries"),
            effects_given=given.get("outbox", 0),
            damage=checked.result,
        )

    def refuse(self, error: Exception, done: str) -> NoReturn:
        """Raise SQLite's error in our words."""
        refuse(self._path, error, done)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _damage(path: Path) -> list[str]:
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE}")  # indexes are looked up all over
        return [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    finally:
        connection.close()
