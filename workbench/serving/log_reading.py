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
                files = self._within(low, high)
                found = self._connection.execute(sql, values).fetchall()
            finally:
                self._connection.execute("ROLLBACK")
        if files:
            found += log_parts.select([self._folder / part.name for part in files], columns, clause, values)
        return found

    def labelled(
        self, columns: str, where: str, values: Sequence[Any], *, since: datetime | None, until: datetime | None
    ) -> list[tuple[Any, ...]]:
        """Matching rows whose truth is known, with its value and time, newest first; `columns` begins with id, at."""
        low, high = stamp(since) if since else "", stamp(until) if until else "~"
        sql = (
            f"SELECT p.*, l.value, l.at FROM (SELECT {columns} FROM predictions {where}) p "  # noqa: S608
            "JOIN labels l ON l.id = p.id"
        )
        files, truths = list[Path](), dict[str, tuple[float, str]]()
        with errors("read", self._folder), self._lock:
            self._connection.execute("BEGIN")
            try:
                files = [self._folder / part.name for part in self._within(low, high)]
                found = self._connection.execute(sql, values).fetchall()
                if files:
                    told = self._connection.execute("SELECT id, value, at FROM labels").fetchall()
                    truths = {id_: (value, at) for id_, value, at in told}
            finally:
                self._connection.execute("ROLLBACK")
        if truths:
            older = log_parts.select(files, columns, where, values)
            found += [(*row, *truths[row[0]]) for row in older if row[0] in truths]
        return sorted(found, key=lambda row: (row[1], row[0]), reverse=True)

    def label_hours(self, since: datetime) -> dict[str, dict[datetime, tuple[int, str]]]:
        """How many answers of each hour have a label, and when the latest came, by model and hour."""
        low = stamp(since)
        labels = list[tuple[str, str]]()
        told = 'model, substr("at", 1, 13), count(*), max(labelled)'
        with errors("read", self._folder), self._lock:
            self._connection.execute("BEGIN")
            try:
                files = [self._folder / part.name for part in self._within(low, "~")]
                found = self._connection.execute(
                    f"SELECT {told} FROM (SELECT p.model, p.at, l.at AS labelled FROM labels l "  # noqa: S608
                    "CROSS JOIN predictions p ON p.id = l.id WHERE p.status = 200 AND p.at >= ?) GROUP BY 1, 2",
                    (low,),
                ).fetchall()
                if files:
                    labels = self._connection.execute("SELECT id, at FROM labels").fetchall()
            finally:
                self._connection.execute("ROLLBACK")
        found += log_parts.label_hours(files, labels, low) if labels else []
        hours: dict[str, dict[datetime, tuple[int, str]]] = {}
        for model, hour, n, last in found:
            of, at = hours.setdefault(model, {}), datetime.fromisoformat(f"{hour}:00:00+00:00")
            before = of.get(at, (0, ""))
            of[at] = (before[0] + n, max(before[1], last))
        return hours

    def _within(self, low: str, high: str) -> list[log_parts.Part]:
        return [part for part in log_parts.parts(self._connection) if low <= part.last_at and part.first_at < high]

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
