"""The index of finished runs by content: a projection of the ledger (`ledger.projection`) below the runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.folders import runs_folder
from workbench.ledger import Entry, Ledger
from workbench.ledger.projection import Projection, Shape

FILE = ".index.db"
TABLES = (
    """
    CREATE TABLE runs (
        seq INTEGER PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL, key TEXT NOT NULL,
        folder TEXT NOT NULL, changing TEXT NOT NULL, inputs TEXT NOT NULL
    )
    """,
    "CREATE INDEX runs_by_content ON runs (content, seq)",
    "CREATE INDEX runs_by_name ON runs (name, seq)",
)


@dataclass(frozen=True)
class Kept:
    """A finished run as the index has it."""

    key: str  # its entry's idempotency key
    content: str
    folder: str
    changing: tuple[str, ...]
    inputs: Mapping[str, str]


class Index:
    """Finished runs by content and by name, each look as of the ledger's last entry."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        kinds = ("run.finished",)
        shape = Shape("the index of runs", "workbench runs --reindex", 1, TABLES, _take, kinds, lossy=True)
        self._projection = Projection(runs_folder(root) / FILE, ledger, shape)

    def same(self, content: str) -> list[Kept]:
        """The runs of a content, newest first.

        Raises:
            EngineError: The index cannot be read or made.
        """
        return self._look("WHERE content = ? ORDER BY seq DESC", (content,))

    def last(self, name: str, most: int) -> list[Kept]:
        """The last runs of a notebook, newest first.

        Raises:
            EngineError: The index cannot be read or made.
        """
        return self._look("WHERE name = ? ORDER BY seq DESC LIMIT ?", (name, most))

    def rebuild(self) -> int:
        """Make the index anew from the ledger; how many runs it holds.

        Raises:
            EngineError: It cannot be written.
        """
        self._projection.rebuild()
        return int(self._projection.look(lambda database: database.execute("SELECT count(*) FROM runs").fetchone()[0]))

    def damage(self) -> str:
        """What is wrong with the file, in words; an empty text where it is sound or not there."""
        return self._projection.damage()

    def _look(self, clause: str, values: tuple[str | int, ...]) -> list[Kept]:
        def read(database: sqlite3.Connection) -> list[Kept]:
            rows = database.execute(f"SELECT key, content, folder, changing, inputs FROM runs {clause}", values)  # noqa: S608
            return [
                Kept(key, content, folder, tuple(json.loads(changing)), json.loads(inputs))
                for key, content, folder, changing, inputs in rows
            ]

        return self._projection.look(read)


def _take(database: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    rows = [_row(entry) for entry in entries if entry.key and entry.body.get("content")]
    database.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _row(entry: Entry) -> tuple[int, str, str, str | None, str, str, str]:
    body = entry.body
    changing, inputs = json.dumps(body.get("reads", [])), json.dumps(body.get("inputs", {}))
    return entry.seq, str(body["name"]), str(body["content"]), entry.key, str(body["folder"]), changing, inputs
