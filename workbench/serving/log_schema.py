"""The prediction log's tables in SQLite, and how an older file becomes a newer one.

A migration is one transaction: whoever dies in it leaves the file as it was.
"""

from __future__ import annotations

import sqlite3
from typing import NoReturn

from workbench.ledger.opening import write_ahead
from workbench.serving.log_rows import COLUMNS

VERSION = 3
_OLD = ", ".join(COLUMNS[:13])  # the columns of version 1
PREDICTIONS = """
    CREATE TABLE predictions (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER,
        generation INTEGER, request TEXT NOT NULL, input_digest TEXT, features TEXT, score REAL, answer INTEGER,
        latency_us INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT, variant TEXT, propensity REAL, client TEXT,
        unit TEXT
    )
"""
TABLES = (
    PREDICTIONS,
    "CREATE INDEX predictions_by_time ON predictions (model, at)",
    "CREATE INDEX predictions_by_request ON predictions (request)",
    "CREATE TABLE labels (id TEXT PRIMARY KEY, value REAL NOT NULL, at TEXT NOT NULL, source TEXT NOT NULL)",
    """
    CREATE TABLE parts (
        name TEXT PRIMARY KEY, rows INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL
    )
    """,
)
MIGRATIONS = {
    0: TABLES,
    1: (
        "DROP INDEX predictions_by_time",
        "DROP INDEX predictions_by_request",
        "ALTER TABLE predictions RENAME TO predictions_of_version_1",
        *TABLES,
        f"INSERT INTO predictions ({_OLD}) SELECT {_OLD} FROM predictions_of_version_1 ORDER BY at, id",  # noqa: S608
        "DROP TABLE predictions_of_version_1",
    ),
    2: ("ALTER TABLE predictions ADD COLUMN unit TEXT",),
}


def prepare(connection: sqlite3.Connection) -> int:
    """Set a connection up, making or migrating the tables; the version that the file has then."""
    if _version(connection) < VERSION:
        _migrate(connection)
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16384")  # 16 MiB
    return _version(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Make or mend the tables; of those who open a file at once, one does."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if found == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _refuse()
        if found < VERSION:
            for statement in MIGRATIONS[found]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _refuse() -> NoReturn:
    raise sqlite3.DatabaseError("it is another database")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
