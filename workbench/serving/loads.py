"""Loads that ended the process they ran in, so that none is tried for ever.

A load is noted before it begins and struck out when it is over, however it went; what a process left noted
when it was gone has ended it, or was cut off with it. A version that was cut off is tried again a little later,
while all others answer; after `DEADLY` times in a row it is loaded no more in this generation of its slot. The
controller of canaries takes one on trial back; a champion waits for a move, or for somebody to `forget` it. A load
that ends well clears the count, and one that is cut off because its process was told to stop counts for nothing
(`leave`). A version on trial of which nothing can be noted is not loaded; a champion is, for no full disk takes it
out of use.

>>> from workbench.ledger import Head
>>> canary = Head("lending", "canary", 2, 5, 40, 0.05)
>>> with Loads.open("sqlite:///:memory:") as loads:
...     with loads.noted(canary):
...         pass  # it is loaded
...     loads.killed(canary)
0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from workbench.errors import EngineError
from workbench.ledger import Head
from workbench.promotion.stages import CHAMPION
from workbench.serving.holders import gone, this_process
from workbench.serving.store_file import Store

DEADLY = 3  # loads in a row that ended their process
MIGRATIONS = {
    0: (
        """
        CREATE TABLE loads (
            model TEXT NOT NULL, slot TEXT NOT NULL, version INTEGER NOT NULL, generation INTEGER NOT NULL,
            holder TEXT NOT NULL
        )
        """,
    ),
}
SAME = "model = ? AND slot = ? AND version = ? AND generation = ?"


class DeadlyError(EngineError):
    """Loading a version ended its process too often; it is loaded no more."""


class Loads(Store):
    """The loads that have begun and are not over; one connection, safe to share between threads."""

    WHAT, MIGRATIONS, VERSION = "the loads", MIGRATIONS, 1
    SYNCHRONOUS = "NORMAL"

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        super().__init__(connection, path)
        self._waited: set[Head] = set()  # cut off before this process began; tried again, but not first
        self._left = False  # this process stops, and loads no more

    def killed(self, head: Head) -> int:
        """How many loads of who holds a slot ended their process, one after the other.

        Args:
            head: Who holds it; of an earlier turn in the slot nothing counts.

        Raises:
            EngineError: It cannot be read.
        """
        with self._using("noted") as connection:
            found = connection.execute(f"SELECT holder FROM loads WHERE {SAME}", _place(head)).fetchall()  # noqa: S608
        return sum(gone(holder) for (holder,) in found)

    @contextmanager
    def noted(self, head: Head, *, alone: bool = False) -> Iterator[None]:
        """Around a load.

        Args:
            head: Who holds the slot.
            alone: Whether nothing else is to be loaded here, so that what was cut off before is tried at once.

        Raises:
            DeadlyError: It is loaded no more.
            EngineError: It is not to be loaded now.
        """
        killed = 0
        with _needed(head):
            killed = self.killed(head)
        if killed >= DEADLY:
            raise DeadlyError(
                f"loading {head.model} {head.version} ended its process {killed} times; it is not loaded again",
                hint=_way_out(head),
            )
        if killed and not alone and head not in self._waited:
            self._waited.add(head)
            raise EngineError(
                f"loading {head.model} {head.version} ended its process {killed} of at most {DEADLY} times; "
                "it is tried again in a moment"
            )
        with _needed(head), self._using("noted") as connection:
            connection.execute(
                "DELETE FROM loads WHERE model = ? AND slot = ? AND generation < ?",
                (head.model, head.slot, head.generation),
            )
            connection.execute("INSERT INTO loads VALUES (?, ?, ?, ?, ?)", (*_place(head), this_process()))
        if self._left:  # looked at once it is noted: who leaves first strikes it out, or is seen here
            self._strike(head, "AND holder = ?", this_process())
            raise EngineError(f"{head.model} {head.version} is not loaded: the process stops")
        try:
            yield
        except BaseException:
            with _needed(head):
                self._strike(head, "AND holder = ?", this_process())
            raise
        with _needed(head):
            self._strike(head)

    def leave(self, holder: str | None = None) -> None:
        """Strike out what a process is loading: it ends because it is told to.

        Args:
            holder: Its name (`holders`), once it loads nothing more; None: this process, which refuses to from now on.
        """
        self._left = self._left or holder is None
        with suppress(EngineError), self._using("noted") as connection:
            connection.execute("DELETE FROM loads WHERE holder = ?", (holder or this_process(),))

    def forget(self, model: str) -> int:
        """Strike out all loads of a model that ended their process, so that its versions are tried again.

        Args:
            model: Its name.

        Returns:
            How many there were.

        Raises:
            EngineError: It cannot be noted.
        """
        with self._using("noted") as connection:
            found = connection.execute("SELECT DISTINCT holder FROM loads WHERE model = ?", (model,)).fetchall()
            ended = [(model, holder) for (holder,) in found if gone(holder)]
            return connection.executemany("DELETE FROM loads WHERE model = ? AND holder = ?", ended).rowcount

    def _strike(self, head: Head, more: str = "", *values: str) -> None:
        with self._using("noted") as connection:
            connection.execute(f"DELETE FROM loads WHERE {SAME} {more}", (*_place(head), *values))  # noqa: S608


@contextmanager
def _needed(head: Head) -> Iterator[None]:
    """Around a note: a champion is loaded where none can be made.

    Raises:
        EngineError: None can be made of a version on trial.
    """
    try:
        yield
    except EngineError:
        if head.slot != CHAMPION:
            raise


def _way_out(head: Head) -> str:
    if head.slot == CHAMPION:
        return f"workbench rollback {head.model} --why …; or, once it is mended: workbench reload {head.model}"
    return f"workbench stage {head.model} {head.version} --out --why …, unless its controller did it"


def _place(head: Head) -> tuple[str, str, int, int]:
    return head.model, head.slot, head.holder, head.generation
