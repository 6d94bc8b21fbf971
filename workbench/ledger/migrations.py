"""Carrying a ledger's file over from an older schema: all of it in one transaction, or nothing.

A kill at any moment leaves the old ledger or the new one. Each migration records itself in the same
commit, in the table `migrations`. The entries are never touched.
"""

from __future__ import annotations

import sqlite3

from workbench.ledger.merkle import leaf_hash
from workbench.ledger.rows import COLUMNS, loose_content
from workbench.ledger.schema import TABLES, TRIGGERS, VERSION, statement
from workbench.ledger.tree import Tree, spelled_roots

FIRST = "the ledger was made"
TITLES = {
    2: "slots may be cleared and have a weight; a Merkle tree and signed checkpoints",
    3: "the entries of one kind about one subject are found at once",
    4: "no client writes a move without a seal where moves are sealed",
}


def make(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file, within an open transaction."""
    for made in TABLES:
        connection.execute(made)
    _plant(connection, Tree())
    for made in TRIGGERS:
        connection.execute(made)
    _record(connection, VERSION, FIRST)


def carry_over(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of an older schema up to this one, within an open transaction."""
    for before, step in ((1, _from_1_to_2), (2, _from_2_to_3), (3, _from_3_to_4)):
        if version <= before:
            step(connection)
            _record(connection, before + 1, TITLES[before + 1])


def _from_1_to_2(connection: sqlite3.Connection) -> None:
    for trigger in ("heads_begin_once", "heads_move_by_one", "heads_are_not_deleted"):
        connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    connection.execute("ALTER TABLE heads RENAME TO heads_of_schema_1")
    connection.execute(statement("heads"))
    connection.execute(
        "INSERT INTO heads (model, slot, version, generation, seq) "
        "SELECT model, slot, version, generation, seq FROM heads_of_schema_1"
    )
    connection.execute("DROP TABLE heads_of_schema_1")
    connection.execute("DROP INDEX IF EXISTS outbox_still_owed")
    for name in ("outbox_still_owed", "tree", "tiles", "checkpoints", "migrations"):
        connection.execute(statement(name))
    tree = Tree()
    for row in connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY seq"):  # noqa: S608
        tree.append(leaf_hash(loose_content(row)))
    _plant(connection, tree)
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    for made in TRIGGERS:
        name = made.split()[2]
        if name not in there and not name.startswith("entries_"):  # one that was taken away stays a finding
            connection.execute(made)


def _from_2_to_3(connection: sqlite3.Connection) -> None:
    connection.execute("DROP INDEX IF EXISTS entries_by_subject")
    connection.execute(statement("entries_by_subject_and_kind"))


def _from_3_to_4(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER IF EXISTS moves_are_sealed")  # the way from 1 to 2 makes all triggers of today
    connection.execute(statement("moves_are_sealed"))


def _plant(connection: sqlite3.Connection, tree: Tree) -> None:
    rows = [(number, root.hex()) for number, root in enumerate(tree.fresh)]
    connection.executemany("INSERT INTO tiles (number, root) VALUES (?, ?)", rows)
    connection.execute("INSERT INTO tree (id, size, roots) VALUES (1, ?, ?)", (tree.size, spelled_roots(tree.roots)))


def _record(connection: sqlite3.Connection, version: int, title: str) -> None:
    connection.execute("INSERT INTO migrations (version, at, title) VALUES (?, CURRENT_TIMESTAMP, ?)", (version, title))
    connection.execute(f"PRAGMA user_version = {version}")
