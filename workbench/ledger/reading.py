"""Reading a ledger: entries by what they are about, heads, effects still owed, versions."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from workbench.errors import EngineError, Misuse
from workbench.ledger.database import Database, Row
from workbench.ledger.entry import Entry, Head, read_body
from workbench.ledger.heads import MOVES, place
from workbench.ledger.rows import COLUMNS, HEADS, from_row
from workbench.ledger.versions import REGISTERED, ModelVersion, registered

_LATER = (  # written so that the index over subjects is taken: of a long ledger, few entries are about one model
    "SELECT seq, subject FROM entries WHERE subject >= ? AND subject < ? "  # noqa: S608
    f"AND kind || '' IN ({', '.join('?' * len(MOVES))}) AND seq + 0 > ?"
)
AT_ONCE = 500  # entries that are asked for by number in one statement
_STANDING = f"""
    SELECT last, {HEADS} FROM (SELECT coalesce(max(seq), 0) AS last FROM entries) AS e
    LEFT JOIN heads h ON h.model = ? ORDER BY slot
"""  # noqa: S608
LAST_CHARACTER = "\U0010ffff"  # sorts behind every text that goes on after a prefix


@dataclass(frozen=True)
class Effect:
    """Something the world outside is still owed after a commit; applied at least once, in order."""

    id: int
    seq: int  # the entry that caused it
    target: str  # e.g. "mlflow-alias"
    payload: Mapping[str, Any]


class Wanted(NamedTuple):
    """Which entries are wanted: of these kinds, about one subject or about all."""

    kinds: tuple[str, ...]  # at least one
    subject: str | None = None  # None: about any
    newest: bool = False  # only the last of them


class Reading:
    """What can be asked of a ledger; one connection, safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()

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
        key_prefix: str | None = None,
        since: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries that match all that is given.

        Args:
            subject: Exactly this subject.
            kind: This kind, or one of these.
            prefix: Subjects that begin so, e.g. "lending/".
            key_prefix: Idempotency keys that begin so.
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
            clauses.append(f"kind IN ({', '.join('?' * len(kinds))})" if kinds else "1 = 0")
            values.extend(kinds)
        if prefix is not None:
            clauses.append("subject >= ? AND subject < ?")
            values.extend((prefix, prefix + LAST_CHARACTER))
        if key_prefix is not None:
            clauses.append("key >= ? AND key < ?")
            values.extend((key_prefix, key_prefix + LAST_CHARACTER))
        order = "DESC" if newest_first else "ASC"
        most = "" if limit is None else " LIMIT ?"
        values += [] if limit is None else [limit]
        return self._entries(f"WHERE {' AND '.join(clauses)} ORDER BY seq {order}{most}", values)

    def numbered(self, seqs: Collection[int]) -> list[Entry]:
        """The entries with some numbers, in their order; those that are not there are left out."""
        wanted = sorted(set(seqs))
        return [
            entry
            for start in range(0, len(wanted), AT_ONCE)
            for some in [wanted[start : start + AT_ONCE]]
            for entry in self._entries(f"WHERE seq IN ({', '.join('?' * len(some))}) ORDER BY seq", some)
        ]

    def gather(self, *wanted: Wanted) -> list[list[Entry]]:
        """Several lists of entries, each in the order of the ledger, all as of one moment: one statement reads them.

        Args:
            wanted: What each list is to hold.
        """
        found: list[list[Entry]] = [[] for _ in wanted]
        if wanted:
            shape = tuple([(len(kinds), subject is not None, newest) for kinds, subject, newest in wanted])
            values: list[Any] = []
            for kinds, subject, _ in wanted:
                values += kinds if subject is None else (subject, *kinds)
            for row in self._rows(_gathering(shape), values):
                found[row[0]].append(from_row(row[1:]))
        for entries in found:
            if len(entries) > 1:
                entries.sort(key=attrgetter("seq"))
        return found

    @property
    def last(self) -> int:
        """The number of the last entry; 0 in an empty ledger."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM entries")[0][0])

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot now; a cleared one has version None, one never held is None."""
        rows = self._rows(f"SELECT {HEADS} FROM heads WHERE model = ? AND slot = ?", (model, slot))  # noqa: S608
        return Head(*rows[0]) if rows else None

    def standing(self, model: str) -> tuple[int, list[Head]]:
        """The number of the last entry, as `last`, and a model's heads, cleared ones too: all as of one moment."""
        rows = self._rows(_STANDING, (model,))
        return rows[0][0], [Head(*head) for _, *head in rows if head[0] is not None]

    def heads(self, *, model: str | None = None, cleared: bool = False) -> list[Head]:
        """The heads by model and slot: those that a version holds, and on request the cleared ones too."""
        clauses = ["1 = 1" if cleared else "version IS NOT NULL", *(["model = ?"] if model is not None else [])]
        which = f"WHERE {' AND '.join(clauses)} ORDER BY model, slot"
        values = [] if model is None else [model]
        return [Head(*row) for row in self._rows(f"SELECT {HEADS} FROM heads {which}", values)]  # noqa: S608

    def moves_after(self, head: Head) -> list[Entry]:
        """The entries that move a head's slot and come after the one that it names, in their order."""
        first = f"{head.model}/"
        rows = self._rows(_LATER, (first, first + LAST_CHARACTER, *MOVES, head.seq))
        mine = [seq for seq, subject in rows if subject.rpartition("/")[0] == head.model]
        return [entry for entry in self.numbered(mine) if place(entry) == (head.model, head.slot)]

    def owed(self) -> list[Effect]:
        """Effects not settled yet, oldest first.

        Raises:
            EngineError: An effect was damaged.
        """
        rows = self._rows("SELECT id, seq, target, payload FROM outbox WHERE done = 0 ORDER BY id")
        try:
            return [Effect(id_, seq, target, read_body(payload)) for id_, seq, target, payload in rows]
        except (ValueError, TypeError) as error:
            raise EngineError(f"an owed effect cannot be read: {error}", hint="workbench ledger verify") from error

    def versions(self, model: str | None = None) -> list[ModelVersion]:
        """The registered versions, of one model or of all, by model and number."""
        entries = self.entries(kind=REGISTERED, prefix=None if model is None else f"{model}/")
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
        found = registered(self.entries(subject=f"{model}/{version}", kind=REGISTERED, limit=1), model, version)
        if found is not None:
            return found
        versions = self.versions(model)
        if versions:
            hint = f"{model} has the versions {', '.join(str(v.version) for v in versions)}"
        else:
            known = sorted({v.model for v in self.versions()})
            hint = (
                f"registered models: {', '.join(known)}" if known else "no model is registered yet: workbench run train"
            )
        raise Misuse(f"{model} has no version {version}", hint=hint)

    def _entries(self, clause: str, values: Sequence[Any]) -> list[Entry]:
        return [from_row(row) for row in self._rows(f"SELECT {COLUMNS} FROM entries {clause}", values)]  # noqa: S608

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            try:
                return self._database.execute(sql, values)
            except self._database.errors as error:
                self._database.refuse(error, "read")


@lru_cache(maxsize=64)
def _gathering(shape: tuple[tuple[int, bool, bool], ...]) -> str:
    """The statement that reads so many lists: for each its kinds, whether a subject is given, and only the newest."""
    parts = []
    for number, (kinds, about_one, newest) in enumerate(shape):
        clauses = [*(["subject = ?"] if about_one else []), f"kind IN ({', '.join('?' * kinds)})"]
        part = f"SELECT {number}, {COLUMNS} FROM entries WHERE {' AND '.join(clauses)}"  # noqa: S608
        last = f"SELECT * FROM ({part} ORDER BY seq DESC LIMIT 1) AS newest"  # noqa: S608
        parts.append(last if newest else part)
    return " UNION ALL ".join(parts)
