"""The table of summaries: one row a model, version, variant and hour, and one a day, in a SQLite file.

A row is replaced whole or not at all; a day is written in the transaction of its last hour, and again with
any hour of it that is made anew. So a kill at any point leaves rows that are right, and the next pass goes on
where this one stopped. Hours are kept for as long as thresholds are tried on them, days for longer.

>>> from datetime import UTC, datetime
>>> from workbench.monitoring.hour import Hour
>>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
>>> with SummaryStore.open("sqlite:///:memory:") as store:
...     store.put("lending", noon, {Key(2, "champion"): Hour(requests={200: 3}, rows=3)})
...     [(row.at.hour, row.key.version, row.hour.rows) for row in store.rows("lending")]
[(12, 2, 3)]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from workbench.monitoring.hour import Hour, added
from workbench.monitoring.packed import Outline, outlined, packed, unpacked
from workbench.serving.store_file import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLES = (
    """
    CREATE TABLE summaries (
        model TEXT NOT NULL, span INTEGER NOT NULL, at TEXT NOT NULL, version INTEGER NOT NULL,
        variant TEXT NOT NULL, body BLOB NOT NULL, inputs BLOB,
        logged INTEGER, labels INTEGER, labelled_at TEXT,
        PRIMARY KEY (model, span, at, version, variant)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE done (model TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID",
    # what an hour was made from lies behind its bytes, which are long
    "CREATE INDEX made ON summaries (model, span, at, logged, labels, labelled_at)",
)

MIGRATIONS = {
    0: TABLES,
    1: (
        "ALTER TABLE summaries ADD COLUMN logged INTEGER",
        "ALTER TABLE summaries ADD COLUMN labels INTEGER",
        "ALTER TABLE summaries ADD COLUMN labelled_at TEXT",
        *TABLES[2:],
    ),
    2: TABLES[2:],
}


class Made(NamedTuple):
    """What an hour was made from, whoever answered."""

    logged: int = 0  # rows of the log
    labels: int = 0  # of them, that were known
    labelled_at: str = ""  # when the latest came, ISO 8601


class Key(NamedTuple):
    """Who answered."""

    version: int  # 0: nobody did
    variant: str  # "champion", or the arm of a canary or a test


class Row(NamedTuple):
    """One stored summary."""

    at: datetime  # when the hour or the day began, UTC
    key: Key
    hour: Hour


class SummaryStore(Store):
    """Summaries of all models; one connection, safe to share between threads."""

    WHAT, MIGRATIONS, VERSION = "the summaries", MIGRATIONS, 3
    REMADE = "a new one is made from the prediction log"
    SYNCHRONOUS = "NORMAL"  # all of it is made from the log, so that no commit has to outlive a loss of power

    # writing

    def put(self, model: str, at: datetime, hours: Mapping[Key, Hour], made: Made | None = None) -> None:
        """Replace an hour of a model, and its day where that has been written.

        Args:
            model: Its name.
            at: When the hour began (aware).
            hours: Everybody who answered in it; empty: nobody was asked.
            made: What it was made from.
        """
        at = _floor(at, HOUR)
        with self._writing():
            self._replace(model, 1, at, hours, made)
            day = _floor(at, DAY)
            until = self._done(model)
            if until is not None and until >= day + DAY:
                self._sum_day(model, day)

    def close_to(self, model: str, done: datetime) -> None:
        """Note that hours that began before this are complete, and write the days that are over by that."""
        before = self.done(model)
        with self._writing():
            self._connection.execute(
                "INSERT INTO done VALUES (?, ?) ON CONFLICT (model) DO UPDATE SET until = max(until, excluded.until)",
                (model, _stamp(done)),
            )
            first = self._connection.execute(
                "SELECT min(at) FROM summaries WHERE model = ? AND span = 1 AND at >= ?",
                (model, _stamp(_floor(before, DAY)) if before else ""),
            ).fetchone()[0]
            day = _floor(datetime.fromisoformat(first), DAY) if first else done
            while day + DAY <= done:
                self._sum_day(model, day)
                day += DAY

    def expire(self, *, hours_before: datetime, days_before: datetime) -> int:
        """Forget hours and days that began before these times; how many rows that were.

        An hour is only forgotten once its day has been written.
        """
        with self._writing():
            hours = self._connection.execute(
                "DELETE FROM summaries WHERE span = 1 AND at < ? AND EXISTS (SELECT 1 FROM done "
                "WHERE done.model = summaries.model AND until >= substr(at, 1, 10) || 'T24')",
                (_stamp(_floor(hours_before, DAY)),),
            ).rowcount
            days = self._connection.execute(
                "DELETE FROM summaries WHERE span = 24 AND at < ?", (_stamp(days_before),)
            ).rowcount
        return hours + days

    def forget(self, model: str) -> None:
        """Remove all of a model, to be made anew from the log."""
        with self._writing():
            self._connection.execute("DELETE FROM summaries WHERE model = ?", (model,))
            self._connection.execute("DELETE FROM done WHERE model = ?", (model,))

    # reading

    def rows(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        days: bool = False,
        inputs: bool = True,
    ) -> list[Row]:
        """Summaries of a model, oldest first.

        Args:
            model: Its name.
            since: That began at this time or later (aware).
            until: That began before this time (aware).
            days: Whole days in place of hours.
            inputs: Whether the inputs are read too, which is most of the work.
        """
        values = (model, 24 if days else 1, _stamp(since) if since else "", _stamp(until) if until else "~")
        sql = (
            f"SELECT at, version, variant, body, {'inputs' if inputs else 'NULL'} FROM summaries "  # noqa: S608
            "WHERE model = ? AND span = ? AND at >= ? AND at < ? ORDER BY at, version, variant"
        )
        with self._using("read"):
            found = self._connection.execute(sql, values).fetchall()
        return [
            Row(datetime.fromisoformat(at), Key(version, variant), unpacked(body, kept))
            for at, version, variant, body, kept in found
        ]

    def made(self, model: str, *, since: datetime, until: datetime) -> dict[datetime, Made]:
        """What the hours that began between two times were made from; nothing is unpacked."""
        sql = (
            "SELECT at, coalesce(max(logged), 0), coalesce(max(labels), 0), coalesce(max(labelled_at), '') "
            "FROM summaries WHERE model = ? AND span = 1 AND at >= ? AND at < ? GROUP BY at"
        )
        with self._using("read"):
            found = self._connection.execute(sql, (model, _stamp(since), _stamp(until))).fetchall()
        return {datetime.fromisoformat(at): Made(*of) for at, *of in found}

    def outlines(self, *, since: datetime, until: datetime) -> list[tuple[str, datetime, Key, Outline]]:
        """Requests and latencies of all models by the hour, in no order: what a glance needs, in one reading.

        Args:
            since: Hours that began at this time or later (aware).
            until: Hours that began before this time (aware).
        """
        sql = "SELECT model, at, version, variant, body FROM summaries WHERE span = 1 AND at >= ? AND at < ?"
        with self._using("read"):
            found = self._connection.execute(sql, (_stamp(since), _stamp(until))).fetchall()
        hours = {at: datetime.fromisoformat(at) for at in {row[1] for row in found}}
        return [
            (model, hours[at], Key(version, variant), outlined(body)) for model, at, version, variant, body in found
        ]

    def done(self, model: str) -> datetime | None:
        """Hours that began before this are complete; None: none is."""
        with self._using("read"):
            return self._done(model)

    def models(self) -> list[str]:
        """All models of which there are summaries."""
        with self._using("read"):
            return [name for (name,) in self._connection.execute("SELECT DISTINCT model FROM summaries ORDER BY model")]

    def _replace(
        self, model: str, span: int, at: datetime, hours: Mapping[Key, Hour], made: Made | None = None
    ) -> None:
        self._connection.execute(
            "DELETE FROM summaries WHERE model = ? AND span = ? AND at = ?", (model, span, _stamp(at))
        )
        self._connection.executemany(
            "INSERT INTO summaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (model, span, _stamp(at), key.version, key.variant, *packed(hour), *(made or (None, None, None)))
                for key, hour in hours.items()
            ],
        )

    def _sum_day(self, model: str, day: datetime) -> None:
        found: dict[Key, list[Hour]] = {}
        for version, variant, body, inputs in self._connection.execute(
            "SELECT version, variant, body, inputs FROM summaries WHERE model = ? AND span = 1 AND at >= ? AND at < ? "
            "ORDER BY at",
            (model, _stamp(day), _stamp(day + DAY)),
        ):
            found.setdefault(Key(version, variant), []).append(unpacked(body, inputs))
        if found:
            self._replace(model, 24, day, {key: added(hours) for key, hours in found.items()})

    def _done(self, model: str) -> datetime | None:
        found = self._connection.execute("SELECT until FROM done WHERE model = ?", (model,)).fetchone()
        return datetime.fromisoformat(found[0]) if found else None


def total(rows: Sequence[Row], *, version: int | None = None, variant: str | None = None) -> Hour:
    """The sum of stored summaries.

    Args:
        rows: In the order of time.
        version: Of this one alone.
        variant: Of this one alone.
    """
    return added(row.hour for row in rows if version in {None, row.key.version} and variant in {None, row.key.variant})


def _floor(at: datetime, span: timedelta) -> datetime:
    at = at.astimezone(UTC)
    whole = at.replace(minute=0, second=0, microsecond=0)
    return whole.replace(hour=0) if span == DAY else whole


def _stamp(at: datetime) -> str:
    """ISO 8601 in UTC and of one width, so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
