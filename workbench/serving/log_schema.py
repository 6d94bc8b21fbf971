"""The prediction log's tables in SQLite, and how an older file becomes a newer one.

A migration is one transaction: whoever dies in it leaves the file as it was.
"""

from __future__ import annotations

import sqlite3

from workbench.serving.log_rows import COLUMNS
from workbench.serving.store_file import set_up

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


def prepare(connection: sqlite3.Connection) -> None:
    """Set up a connection beside the log's own."""
    set_up(connection, MIGRATIONS, version=VERSION)
    roomy(connection)


def roomy(connection: sqlite3.Connection) -> None:
    """Give a connection the memory that a large log needs."""
    connection.execute("PRAGMA cache_size = -16384")  # 16 MiB
