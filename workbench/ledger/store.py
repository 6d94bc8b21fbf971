"""The ledger: append-only, chained by hash, one commit a transaction.

Several processes may append at once: a transaction takes the write lock before it reads the tip.
Updates and deletes are impossible through this package and through any SQL client that keeps the
triggers; `verify` finds what was done behind them.

    with Ledger.open("sqlite:///ledger.db") as ledger:
        ledger.append("note", subject="lending", actor="analyst", why="a first look", body={}, now=now)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

from workbench.ledger.beside import entries
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.database import Database
from workbench.ledger.drafts import Draft
from workbench.ledger.effects import EFFECTS
from workbench.ledger.entry import Entry
from workbench.ledger.exporting import lines
from workbench.ledger.opening import file_of
from workbench.ledger.rows import COLUMNS
from workbench.ledger.signed import Signed
from workbench.ledger.sqlite import SqliteDatabase
from workbench.ledger.verification import Signs, Verification, verified


class Ledger(Signed):
    """What happened, in order; one connection, safe to share between threads."""

    @classmethod
    def open(cls, url: str, engines: Mapping[str, Callable[[str], Database]] | None = None) -> Ledger:
        """The ledger at a URL, made when it is not there.

        Args:
            url: "sqlite:///" followed by a path, or one whose scheme `engines` names.
            engines: What opens the databases of other schemes, e.g. "postgresql".

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The database cannot be written, is no ledger, or is of a newer workbench.
        """
        scheme = url.partition("://")[0]
        if engines and scheme in engines:
            return cls(engines[scheme](url))
        return cls(SqliteDatabase(file_of(url)))

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

    def append_all(self, drafts: Iterable[Draft]) -> list[Entry]:
        """Add many entries in one commit: all of them, or none; a key that is there gives the earlier entry."""
        with self.transaction() as writer:
            return [writer.add(draft) for draft in drafts]

    def settle(self, effect_id: int) -> None:
        """Note that an effect has been applied; noting it twice does no harm."""
        with self.transaction() as writer:
            writer.settle(effect_id)

    # judging

    def verify(self, *, witness: Sequence[Checkpoint] | None = None) -> Verification:
        """Follow the chain from the first entry to the last, and name everything that is not right.

        Args:
            witness: Checkpoints that were kept elsewhere; the ledger must go on every one.

        Raises:
            EngineError: The database is so damaged that it cannot be followed.
        """
        with self._moment():
            tree = self._rows("SELECT size, roots FROM tree")
            signs = Signs(
                tree=(tree[0][0], tree[0][1]) if tree else (0, None),
                tiles=[(number, root) for number, root in self._rows("SELECT number, root FROM tiles ORDER BY number")],
                checkpoints=[
                    (size, note) for size, note in self._rows("SELECT size, note FROM checkpoints ORDER BY size")
                ],
                witness=witness,
                heads=self.heads(cleared=True),
            )
            return verified(
                entries(self._database),
                signs,
                kept=self._database.kept(),
                effects=self._rows(EFFECTS),
            )

    def export(self) -> Iterator[str]:
        """Everything an auditor needs, as JSON lines: the entries, then the keys, the checkpoints and the effects."""
        with self._moment():
            rows = self._rows(f"SELECT {COLUMNS} FROM entries ORDER BY seq")  # noqa: S608
            keys, checkpoints, effects = self.keys(), self.checkpoints(), self._rows(EFFECTS)
        return lines(rows, keys, checkpoints, effects)

    # life

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
