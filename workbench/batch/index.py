"""The index of finished runs by content: a projection of the ledger that may be deleted at any time.

It is one SQLite file below the runs. Whoever looks something up first brings it up to date: it remembers
the number and hash of the last entry it holds, adds what came after, and is made anew where it is
missing, damaged or of another ledger. So nothing is written here when a run is committed, and a crash
leaves nothing to repair.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.folders import runs_folder
from workbench.errors import EngineError
from workbench.ledger import GENESIS, Entry, Ledger

FILE = ".index.db"
VERSION = 1
WAIT = 30.0  # seconds one waits for another
TABLES = (
    """
    CREATE TABLE runs (
        seq INTEGER PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL, key TEXT NOT NULL,
        folder TEXT NOT NULL, changing TEXT NOT NULL, inputs TEXT NOT NULL
    )
    """,
    "CREATE INDEX runs_by_content ON runs (content, seq)",
    "CREATE INDEX runs_by_name ON runs (name, seq)",
    "CREATE TABLE place (seq INTEGER NOT NULL, hash TEXT NOT NULL)",
    f"INSERT INTO place VALUES (0, '{GENESIS}')",  # noqa: S608
    f"PRAGMA user_version = {VERSION}",
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
        self.path = runs_folder(root) / FILE
        self._ledger = ledger

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
        with self._told():
            for path in (self.path, self.path.with_name(f"{FILE}-journal")):
                path.unlink(missing_ok=True)
        with self._told(), self._opened() as database:
            return int(database.execute("SELECT count(*) FROM runs").fetchone()[0])

    def damage(self) -> str:
        """What is wrong with the file, in words; an empty text where it is sound or not there."""
        if not self.path.exists():
            return ""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
                found = str(database.execute("PRAGMA quick_check").fetchone()[0])
                version = database.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            return str(error)
        if found != "ok":
            return found
        return "" if version == VERSION else f"it has schema {version}, not {VERSION}"

    def _look(self, clause: str, values: tuple[str | int, ...]) -> list[Kept]:
        columns = "key, content, folder, changing, inputs"
        try:
            with self._opened() as database:
                rows = database.execute(f"SELECT {columns} FROM runs {clause}", values).fetchall()  # noqa: S608
        except sqlite3.OperationalError as error:
            raise self._error(error) from error
        except (sqlite3.DatabaseError, OSError):  # damaged: it holds nothing that the ledger does not
            self.rebuild()
            with self._told(), self._opened() as database:
                rows = database.execute(f"SELECT {columns} FROM runs {clause}", values).fetchall()  # noqa: S608
        return [
            Kept(key, content, folder, tuple(json.loads(why)), json.loads(inputs))
            for key, content, folder, why, inputs in rows
        ]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The index, as far as the ledger is."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")  # what is lost is made anew
            if not self._is_current(database):
                database.execute("BEGIN IMMEDIATE")
                self._catch_up(database)
                database.execute("COMMIT")
            yield database

    def _is_current(self, database: sqlite3.Connection) -> bool:
        if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return False
        tip = self._ledger.entries(newest_first=True, limit=1)
        place = database.execute("SELECT seq, hash FROM place").fetchone()
        return bool(place == ((tip[0].seq, tip[0].hash) if tip else (0, GENESIS)))

    def _catch_up(self, database: sqlite3.Connection) -> None:
        if database.execute("PRAGMA user_version").fetchone()[0] != VERSION or not self._is_of_this_ledger(database):
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                database.execute(f'DROP TABLE "{table}"')
            for statement in TABLES:
                database.execute(statement)
        (since,) = database.execute("SELECT seq FROM place").fetchone()
        tip = self._ledger.entries(newest_first=True, limit=1)
        if not tip:
            return
        for entry in self._ledger.entries(kind="run.finished", since=since):
            if entry.seq <= tip[0].seq and entry.key and entry.body.get("content"):
                database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", _row(entry))
        database.execute("UPDATE place SET seq = ?, hash = ?", (tip[0].seq, tip[0].hash))

    def _is_of_this_ledger(self, database: sqlite3.Connection) -> bool:
        seq, found = database.execute("SELECT seq, hash FROM place").fetchone()
        if seq == 0:
            return True
        entry = self._ledger.entries(since=seq - 1, limit=1)
        return bool(entry) and (entry[0].seq, entry[0].hash) == (seq, found)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> EngineError:
        return EngineError(
            f"the index of runs {self.path} cannot be used: {error}",
            hint="look at permissions and free space; workbench runs --reindex makes it anew",
        )


def _row(entry: Entry) -> tuple[int, str, str, str | None, str, str, str]:
    body = entry.body
    changing, inputs = json.dumps(body.get("reads", [])), json.dumps(body.get("inputs", {}))
    return entry.seq, str(body["name"]), str(body["content"]), entry.key, str(body["folder"]), changing, inputs
