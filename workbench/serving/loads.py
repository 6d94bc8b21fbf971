"""Loads of versions on trial that ended the process they ran in, so that none is tried for ever.

A load is noted before it begins and struck out when it is over, however it went; what a process left noted
when it was gone has ended it, or was cut off with it. A version that was cut off is tried again a little later,
while the champion answers; after `DEADLY` times in a row it is loaded no more in this generation of its slot, and
the controller of canaries takes it back. A load that ends well clears the count. A version of which nothing can be
noted is not loaded.

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
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from workbench.errors import EngineError
from workbench.ledger import Head
from workbench.serving.holders import gone, this_process
from workbench.serving.store_file import open_store

DEADLY = 3  # loads in a row that ended their process
VERSION = 1
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


class Loads:
    """The loads that have begun and are not over; one connection, safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()
        self._waited: set[Head] = set()  # cut off before this process began; tried again, but not first

    @classmethod
    def open(cls, url: str) -> Loads:
        """The store at a URL, made when it is not there.

        Args:
            url: "sqlite:///" followed by a path.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, or is no such store.
        """
        return cls(*open_store(url, "the loads", MIGRATIONS, version=VERSION, synchronous="NORMAL"))

    def killed(self, head: Head) -> int:
        """How many loads of who holds a slot ended their process, one after the other.

        Raises:
            EngineError: It cannot be read.
        """
        with self._using() as connection:
            found = connection.execute(f"SELECT holder FROM loads WHERE {SAME}", _place(head)).fetchall()  # noqa: S608
        return sum(gone(holder) for (holder,) in found)

    @contextmanager
    def noted(self, head: Head) -> Iterator[None]:
        """Around a load.

        Raises:
            EngineError: It is not to be loaded: not now, or no more.
        """
        killed = self.killed(head)
        if killed >= DEADLY:
            raise EngineError(
                f"loading {head.model} {head.version} ended its process {killed} times; it is not loaded again",
                hint=f"workbench stage {head.model} {head.version} --out --why …, unless its controller did it",
            )
        if killed and head not in self._waited:
            self._waited.add(head)
            raise EngineError(
                f"loading {head.model} {head.version} ended its process {killed} of at most {DEADLY} times; "
                "it is tried again in a moment"
            )
        with self._using() as connection:
            connection.execute(
                "DELETE FROM loads WHERE model = ? AND slot = ? AND generation < ?",
                (head.model, head.slot, head.generation),
            )
            connection.execute("INSERT INTO loads VALUES (?, ?, ?, ?, ?)", (*_place(head), this_process()))
        try:
            yield
        except BaseException:
            self._strike(head, "AND holder = ?", this_process())
            raise
        self._strike(head)

    def leave(self) -> None:
        """Strike out what this process is loading: it ends because it is told to."""
        with suppress(EngineError), self._using() as connection:
            connection.execute("DELETE FROM loads WHERE holder = ?", (this_process(),))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Loads:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _strike(self, head: Head, more: str = "", *values: str) -> None:
        with self._using() as connection:
            connection.execute(f"DELETE FROM loads WHERE {SAME} {more}", (*_place(head), *values))  # noqa: S608

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise EngineError(f"the loads {self._path} cannot be noted: {error}", hint="look at free space") from error


def _place(head: Head) -> tuple[str, str, int, int]:
    return head.model, head.slot, head.holder, head.generation
