"""The ledger on SQLite: append-only, chained by hash, one commit a transaction.

Several processes may append at once: a transaction takes the write lock before it reads the tip.
Updates and deletes are impossible through this package and through any SQL client that keeps the
triggers; `verify` finds what was done behind them.

    with Ledger.open("sqlite:///ledger.db") as ledger:
        ledger.append("note", subject="lending", actor="analyst", why="a first look", body={}, now=now)
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger.entry import Entry, Head
from workbench.ledger.opening import BROKEN, connect, file_of, refuse
from workbench.ledger.schema import spelled
from workbench.ledger.verification import Verification, verified
from workbench.ledger.versions import ModelVersion
from workbench.ledger.writer import COLUMNS, HEADS, Writer, from_row

LAST_CHARACTER = "\U0010ffff"  # sorts behind every text that goes on after a prefix


@dataclass(frozen=True)
class Effect:
    """Something the world outside is still owed after a commit; applied at least once, in order."""

    id: int
    seq: int  # the entry that caused it
    target: str  # e.g. "mlflow-alias"
    payload: Mapping[str, Any]


class Ledger:
    """What happened, in order; one connection, safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()

    @classmethod
    def open(cls, url: str) -> Ledger:
        """The ledger at a URL, made when it is not there.

        Args:
            url: "sqlite:///" followed by a path.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, is no ledger, or is of a newer workbench.
        """
        path = file_of(url)
        return cls(connect(path), path)

    # writing

    def append(
        self,
        kind: str,
        *,
        subject: str,
        actor: str,
        why: str,
        body: Mapping[str, Any],
        now: datetime,
        key: str | None = None,
    ) -> Entry:
        """Add one entry in a commit of its own; with a key that is there already, the earlier entry."""
        with self.transaction() as writer:
            return writer.append(kind, subject=subject, actor=actor, why=why, body=body, now=now, key=key)

    @contextmanager
    def transaction(self) -> Iterator[Writer]:
        """One commit or nothing: what is written through the writer becomes true together.

        Raises:
            EngineError: The database refused (full disk, read-only file, a lock held too long).
            Misuse: This thread has one open already.
        """
        with self._lock:
            if self._connection.in_transaction:
                raise Misuse("a transaction of this ledger is open already", hint="write through its writer")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield Writer(self._connection)
                    self._connection.execute("COMMIT")
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
            except BROKEN as error:
                refuse(self._path, error, "written")

    def settle(self, effect_id: int) -> None:
        """Note that an effect has been applied; noting it twice does no harm."""
        with self.transaction() as writer:
            writer.settle(effect_id)

    # reading

    def find(self, key: str) -> Entry | None:
        """The entry with an idempotency key."""
        found = self._entries("WHERE key = ?", (key,))
        return found[0] if found else None

    def entries(
        self,
        *,
        subject: str | None = None,
        kind: str | Sequence[str] | None = None,
        prefix: str | None = None,
        since: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries that match all that is given.

        Args:
            subject: Exactly this subject.
            kind: This kind, or one of these.
            prefix: Subjects that begin so, e.g. "lending/".
            since: Only entries after this number.
            newest_first: The other way round.
            limit: At most so many.
        """
        clauses: list[str] = ["seq > ?"]
        values: list[Any] = [since]
        if subject is not None:
            clauses.append("subject = ?")
            values.append(subject)
        if kind is not None:
            kinds = (kind,) if isinstance(kind, str) else tuple(kind)
            clauses.append(f"kind IN ({', '.join('?' * len(kinds))})")
            values.extend(kinds)
        if prefix is not None:
            clauses.append("subject >= ? AND subject < ?")
            values.extend((prefix, prefix + LAST_CHARACTER))
        order = "DESC" if newest_first else "ASC"
        values.append(-1 if limit is None else limit)
        return self._entries(f"WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?", values)

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot now; a cleared one has version None, one never held is None."""
        rows = self._rows(f"SELECT {HEADS} FROM heads WHERE model = ? AND slot = ?", (model, slot))  # noqa: S608
        return Head(*rows[0]) if rows else None

    def heads(self, *, cleared: bool = False) -> list[Head]:
        """The heads by model and slot: those that a version holds, and on request the cleared ones too."""
        which = "" if cleared else "WHERE version IS NOT NULL "
        return [Head(*row) for row in self._rows(f"SELECT {HEADS} FROM heads {which}ORDER BY model, slot")]  # noqa: S608

    def owed(self) -> list[Effect]:
        """Effects not settled yet, oldest first.

        Raises:
            EngineError: An effect was damaged.
        """
        rows = self._rows("SELECT id, seq, target, payload FROM outbox WHERE NOT done ORDER BY id")
        try:
            return [Effect(id_, seq, target, json.loads(payload)) for id_, seq, target, payload in rows]
        except (ValueError, TypeError) as error:
            raise EngineError(f"an owed effect cannot be read: {error}", hint="workbench ledger verify") from error

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """The registered versions, of one model or of all, by model and number."""
        entries = self.entries(kind="version.registered", prefix=None if model is None else f"{model}/")
        found: dict[tuple[str, int], ModelVersion] = {}
        for entry in entries:
            version = ModelVersion.from_body(entry.body)
            if model in {None, version.model}:  # the prefix "a/" is also that of a model "a/b"
                found.setdefault((version.model, version.version), version)  # a version is registered once
        return [found[name] for name in sorted(found)]

    def version(self, model: str, version: int) -> ModelVersion:
        """One registered version.

        Raises:
            Misuse: It is not in the ledger.
        """
        versions = self.versions(model)
        for found in versions:
            if found.version == version:
                return found
        if versions:
            hint = f"{model} has the versions {', '.join(str(v.version) for v in versions)}"
        else:
            known = sorted({v.model for v in self.versions()})
            hint = (
                f"registered models: {', '.join(known)}" if known else "no model is registered yet: workbench run train"
            )
        raise Misuse(f"{model} has no version {version}", hint=hint)

    def verify(self) -> Verification:
        """Follow the chain from the first entry to the last, and name everything that is not right.

        Raises:
            EngineError: The file is so damaged that it cannot be followed.
        """
        with self._lock:
            reading = not self._connection.in_transaction
            if reading:
                self._rows("BEGIN")  # one moment of the ledger, whoever else writes
            try:
                last = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'entries'")
                rules = self._rows("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
                checked = self._rows("PRAGMA integrity_check")
                return verified(
                    self._connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY seq"),  # noqa: S608
                    self.heads(cleared=True),
                    last_given=last[0][0] if last else None,
                    owed_for=[row[0] for row in self._rows("SELECT DISTINCT seq FROM outbox")],
                    rules={name: spelled(sql or "") for name, sql in rules},
                    damage=[row[0] for row in checked if row[0] != "ok"],
                )
            except BROKEN as error:
                refuse(self._path, error, "read")
            finally:
                if reading and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def export(self) -> Iterator[str]:
        """The entries as JSON lines, one an entry."""
        for entry in self.entries():
            yield json.dumps(entry.as_dict(), ensure_ascii=False, sort_keys=True)

    # life

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entries(self, clause: str, values: Sequence[Any]) -> list[Entry]:
        return [from_row(row) for row in self._rows(f"SELECT {COLUMNS} FROM entries {clause}", values)]  # noqa: S608

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except BROKEN as error:
                refuse(self._path, error, "read")
