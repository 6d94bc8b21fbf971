"""Where held answers lie with what a reviewer has to see, until some time after they were decided.

The ledger says what was asked and decided; here are the features, which never go there. A SQLite file of
its own that this user alone reads; several processes may use it at once.

>>> with HeldStore.open("sqlite:///:memory:") as store:
...     store.add([Held.sample()])
...     [held.id for held in store.waiting()], store.find("p2")
(['p1'], None)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from workbench.serving.held import Decided, Held
from workbench.serving.log_rows import stamp
from workbench.serving.store_file import Store

MIGRATIONS = {
    0: (
        """
        CREATE TABLE held (
            id TEXT PRIMARY KEY, model TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, decided TEXT,
            told INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX held_open ON held (model, decided)",
    ),
}
MOST_TRIES = 20  # of telling the webhook


class Known(NamedTuple):
    """A held answer with what it came to."""

    held: Held
    decided: Decided | None


class HeldStore(Store):
    """The held answers; one connection, safe to share between threads."""

    WHAT, MIGRATIONS, VERSION = "the held answers", MIGRATIONS, 1

    @property
    def _name(self) -> str:  # clients may read it
        return f"{self.WHAT} in {Path(self._path).name}"

    def add(self, held: Sequence[Held]) -> None:
        """Keep answers that are held."""
        rows = [(one.id, one.model, stamp(one.at), json.dumps(one.as_json())) for one in held]
        with self._using() as connection:
            connection.executemany("INSERT OR IGNORE INTO held (id, model, at, body) VALUES (?, ?, ?, ?)", rows)

    def find(self, prediction: str) -> Known | None:
        """One held answer."""
        found = self._select("WHERE id = ?", prediction)
        return found[0] if found else None

    def waiting(self, model: str | None = None) -> list[Held]:
        """Those that are not decided, oldest first."""
        where = "WHERE decided IS NULL AND (?1 IS NULL OR model = ?1) ORDER BY at, id"
        return [known.held for known in self._select(where, model)]

    def untold(self, model: str | None = None) -> list[Known]:
        """Those that were decided and that the webhook was not told of yet."""
        where = f"WHERE decided IS NOT NULL AND told = 0 AND tries < {MOST_TRIES} AND (?1 IS NULL OR model = ?1)"
        return self._select(where, model)

    def decide(self, prediction: str, decided: Decided) -> None:
        """Note what the ledger says that it came to."""
        with self._using() as connection:
            connection.execute("UPDATE held SET decided = ? WHERE id = ?", (json.dumps(asdict(decided)), prediction))

    def told(self, prediction: str, *, good: bool) -> None:
        """Note an attempt to tell the webhook."""
        with self._using() as connection:
            connection.execute("UPDATE held SET told = ?, tries = tries + 1 WHERE id = ?", (int(good), prediction))

    def models(self) -> list[str]:
        """The models of which it has an answer."""
        with self._using() as connection:
            return [model for (model,) in connection.execute("SELECT DISTINCT model FROM held ORDER BY model")]

    def forget(self, before: datetime, *, model: str | None = None, dry_run: bool = False) -> int:
        """Remove what was asked before a time and is decided; how many these are."""
        where = "at < ?1 AND decided IS NOT NULL AND (?2 IS NULL OR model = ?2)"
        with self._using() as connection:
            if dry_run:
                counted = connection.execute(f"SELECT count(*) FROM held WHERE {where}", (stamp(before), model))  # noqa: S608
                return int(counted.fetchone()[0])
            return connection.execute(f"DELETE FROM held WHERE {where}", (stamp(before), model)).rowcount  # noqa: S608

    def drop(self, prediction: str) -> None:
        """Remove one that nobody was asked about."""
        with self._using() as connection:
            connection.execute("DELETE FROM held WHERE id = ?", (prediction,))

    def _select(self, where: str, *values: Any) -> list[Known]:
        with self._using() as connection:
            rows = connection.execute(f"SELECT body, decided FROM held {where}", values).fetchall()  # noqa: S608
        return [
            Known(Held.from_json(json.loads(body)), None if decided is None else Decided(**json.loads(decided)))
            for body, decided in rows
        ]
