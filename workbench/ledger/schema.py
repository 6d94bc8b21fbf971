"""The ledger's tables, and the triggers by which the database itself keeps the ledger's rules.

The triggers hold for every client of the file, not only for this package: entries are neither updated
nor deleted, each follows the one before it, and a head moves by one generation, with a granted move. Where
moves are sealed, one without a seal is refused: by whoever wrote it that knew of none, since an older workbench
may have had the ledger open when it was carried over. Whose seal it is, no database tells; `verify` does.
"""

from __future__ import annotations

import re

from workbench.ledger.entry import GENESIS
from workbench.ledger.grounds import GRANTS
from workbench.ledger.heads import CLEARED, PROMOTIONS, SLOT, STAGED
from workbench.ledger.keys import KEY_KINDS, SEALS_AFTER
from workbench.ledger.seals import SEAL

APPLICATION = 0x57424C47  # "WBLG", in the file's header: this file is a ledger
VERSION = 4
SEALED, SEALING = f'"{SEAL}":', f'"{SEALS_AFTER}":'  # in the body of a sealed move, and of a key that seals
UNSEALED = "moves of this ledger are sealed by its key: upgrade or restart this workbench"  # to who writes one without

HEAD_COLUMNS = ("model", "slot", "version", "generation", "seq", "weight")
ENTRY_COLUMNS = ("seq", "at", "kind", "subject", "actor", "why", "body", "key", "prev", "hash")

TABLES = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL, why TEXT NOT NULL,
        body TEXT NOT NULL, key TEXT UNIQUE, prev TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
    )
    """,
    "CREATE INDEX entries_by_subject_and_kind ON entries (subject, kind, seq)",
    "CREATE INDEX entries_by_kind ON entries (kind, seq)",
    """
    CREATE TABLE heads (
        model TEXT NOT NULL, slot TEXT NOT NULL, version INTEGER,
        generation INTEGER NOT NULL, seq INTEGER NOT NULL,
        weight REAL CHECK (weight > 0 AND weight <= 1), PRIMARY KEY (model, slot)
    )
    """,
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL REFERENCES entries (seq),
        target TEXT NOT NULL, payload TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX outbox_still_owed ON outbox (id) WHERE done = 0",
    "CREATE TABLE tree (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, roots TEXT NOT NULL)",
    "CREATE TABLE tiles (number INTEGER PRIMARY KEY, root TEXT NOT NULL)",
    "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, at TEXT NOT NULL, title TEXT NOT NULL)",
)

_PROMOTIONS, _GRANTS, _KEYS = (", ".join(f"'{kind}'" for kind in kinds) for kinds in (PROMOTIONS, GRANTS, KEY_KINDS))

# the entry that a row of heads names grants this very version this very slot, or clears it
_GRANTED = f"""
    (NEW.version IS NULL AND NEW.generation > 1 AND kind = '{CLEARED}' OR NEW.version IS NOT NULL
      AND subject = NEW.model || '/' || NEW.version
      AND (NEW.slot = '{SLOT}' AND kind IN ({_PROMOTIONS}) OR NEW.slot <> '{SLOT}' AND kind = '{STAGED}'))
"""

TRIGGERS = (
    """
    CREATE TRIGGER entries_are_not_updated BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never deleted'); END
    """,
    # INSERT OR REPLACE deletes without asking the trigger above; this one asks first
    f"""
    CREATE TRIGGER entries_follow_one_another BEFORE INSERT ON entries
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entries)
      OR NEW.prev IS NOT coalesce((SELECT hash FROM entries ORDER BY seq DESC LIMIT 1), '{GENESIS}')
      OR EXISTS (SELECT 1 FROM entries WHERE key = NEW.key OR hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'an entry of the ledger follows the one before it'); END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER moves_are_sealed BEFORE INSERT ON entries
    WHEN NEW.kind IN ({_GRANTS}) AND instr(NEW.body, '{SEALED}') = 0
      AND EXISTS (SELECT 1 FROM entries WHERE kind IN ({_KEYS}) AND instr(body, '{SEALING}') > 0)
    BEGIN SELECT RAISE(ABORT, '{UNSEALED}'); END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER heads_begin_once BEFORE INSERT ON heads
    WHEN NEW.generation IS NOT 1
      OR EXISTS (SELECT 1 FROM heads WHERE model = NEW.model AND slot = NEW.slot)
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND {_GRANTED})
    BEGIN SELECT RAISE(ABORT, 'a head begins once, with a granted move'); END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER heads_move_by_one BEFORE UPDATE ON heads
    WHEN NEW.generation IS NOT OLD.generation + 1
      OR NEW.model IS NOT OLD.model OR NEW.slot IS NOT OLD.slot OR NEW.seq <= OLD.seq
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND {_GRANTED})
    BEGIN SELECT RAISE(ABORT, 'a head moves by one generation, with a granted move'); END
    """,  # noqa: S608
    """
    CREATE TRIGGER heads_are_not_deleted BEFORE DELETE ON heads
    BEGIN SELECT RAISE(ABORT, 'heads of the ledger are never deleted'); END
    """,
    """
    CREATE TRIGGER tree_begins_once BEFORE INSERT ON tree WHEN EXISTS (SELECT 1 FROM tree)
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger begins once'); END
    """,
    """
    CREATE TRIGGER tree_covers_the_entries BEFORE UPDATE ON tree
    WHEN NEW.id IS NOT OLD.id OR NEW.size <= OLD.size
      OR NEW.size IS NOT (SELECT coalesce(max(seq), 0) FROM entries)
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger covers its entries'); END
    """,
    """
    CREATE TRIGGER tree_is_not_deleted BEFORE DELETE ON tree
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger is never deleted'); END
    """,
    """
    CREATE TRIGGER tiles_follow_one_another BEFORE INSERT ON tiles
    WHEN NEW.number IS NOT (SELECT coalesce(max(number) + 1, 0) FROM tiles)
    BEGIN SELECT RAISE(ABORT, 'a tile of the ledger follows the one before it'); END
    """,
    """
    CREATE TRIGGER tiles_are_not_updated BEFORE UPDATE ON tiles
    BEGIN SELECT RAISE(ABORT, 'tiles of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER tiles_are_not_deleted BEFORE DELETE ON tiles
    BEGIN SELECT RAISE(ABORT, 'tiles of the ledger are never deleted'); END
    """,
    """
    CREATE TRIGGER checkpoints_cover_the_entries BEFORE INSERT ON checkpoints
    WHEN NEW.size IS NOT (SELECT coalesce(max(seq), 0) FROM entries)
      OR EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
    BEGIN SELECT RAISE(ABORT, 'a checkpoint of the ledger covers its entries'); END
    """,
    """
    CREATE TRIGGER checkpoints_are_not_updated BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER checkpoints_are_not_deleted BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints of the ledger are never deleted'); END
    """,
)


def schema() -> dict[str, str]:
    """What the file must hold: each table, index and trigger by name, in SQL of one spelling."""
    return {_name(statement): spelled(statement) for statement in (*TABLES, *TRIGGERS)}


def statement(name: str) -> str:
    """The statement that makes one table, index or trigger."""
    return next(made for made in (*TABLES, *TRIGGERS) if _name(made) == name)


def spelled(statement: str) -> str:
    """SQL with single spaces, so that two texts of one statement compare equal."""
    return " ".join(statement.split())


def _name(statement: str) -> str:
    found = re.match(r"\s*CREATE (?:TABLE|INDEX|TRIGGER) (\w+)", statement)
    return found.group(1) if found else ""
