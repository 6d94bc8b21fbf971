"""The ledger's tables, and the triggers that make its entries unchangeable."""

from __future__ import annotations

VERSION = 1

ENTRY_COLUMNS = ("seq", "at", "kind", "subject", "actor", "why", "body", "key", "prev", "hash")

TRIGGERS = {
    "entries_are_not_updated": (
        "CREATE TRIGGER entries_are_not_updated BEFORE UPDATE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never updated'); END"
    ),
    "entries_are_not_deleted": (
        "CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never deleted'); END"
    ),
}

TABLES = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL, why TEXT NOT NULL,
        body TEXT NOT NULL, key TEXT UNIQUE, prev TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
    )
    """,
    "CREATE INDEX entries_by_subject ON entries (subject, seq)",
    "CREATE INDEX entries_by_kind ON entries (kind, seq)",
    """
    CREATE TABLE heads (
        model TEXT NOT NULL, slot TEXT NOT NULL, version INTEGER NOT NULL,
        generation INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (model, slot)
    )
    """,
    """
    CREATE TABLE effects (
        id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL,
        target TEXT NOT NULL, payload TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0
    )
    """,
)
