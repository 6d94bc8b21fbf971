"""The ledger on SQLite: append-only, chained by hash, one commit a transaction.

Several processes may append at once: a transaction takes the write lock before it reads the tip.
Updates and deletes are impossible through this module and through any SQL client that keeps the
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
from workbench.ledger.entry import GENESIS, Entry, Head, canonical, chained
from workbench.ledger.schema import ENTRY_COLUMNS, TABLES, TRIGGERS, VERSION
from workbench.ledger.verification import Verification, verified
from workbench.ledger.versions import ModelVersion

WAIT = 30.0  # seconds a writer waits for another


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
        scheme, found, name = url.partition(":///")
        if scheme != "sqlite" or not found or not name:
            raise Misuse(f"the ledger's URL is {url!r}; it must be sqlite:///PATH", hint="mend workbench.toml")
        path = Path(name)
        try:
            connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            _prepare(connection)
        except sqlite3.Error as error:
            raise EngineError(
                f"the ledger {path} cannot be opened: {error}",
                hint="mend its permissions, or put back a backup; an export can be compared line by line",
            ) from error
        stored = connection.execute("PRAGMA user_version").fetchone()[0]
        if stored != VERSION:
            connection.close()
            raise EngineError(
                f"the ledger {path} has schema {stored}; this workbench knows {VERSION}",
                hint="upgrade workbench",
            )
        return cls(connection, path)

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
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield Writer(self._connection)
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise EngineError(
                    f"the ledger {self._path} cannot be written: {error}",
                    hint="look at free space, permissions and other writers, then try again",
                ) from error

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
            clauses.append("substr(subject, 1, ?) = ?")
            values.extend((len(prefix), prefix))
        order = "DESC" if newest_first else "ASC"
        values.append(-1 if limit is None else limit)
        return self._entries(f"WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?", values)

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot now."""
        return next((head for head in self.heads() if (head.model, head.slot) == (model, slot)), None)

    def heads(self) -> list[Head]:
        """All heads, by model."""
        rows = self._rows("SELECT model, slot, version, generation, seq FROM heads ORDER BY model, slot")
        return [Head(*row) for row in rows]

    def owed(self) -> list[Effect]:
        """Effects not settled yet, oldest first."""
        rows = self._rows("SELECT id, seq, target, payload FROM effects WHERE NOT done ORDER BY id")
        return [Effect(id_, seq, target, json.loads(payload)) for id_, seq, target, payload in rows]

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """The registered versions, of one model or of all, by model and number."""
        prefix = None if model is None else f"{model}/"
        found = self.entries(kind="version.registered", prefix=prefix)
        return sorted((ModelVersion.from_body(entry.body) for entry in found), key=lambda v: (v.model, v.version))

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
        """Follow the chain from the first entry to the last, and name everything that is not right."""
        with self._lock:
            rows = self._rows(f"SELECT {', '.join(ENTRY_COLUMNS)} FROM entries ORDER BY seq")  # noqa: S608
            last = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'entries'")
            triggers = {row[0] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
            return verified(
                rows,
                self.heads(),
                last_given=last[0][0] if last else 0,
                missing=sorted(set(TRIGGERS) - triggers),
            )

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
        rows = self._rows(f"SELECT {', '.join(ENTRY_COLUMNS)} FROM entries {clause}", values)  # noqa: S608
        return [_entry(row) for row in rows]

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise EngineError(
                    f"the ledger {self._path} cannot be read: {error}", hint="workbench ledger verify"
                ) from error


class Writer:
    """What may be written inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

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
        """Add one entry; with a key that is there already, the earlier entry and nothing is added."""
        if key is not None:
            earlier = self.find(key)
            if earlier is not None:
                return earlier
        tip = self._connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        seq, prev = (tip[0] + 1, tip[1]) if tip else (1, GENESIS)
        plain = json.loads(canonical(dict(body)))
        entry = chained(
            seq=seq, at=now, kind=kind, subject=subject, actor=actor, why=why, body=plain, key=key, prev=prev
        )
        self._connection.execute(
            f"INSERT INTO entries ({', '.join(ENTRY_COLUMNS)}) VALUES ({', '.join('?' * len(ENTRY_COLUMNS))})",  # noqa: S608
            (
                entry.seq,
                entry.at.isoformat(),
                kind,
                subject,
                actor,
                why,
                canonical(plain).decode(),
                key,
                prev,
                entry.hash,
            ),
        )
        return entry

    def find(self, key: str) -> Entry | None:
        """The entry with an idempotency key."""
        row = self._connection.execute(
            f"SELECT {', '.join(ENTRY_COLUMNS)} FROM entries WHERE key = ?",  # noqa: S608
            (key,),
        ).fetchone()
        return _entry(row) if row else None

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot, as of this transaction."""
        row = self._connection.execute(
            "SELECT model, slot, version, generation, seq FROM heads WHERE model = ? AND slot = ?",
            (model, slot),
        ).fetchone()
        return Head(*row) if row else None

    def move_head(self, model: str, slot: str, version: int, *, expected_generation: int, entry: Entry) -> Head:
        """Give a slot to a version: compare-and-swap on the generation (0: nobody holds it yet).

        Raises:
            Misuse: Somebody moved it meanwhile.
        """
        now = self.head(model, slot)
        generation = now.generation if now else 0
        if generation != expected_generation:
            raise Misuse(
                f"{model} moved meanwhile: generation {expected_generation} was expected, it is {generation}",
                hint="look at workbench ledger show, then decide again",
            )
        self._connection.execute(
            "INSERT INTO heads (model, slot, version, generation, seq) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (model, slot) DO UPDATE SET "
            "version = excluded.version, generation = excluded.generation, seq = excluded.seq",
            (model, slot, version, generation + 1, entry.seq),
        )
        return Head(model, slot, version, generation + 1, entry.seq)

    def owe(self, target: str, payload: Mapping[str, Any], *, entry: Entry) -> None:
        """Note an effect that the world outside is owed once this commits."""
        self._connection.execute(
            "INSERT INTO effects (seq, target, payload) VALUES (?, ?, ?)",
            (entry.seq, target, canonical(dict(payload)).decode()),
        )

    def settle(self, effect_id: int) -> None:
        """Note that an effect has been applied."""
        self._connection.execute("UPDATE effects SET done = 1 WHERE id = ?", (effect_id,))


def _prepare(connection: sqlite3.Connection) -> None:
    """Set the connection up, and make the tables in one transaction where there are none."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            for statement in (*TABLES, *TRIGGERS.values()):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _entry(row: Sequence[Any]) -> Entry:
    seq, at, kind, subject, actor, why, body, key, prev, digest = row
    return Entry(seq, datetime.fromisoformat(at), kind, subject, actor, why, json.loads(body), key, prev, digest)
