"""Streams and desk as tables of one database: the same SQL on SQLite and PostgreSQL.

Events of a topic stand at 0, 1, 2, … without gaps; an append holds the topic's row, so that no reader sees
an event before an earlier one. An event whose (source, id) the topic has already is not added again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from workbench.errors import Misuse
from workbench.serving.events.cloud_event import LARGEST, Event
from workbench.serving.events.port import BYTES, Output, Position, Record, check_topic

VERSION = 1  # of the tables
TABLES = (
    "CREATE TABLE topics (name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, next BIGINT NOT NULL)",
    """CREATE TABLE events (
        topic INTEGER NOT NULL, seq BIGINT NOT NULL, key {bytes} NOT NULL, body {bytes} NOT NULL,
        PRIMARY KEY (topic, seq)
    ) {clustered}""",
    "CREATE UNIQUE INDEX events_by_key ON events (topic, key)",
    """CREATE TABLE subscriptions (
        name TEXT PRIMARY KEY, token TEXT NOT NULL, topic TEXT NOT NULL, stream TEXT NOT NULL, model TEXT NOT NULL,
        target TEXT NOT NULL, fence BIGINT NOT NULL, beats BIGINT NOT NULL, holder TEXT NOT NULL, version INTEGER,
        scored BIGINT NOT NULL, duplicates BIGINT NOT NULL, failures BIGINT NOT NULL, problem TEXT NOT NULL,
        busy {real} NOT NULL, at TEXT
    )""",
    """CREATE TABLE positions (
        subscription TEXT NOT NULL, part INTEGER NOT NULL, next BIGINT NOT NULL, stop BIGINT NOT NULL,
        logged BIGINT NOT NULL, PRIMARY KEY (subscription, part)
    )""",
    """CREATE TABLE dead_letters (
        subscription TEXT NOT NULL, part INTEGER NOT NULL, pos BIGINT NOT NULL, kind TEXT NOT NULL,
        reason TEXT NOT NULL, body {bytes} NOT NULL, size BIGINT NOT NULL, at TEXT NOT NULL, tries INTEGER NOT NULL,
        redriven TEXT, PRIMARY KEY (subscription, part, pos)
    )""",
    "CREATE TABLE event_tables (version INTEGER NOT NULL)",
)
ROWS = 256  # read by one query
PAUSE = 0.02  # seconds between two looks where nothing is there


class Rows(Protocol):
    """One transaction; `?` stands for a value."""

    def run(self, sql: str, values: Sequence[Any] = (), /) -> list[Sequence[Any]]:
        """The rows of one statement."""
        ...

    def change(self, sql: str, values: Sequence[Any] = (), /) -> int:
        """How many rows a statement changed."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> int:
        """Add rows, but those whose key is there already; how many were added."""
        ...


class Database(Protocol):
    """A database of our own; its errors are `EngineError`."""

    def writing(self) -> AbstractContextManager[Rows]:
        """One transaction that writes: all of it or nothing."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """One look: all of it as of one moment."""
        ...

    def close(self) -> None:
        """Leave it."""
        ...


def tables(*, bytes_: str, real: str, clustered: str) -> list[str]:
    """The statements that make the tables, in a database's names of types."""
    return [text.format(bytes=bytes_, real=real, clustered=clustered) for text in TABLES]


class TableStream:
    """Topics as rows of a database; one partition each, 0."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    def append(self, topic: str, events: Sequence[Event], /) -> int:
        """Add events at the end in one commit; how many are new.

        Raises:
            Misuse: The name is no topic's, or an event is too large.
        """
        check_topic(topic)
        made = [Output(event.key, event.body()) for event in events]
        for one in made:
            if len(one.body) > LARGEST:
                raise Misuse(
                    f"an event has {len(one.body):,} bytes; at most {LARGEST:,} are taken",
                    hint="send a reference to what is large",
                )
        with self._database.writing() as writer:
            return add(writer, topic, made)

    def read(
        self, topic: str, position: Position, /, *, most: int, wait: float, until: Position | None = None
    ) -> list[Record]:
        """Events from a position on."""
        first = position.get(0, 0)
        give_up = time.monotonic() + wait
        while True:
            found = self._read(topic, first, most if until is None else min(most, until.get(0, 0) - first))
            if found or time.monotonic() >= give_up:
                return found
            time.sleep(min(PAUSE, wait))

    def ends(self, topic: str, /) -> Position:
        """The next event's offset; nothing where there is no such topic yet."""
        with self._database.reading() as reader:
            found = reader.run("SELECT next FROM topics WHERE name = ?", (topic,))
        return {0: int(found[0][0])} if found else {}

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _read(self, topic: str, first: int, most: int) -> list[Record]:
        if most <= 0:
            return []
        with self._database.reading() as reader:
            if topic not in self._numbers:
                found = reader.run("SELECT number FROM topics WHERE name = ?", (topic,))
                if not found:
                    return []
                self._numbers[topic] = found[0][0]
            sql = "SELECT seq, body FROM events WHERE topic = ? AND seq >= ? ORDER BY seq LIMIT ?"
            records: list[Record] = []
            size = 0
            while (left := min(ROWS, most - len(records))) and size < BYTES:
                rows = reader.run(sql, (self._numbers[topic], first + len(records), left))
                records += [Record(0, seq, body) for seq, body in rows]
                size += sum(len(body) for _, body in rows)
                if len(rows) < left:
                    break
        return records


def add(writer: Rows, topic: str, made: Sequence[Output]) -> int:
    """Add events to a topic, within a transaction; how many are new."""
    number, first = _held(writer, topic)
    given = [(number, seq, one.key, one.body) for seq, one in enumerate(made, first)]
    added = writer.insert("events", ("topic", "seq", "key", "body"), given)
    if added < len(made):  # some were there: close the gaps they left
        taken = writer.run("SELECT seq FROM events WHERE topic = ? AND seq >= ? ORDER BY seq", (number, first))
        for want, (seq,) in enumerate(taken, first):
            if want != seq:
                writer.change("UPDATE events SET seq = ? WHERE topic = ? AND seq = ?", (want, number, seq))
    writer.change("UPDATE topics SET next = ? WHERE name = ?", (first + added, topic))
    return added


def _held(writer: Rows, topic: str) -> tuple[int, int]:
    """A topic's number and its next offset, made where it is not there; another append waits until we are done."""
    while True:
        found = writer.run("UPDATE topics SET next = next WHERE name = ? RETURNING number, next", (topic,))
        if found:
            return int(found[0][0]), int(found[0][1])
        writer.change(  # two new topics may want one number: then one tries again
            "INSERT INTO topics (name, number, next) SELECT ?, COALESCE(MAX(number), 0) + 1, 0 FROM topics WHERE true "
            "ON CONFLICT DO NOTHING",
            (topic,),
        )
