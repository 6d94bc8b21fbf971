"""What a ledger asks of its database, where databases differ: the seam between SQLite and PostgreSQL.

The statements are the ledger's own and the same everywhere, with "?" for a value. Behind the seam lie the
connection, the lock by which writers follow one another, the rules as triggers, and the errors in words.
SQLite fulfils it in `sqlite`; another database is handed in from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Kept:
    """What a database says of itself: how far its rules still stand, and whether it is whole."""

    rules: Mapping[str, str]  # tables, indexes and triggers there are, by name, in one spelling
    wanted: Mapping[str, str]  # those that the ledger makes
    last_given: int | None  # highest number of an entry ever given out; None: it does not know any more
    effects_given: int | None = None  # effects that were ever owed; None: it does not count them without gaps
    damage: Callable[[], Sequence[str]] = tuple  # what it says against itself; asked for last, as it takes long


class Database(Protocol):
    """One open ledger database."""

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        ...

    @property
    def file(self) -> Path | None:
        """The file of SQLite in which other processes find what is committed; None: it is no file."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What it raises when it refuses."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it gives."""
        ...

    def stream(self, sql: str) -> Iterator[Row]:
        """Run one statement and give its rows one after another, within an open transaction."""
        ...

    def begin(self, *, writing: bool) -> None:
        """Open a transaction: one writer at a time; a reader sees one moment of the ledger."""
        ...

    def commit(self) -> None:
        """Make what was written durable."""
        ...

    def rollback(self) -> None:
        """Undo what was written."""
        ...

    def kept(self) -> Kept:
        """What it says of itself."""
        ...

    def refuse(self, error: Exception, done: str) -> NoReturn:
        """Raise its error in our words: what could not be "opened", "read" or "written", and the way out."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
