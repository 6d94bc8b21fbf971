"""Rows of the prediction log wherever they lie: SQLite and the Parquet files beside it, seen at one moment.

Conditions are written once, in the SQL that SQLite and DuckDB share; names are quoted, values are bound.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import EngineError
from workbench.serving import log_parts
from workbench.serving.log_rows import stamp
from workbench.serving.prediction import SHADOW


class Reading:
    """Reads one log through the connection that writes it; safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.Lock, folder: Path) -> None:
        self._connection = connection
        self._lock = lock
        self._folder = folder  # of the files

    def newest(
        self,
        columns: str,
        where: str,
        values: Sequence[Any],
        limit: int | None,
        *,
        since: datetime | None,
        until: datetime | None,
    ) -> list[tuple[Any, ...]]:
        """Matching rows, newest first; `columns` has id and at among it."""
        order = 'ORDER BY "at" DESC, id DESC' + ("" if limit is None else f" LIMIT {int(limit)}")
        found = self.both(columns, f"{where} {order}", values, since=since, until=until)
        names = columns.replace('"', "").split(", ")
        at, id_ = names.index("at"), names.index("id")
        found.sort(key=lambda row: (row[at], row[id_]), reverse=True)
        return found[:limit]

    def both(
        self,
        columns: str,
        clause: str,
        values: Sequence[Any],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[tuple[Any, ...]]:
        """What SQLite and the files hold, one after the other, seen at one moment."""
        low, high = stamp(since) if since else "", stamp(until) if until else "~"
        sql = f"SELECT {columns} FROM predictions {clause}"  # noqa: S608
        with errors("read", self._folder), self._lock:
            self._connection.execute("BEGIN")
            try:
                files = [
                    part for part in log_parts.parts(self._connection) if low <= part.last_at and part.first_at < high
                ]
                found = self._connection.execute(sql, values).fetchall()
            finally:
                self._connection.execute("ROLLBACK")
        if files:
            found += log_parts.select([self._folder / part.name for part in files], columns, clause, values)
        return found

    def parts(self) -> list[log_parts.Part]:
        """The files that there are, oldest first."""
        with errors("read", self._folder), self._lock:
            return log_parts.parts(self._connection)

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What SQLite alone answers."""
        with errors("read", self._folder), self._lock:
            return self._connection.execute(sql, values).fetchall()


@contextmanager
def errors(verb: str, path: Path) -> Iterator[None]:
    """SQLite's errors in our words.

    Raises:
        EngineError: In their place.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise EngineError(
            f"the prediction log {path.with_suffix('.db')} cannot be {verb}: {error}",
            hint="look at free space, permissions and other writers",
        ) from error


def condition(
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    version: int | None = None,
    request: str | None = None,
    answered: bool = False,
    shadow: bool = True,
) -> tuple[str, list[Any]]:
    """A WHERE clause for all that is given, and the values that it binds; without `shadow` only what callers got.

    >>> condition("lending", None, None, answered=True)
    ('WHERE model = ? AND status = ?', ['lending', 200])
    """
    conditions: list[tuple[str, Any]] = []
    if model is not None:
        conditions.append(("model = ?", model))
    if since is not None:
        conditions.append(('"at" >= ?', stamp(since)))
    if until is not None:
        conditions.append(('"at" < ?', stamp(until)))
    if version is not None:
        conditions.append(("version = ?", version))
    if request is not None:
        conditions.append(("request = ?", request))
    if answered:
        conditions.append(("status = ?", 200))
    if not shadow:
        conditions.append(("COALESCE(variant, '') != ?", SHADOW))
    clause = " AND ".join(condition for condition, _ in conditions)
    return (f"WHERE {clause}" if clause else ""), [value for _, value in conditions]
