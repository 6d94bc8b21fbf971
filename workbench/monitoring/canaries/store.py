"""What is counted of each canary, one row a plan in a SQLite file: replaced only by whoever read it last.

The row is a convenience: where it is lost, the prediction log is counted again from the canary's first
share. Two controllers that count the same interval are told apart by the row's revision; one is refused.

>>> with CanaryStore.open("sqlite:///:memory:") as store:
...     store.put(7, {"agreed": 1}, revision=0), store.put(7, {"agreed": 2}, revision=0), store.get(7)
(True, False, ({'agreed': 1}, 1))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workbench.serving.store_file import Store

TABLE = "CREATE TABLE IF NOT EXISTS canaries (plan INTEGER PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL)"


class CanaryStore(Store):
    """The rows of all canaries; one connection, safe to share between threads."""

    WHAT, MIGRATIONS, VERSION = "the canaries", {0: (TABLE,)}, 1
    REMADE = "it is counted again from the log"
    UNMARKED = frozenset({"canaries"})
    HINT = "look at its folder, or move it aside: it is counted again from the log"

    def get(self, plan: int) -> tuple[dict[str, Any] | None, int]:
        """What is kept of a plan, and its revision; (None, 0) where nothing is."""
        with self._using() as connection:
            row = connection.execute("SELECT body, revision FROM canaries WHERE plan = ?", (plan,)).fetchone()
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
        with self._using() as connection:
            if revision == 0:
                done = connection.execute(
                    "INSERT INTO canaries VALUES (?, 1, ?) ON CONFLICT (plan) DO NOTHING", (plan, text)
                )
            else:
                done = connection.execute(
                    "UPDATE canaries SET body = ?, revision = revision + 1 WHERE plan = ? AND revision = ?",
                    (text, plan, revision),
                )
        return done.rowcount == 1
