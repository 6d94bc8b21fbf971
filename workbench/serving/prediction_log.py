"""The prediction log: what was answered to whom, by which version, from which input, and what was true.

One row a prediction, and one row a refused request. Rows are only added, and deleted by age alone.
Several processes may write and read at once (SQLite in WAL mode); older rows lie in Parquet files beside
it, and every reader sees both as one.

>>> from datetime import UTC, datetime
>>> log = PredictionLog.open("sqlite:///:memory:")
>>> log.write([Prediction(id="p1", at=datetime(2026, 1, 1, tzinfo=UTC), model="lending", version=2, generation=1,
...     request="r1", input_digest="d", features={"income": 4.2}, score=0.9, answer=True, latency_us=800,
...     status=200)])
>>> log.counts("lending")
Counts(requests=1, rows=1, refused=0)
>>> log.served_features("lending")
   income
0     4.2
>>> log.label([Label("p1", 1.0, datetime(2026, 2, 1, tzinfo=UTC), "collections")])
>>> [(each.score, each.label) for each in log.labelled("lending")]
[(0.9, 1.0)]
>>> log.close()
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from filelock import FileLock

from workbench.errors import EngineError
from workbench.ledger.sharing import file_mode
from workbench.serving import log_parts
from workbench.serving.log_reading import Reading, condition, errors
from workbench.serving.log_rows import COLUMNS, LogPolicy, Row, prediction_of, row_of, rows_of, stamp
from workbench.serving.log_schema import MIGRATIONS, VERSION, prepare, roomy
from workbench.serving.prediction import SHADOW, Block, Counts, Label, Labelled, Prediction
from workbench.serving.store_file import WAIT, Store

if TYPE_CHECKING:
    import pandas as pd

CHUNKS = (256, 32, 1)  # rows of one statement: few texts, so that SQLite compiles each once
MOST_ROWS = 500_000  # in SQLite, before the older half moves to a file


class Rotation(NamedTuple):
    """What a rotation did, or would do."""

    moved: int  # rows that went to files
    deleted: int  # files that were past their time
    rows: int  # that SQLite holds now
    files: int  # that there are now


class PredictionLog(Store):
    """A log of predictions; one connection, safe to share between threads."""

    WHAT, MIGRATIONS, VERSION = "the prediction log", MIGRATIONS, VERSION

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        super().__init__(connection, path)
        roomy(connection)
        self._policy = LogPolicy()
        self._folder = Path(path).with_suffix(".parts")
        self._reading = Reading(connection, self._lock, self._folder)

    @classmethod
    def open(cls, url: str, policy: LogPolicy | None = None) -> Self:
        """The log at a URL, made when it is not there, and brought to today's schema when it is older.

        Args:
            url: "sqlite:///" followed by a path.
            policy: What is kept of which model.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, is no such log, or is of a newer workbench.
        """
        log = super().open(url)
        log._policy = policy or log._policy
        return log

    # writing

    def append(self, blocks: Sequence[Block]) -> None:
        """Add the rows of requests in one commit; features are kept as the policy says."""
        self._add([row for block in blocks for row in rows_of(block, self._policy)])

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Add predictions as they are in one commit; an id that is there already is left as it is."""
        self._add([row_of(prediction) for prediction in predictions])

    def label(self, labels: Sequence[Label]) -> None:
        """Note the truth about predictions; of several labels of one, the latest stands."""
        rows = [(label.id, label.value, stamp(label.at), label.source) for label in labels]
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO labels (id, value, at, source) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "value = excluded.value, at = excluded.at, source = excluded.source WHERE excluded.at >= labels.at",
                rows,
            )

    def rotate(
        self, *, now: datetime, most: int = MOST_ROWS, days: float | None = 90.0, dry_run: bool = False
    ) -> Rotation:
        """Move older rows to Parquet while SQLite holds more than `most`, and delete what is older than `days`.

        Args:
            now: The time, UTC.
            most: Rows that SQLite may hold.
            days: Days that an answer is kept; None: nothing is deleted.
            dry_run: Only say what would be done; `moved` is then a lower bound.

        Raises:
            EngineError: The log or its folder cannot be written.
        """
        before = datetime.min.replace(tzinfo=UTC) if days is None else now - timedelta(days=days)
        if dry_run or self._path == ":memory:":
            rows, files = self._size()
            old = sum(part.last_at < stamp(before) for part in self._reading.parts())
            return Rotation(rows - most // 2 if rows > most else 0, old, rows, files)
        moved = 0
        with self._apart("rotated") as connection:
            deleted = log_parts.expire(connection, self._folder, before=before)
            while (part := log_parts.move(connection, self._folder, most=most)) is not None:
                moved += part.rows
        return Rotation(moved, len(deleted), *self._size())

    # reading

    def rows(
        self,
        model: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        request: str | None = None,
        limit: int | None = None,
    ) -> list[Prediction]:
        """Rows that match all that is given, refused requests too, oldest first.

        Args:
            model: Of this model.
            since: Answered at this time or later (aware).
            until: Answered before this time (aware).
            request: Of this request.
            limit: The newest so many.
        """
        where, values = condition(model, since, until, request=request)
        found = self._reading.newest(_NAMES, where, values, limit, since=since, until=until)
        return [prediction_of(row) for row in reversed(found)]

    def find(self, prediction_id: str) -> Prediction | None:
        """One row by its id."""
        found = self._reading.both(_NAMES, "WHERE id = ?", [prediction_id])
        return prediction_of(found[0]) if found else None

    def beginning(self, words: str, limit: int) -> list[Prediction]:
        """The first so many rows by id whose id begins so; those that lie in files are left out."""
        sql = f"SELECT {_NAMES} FROM predictions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"  # noqa: S608
        return [prediction_of(row) for row in self._reading.select(sql, (words, f"{words}\U0010ffff", limit))]

    def served_features(
        self,
        model: str,
        since: datetime | None = None,
        *,
        until: datetime | None = None,
        version: int | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """The inputs that were answered, one row a prediction, one column a feature.

        Args:
            model: Of this model.
            since: Answered at this time or later (aware).
            until: Answered before this time (aware).
            version: By this version only.
            limit: The newest so many.
        """
        import pandas as pd

        where, values = condition(model, since, until, version=version, answered=True, shadow=False)
        found = self._reading.newest('id, "at", features', where, values, limit, since=since, until=until)
        return pd.DataFrame.from_records([json.loads(features) for *_, features in reversed(found)])

    def counts(self, model: str | None = None, *, since: datetime | None = None) -> Counts:
        """How many requests and rows there are, of one model or of all."""
        where, values = condition(model, since, None, shadow=False)
        columns = (
            "COUNT(DISTINCT request), COUNT(*) FILTER (WHERE status = 200), "
            "COUNT(DISTINCT request) FILTER (WHERE status >= 400)"
        )
        return Counts(*map(sum, zip(*self._reading.both(columns, where, values, since=since), strict=True)))

    def count(self, model: str, *, request_prefix: str = "") -> int:
        """How many requests of a model were answered, of those whose id begins so."""
        where = "WHERE model = ? AND status = 200 AND substr(request, 1, ?) = ? AND COALESCE(variant, '') != ?"
        values = [model, len(request_prefix), request_prefix, SHADOW]
        return sum(int(found) for (found,) in self._reading.both("COUNT(DISTINCT request)", where, values))

    def labelled(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
    ) -> list[Labelled]:
        """The predictions of a model whose truth is known, oldest first.

        Args:
            model: Of this model.
            since: Answered at this time or later (aware).
            until: Answered before this time (aware).
            version: By this version only.
        """
        where, values = condition(model, since, until, version=version, answered=True)
        columns = 'id, "at", version, variant, score, answer, features'
        return [
            Labelled(
                id=id_,
                at=datetime.fromisoformat(at),
                version=number,
                variant=variant,
                score=score,
                answer=None if answer is None else bool(answer),
                label=label,
                labelled_at=datetime.fromisoformat(labelled_at),
                features=None if features is None else json.loads(features),
            )
            for id_, at, number, variant, score, answer, features, label, labelled_at in reversed(
                self._reading.labelled(columns, where, values, since=since, until=until)
            )
        ]

    def truths(self, model: str, *, since: datetime, until: datetime) -> dict[str, float]:
        """What turned out to be true of answers given between two times, as far as it is known, by id."""
        where, values = condition(model, since, until, answered=True)
        found = self._reading.labelled('id, "at"', where, values, since=since, until=until)
        return {id_: label for id_, _, label, _ in found}

    def label_hours(self, since: datetime) -> dict[str, dict[datetime, tuple[int, str]]]:
        """How many answers of each hour have a label, and when the latest came (ISO 8601), by model and hour."""
        return self._reading.label_hours(since)

    def hours(self, model: str, *, since: datetime, until: datetime) -> dict[datetime, int]:
        """How many rows there are, by the hour in which they were answered or refused (UTC)."""
        where, values = condition(model, since, until)
        found: dict[datetime, int] = {}
        columns, clause = 'substr("at", 1, 13), count(*)', f"{where} GROUP BY 1"
        for hour, n in self._reading.both(columns, clause, values, since=since, until=until):
            at = datetime.fromisoformat(f"{hour}:00:00+00:00")
            found[at] = found.get(at, 0) + n
        return dict(sorted(found.items()))

    def models_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The model of each of these predictions that was scored, by id."""
        found: dict[str, str] = {}
        for start in range(0, len(ids), 5000):
            some = list(ids[start : start + 5000])
            where = f"WHERE id IN ({', '.join('?' * len(some))}) AND score IS NOT NULL"
            found.update(self._reading.both("id, model", where, some))
        return found

    def known(self, ids: Sequence[str], model: str) -> set[str]:
        """Those of these ids that are predictions of a model."""
        found: set[str] = set()
        for start in range(0, len(ids), 500):
            some = list(ids[start : start + 500])
            where = f"WHERE id IN ({', '.join('?' * len(some))}) AND model = ?"
            found.update(id_ for (id_,) in self._reading.both("id", where, [*some, model]))
        return found

    def answers(self, model: str, version: int) -> int:
        """How many answers a version gave."""
        where, values = condition(model, None, None, version=version, answered=True, shadow=False)
        return sum(int(found) for (found,) in self._reading.both("count(*)", where, values))

    def prune(self, model: str, before: datetime, *, dry_run: bool) -> int:
        """Remove what was answered, or refused, for a model before a time; how many rows these are.

        Args:
            model: Whose.
            before: Aware.
            dry_run: Only count them.

        Raises:
            EngineError: The log or its folder cannot be written.
        """
        where, values = condition(model, None, before)
        if dry_run:
            return sum(int(found) for (found,) in self._reading.both("count(*)", where, values, until=before))
        with self._apart("pruned") as connection:
            return log_parts.forget(connection, self._folder, model, before=before)

    # inside

    def _add(self, rows: Sequence[Row]) -> None:
        """Many rows a statement, since a thread that writes gives the interpreter away at each."""
        with self._writing() as connection:
            at = 0
            for size in CHUNKS:
                while len(rows) - at >= size:
                    values = [value for row in rows[at : at + size] for value in row]
                    connection.execute(_INSERTS[size], values)
                    at += size

    @contextmanager
    def _apart(self, verb: str) -> Iterator[sqlite3.Connection]:
        """A connection beside the writer's, which is not held up, under the lock of whoever moves files.

        Raises:
            EngineError: The log or its folder cannot be written.
        """
        connection = sqlite3.connect(self._path, timeout=WAIT, isolation_level=None)
        try:
            with (
                errors(verb, Path(self._path)),
                FileLock(f"{self._path}.rotation.lock", mode=file_mode(Path(self._path).parent)),
            ):
                prepare(connection)
                yield connection
        except OSError as error:
            raise EngineError(f"{self._folder} cannot be written: {error}", hint="look at free space") from error
        finally:
            connection.close()

    def _size(self) -> tuple[int, int]:
        return self._reading.select("SELECT count(*) FROM predictions")[0][0], len(self._reading.parts())


_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)


def _insert(rows: int) -> str:
    one = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO predictions ({_NAMES}) VALUES {', '.join([one] * rows)} ON CONFLICT (id) DO NOTHING"  # noqa: S608


_INSERTS = {size: _insert(size) for size in CHUNKS}
