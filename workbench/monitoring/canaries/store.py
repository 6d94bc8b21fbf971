"""What is counted of each canary, one row a plan in a SQLite file: replaced only by whoever read it last.

The row is a convenience: where it is lost, the prediction log is counted again from the canary's first
share. Two controllers that count the same interval are told apart by the row's revision; one is refused.

>>> with CanaryStore.open("sqlite:///:memory:") as store:
...     store.put(7, {"agreed": 1}, revision=0), store.put(7, {"agreed": 2}, revision=0), store.get(7)
(True, False, ({'agreed': 1}, 1))
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.errors import EngineError
from workbench.serving.store_file import open_store

VERSION = 1
TABLE = "CREATE TABLE IF NOT EXISTS canaries (plan INTEGER PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL)"
MIGRATIONS = {0: (TABLE,)}


class CanaryStore:
    """The rows of all canaries; one connection, safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> CanaryStore:
        """The store at a URL, made when it is not there.

        Args:
            url: "sqlite:///" followed by a path.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, or is no such store.
        """
        told = "it is counted again from the log"
        return cls(*open_store(url, "the canaries", MIGRATIONS, version=VERSION, remade=told, unmarked={"canaries"}))

    def get(self, plan: int) -> tuple[dict[str, Any] | None, int]:
        """What is kept of a plan, and its revision; (None, 0) where nothing is."""
        with self._reaching():
            row = self._connection.execute("SELECT body, revision FROM canaries WHERE plan = ?", (plan,)).fetchone()
        if row is None:
            return None, 0
        try:
            body = json.loads(row[0])
        except ValueError:
            body = None
        return (body if isinstance(body, dict) else None), int(row[1])

    def put(self, plan: int, body: Mapping[str, Any], *, revision: int) -> bool:
        """Replace what is kept of a plan, if it still has the revision that was read; whether it had."""
        text = json.dumps(body, allow_nan=False)
        with self._reaching():
            if revision == 0:
                done = self._connection.execute(
                    "INSERT INTO canaries VALUES (?, 1, ?) ON CONFLICT (plan) DO NOTHING", (plan, text)
                )
            else:
                done = self._connection.execute(
                    "UPDATE canaries SET body = ?, revision = revision + 1 WHERE plan = ? AND revision = ?",
                    (text, plan, revision),
                )
        return done.rowcount == 1

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> CanaryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        hint = f"look at its folder, or move {Path(self._path).name} aside: it is counted again from the log"
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            raise EngineError(f"the canaries {self._path} cannot be reached: {error}", hint=hint) from error
