"""What may be written to a ledger inside one transaction: entries, moves of a head, effects owed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger.entry import GENESIS, Entry, Head, canonical, chained
from workbench.ledger.heads import MOVES, moved, place
from workbench.ledger.schema import ENTRY_COLUMNS, HEAD_COLUMNS

COLUMNS = ", ".join(ENTRY_COLUMNS)
HEADS = ", ".join(HEAD_COLUMNS)


class Writer:
    """Adds to a ledger; handed out by `Ledger.transaction`, of no use after it."""

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
        """Add one entry; with a key that is there already, the earlier entry and nothing is added.

        Args:
            kind: What happened, e.g. "promotion.granted".
            subject: To what: "lending", "lending/2", "run/<id>".
            actor: Who did it.
            why: The reason given; may be empty where a machine did it.
            body: The rest, plain JSON.
            now: The time, aware.
            key: Idempotency key.

        Raises:
            Misuse: The time has no offset, a name is empty, or the content is no plain JSON.
        """
        _check_names(now, kind=kind, subject=subject, actor=actor)
        plain = _plain(kind, subject=subject, actor=actor, why=why, key=key, body=body)
        earlier = self.find(key) if key is not None else None
        if earlier is not None:
            return earlier
        tip = self._connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        seq, prev = (tip[0] + 1, tip[1]) if tip else (1, GENESIS)
        entry = chained(
            seq=seq, at=now, kind=kind, subject=subject, actor=actor, why=why, body=plain, key=key, prev=prev
        )
        self._connection.execute(
            f"INSERT INTO entries ({COLUMNS}) VALUES ({', '.join('?' * len(ENTRY_COLUMNS))})",  # noqa: S608
            as_row(entry),
        )
        return entry

    def find(self, key: str) -> Entry | None:
        """The entry with an idempotency key."""
        row = self._connection.execute(f"SELECT {COLUMNS} FROM entries WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return from_row(row) if row else None

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot, as of this transaction; a cleared one too, held by version None."""
        row = self._connection.execute(
            f"SELECT {HEADS} FROM heads WHERE model = ? AND slot = ?",  # noqa: S608
            (model, slot),
        ).fetchone()
        return Head(*row) if row else None

    def move_head(self, model: str, slot: str, version: int | None, *, expected_generation: int, entry: Entry) -> Head:
        """Give a slot to a version, or clear it: compare-and-swap on the generation (0: never held yet).

        Args:
            model: Whose slot.
            slot: Which one, e.g. "champion" or "canary".
            version: Who gets it; None to clear it.
            expected_generation: The generation that the decision was made on.
            entry: The granted move, just appended; replaying it must lead to this very head.

        Raises:
            Misuse: Somebody moved it meanwhile, or the entry does not grant this move.
        """
        before = self.head(model, slot)
        generation = before.generation if before else 0
        if generation != expected_generation:
            raise Misuse(
                f"{model} moved meanwhile: generation {expected_generation} was expected, it is {generation}",
                hint=f"workbench models {model}, then decide again",
            )
        if entry.kind not in MOVES or place(entry) != (model, slot):
            raise Misuse(f"entry {entry.seq} ({entry.kind} {entry.subject}) does not move the {slot} of {model}")
        try:
            after = moved(before, entry)
        except ValueError as error:
            raise Misuse(str(error)) from error
        if after.version != version:
            given = "nobody" if version is None else f"{model} {version}"
            raise Misuse(f"entry {entry.seq} ({entry.kind} {entry.subject}) does not grant {given} the {slot}")
        if before is None:
            statement = "INSERT INTO heads (version, generation, seq, weight, model, slot) VALUES (?, ?, ?, ?, ?, ?)"
        else:
            statement = "UPDATE heads SET version = ?, generation = ?, seq = ?, weight = ? WHERE model = ? AND slot = ?"
        self._connection.execute(statement, (after.version, after.generation, after.seq, after.weight, model, slot))
        return after

    def owe(self, target: str, payload: Mapping[str, Any], *, entry: Entry) -> None:
        """Note an effect that the world outside is owed once this commits."""
        self._connection.execute(
            "INSERT INTO outbox (seq, target, payload) VALUES (?, ?, ?)",
            (entry.seq, target, canonical(dict(payload)).decode()),
        )

    def settle(self, effect_id: int) -> None:
        """Note that an effect has been applied."""
        self._connection.execute("UPDATE outbox SET done = 1 WHERE id = ?", (effect_id,))


def as_row(entry: Entry) -> tuple[Any, ...]:
    """The entry as the database keeps it; no other row tells of it."""
    return (
        entry.seq,
        entry.at.isoformat(),
        entry.kind,
        entry.subject,
        entry.actor,
        entry.why,
        canonical(dict(entry.body)).decode(),
        entry.key,
        entry.prev,
        entry.hash,
    )


def from_row(row: Sequence[Any]) -> Entry:
    """The entry that a row tells of, its hash as stored.

    Raises:
        EngineError: The row was damaged.
    """
    seq, at, kind, subject, actor, why, body, key, prev, stored = row
    try:
        when, told = datetime.fromisoformat(at), dict(json.loads(body).items())
        return Entry(seq, when, kind, subject, actor, why, told, key, prev, stored)
    except (ValueError, TypeError, AttributeError) as error:
        raise EngineError(f"entry {seq} cannot be read: {error}", hint="workbench ledger verify") from error


def _check_names(now: datetime, **names: str) -> None:
    if now.tzinfo is None or now.utcoffset() is None:
        raise Misuse(f"the time {now.isoformat()} has no offset; it must be aware", hint="datetime.now(UTC)")
    for name, given in names.items():
        if not given.strip():
            raise Misuse(f"the {name} of an entry is {given!r}; it must not be empty")


def _plain(kind: str, *, body: Mapping[str, Any], **texts: str | None) -> dict[str, Any]:
    # as it will be read back; refused now rather than when somebody reads it
    try:
        canonical(texts)
        plain: dict[str, Any] = json.loads(canonical(dict(body)))
    except (ValueError, TypeError) as error:
        raise Misuse(
            f"a {kind} entry cannot be kept: {error}", hint="texts of Unicode and plain JSON, without NaN"
        ) from error
    return plain
