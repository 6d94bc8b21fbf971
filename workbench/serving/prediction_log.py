"""The prediction log: what was answered to whom, by which version, from which input.

One row a prediction, and one row a refused request. Rows are only added. Several processes may write
and read at once (SQLite in WAL mode).

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
>>> log.close()
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError, Misuse
from workbench.ledger.opening import write_ahead
from workbench.serving.prediction import Counts, Outcome, Prediction

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1  # of the tables
WAIT = 10.0  # seconds a writer waits for another
COLUMNS = (
    "id", "at", "model", "version", "generation", "request", "input_digest",
    "features", "score", "answer", "latency_us", "status", "error",
)  # fmt: skip
TABLES = (
    """
    CREATE TABLE predictions (
        id TEXT PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER, generation INTEGER,
        request TEXT NOT NULL, input_digest TEXT, features TEXT, score REAL, answer INTEGER,
        latency_us INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT
    ) WITHOUT ROWID
    """,
    "CREATE INDEX predictions_by_time ON predictions (model, at)",
    "CREATE INDEX predictions_by_request ON predictions (request)",
)


class PredictionLog:
    """A log of predictions; one connection, safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> PredictionLog:
        """The log at a URL, made when it is not there.

        Args:
            url: "sqlite:///" followed by a path.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: The file cannot be written, is no such log, or is of a newer workbench.
        """
        scheme, found, name = url.partition(":///")
        if scheme != "sqlite" or not found or not name:
            raise Misuse(f"the prediction log's URL is {url!r}; it must be sqlite:///PATH", hint="mend workbench.toml")
        hint = f"mend its permissions, or move {Path(name).name} aside: a new one is made"
        try:
            connection = sqlite3.connect(name, timeout=WAIT, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise EngineError(f"the prediction log {name} cannot be opened: {error}", hint=hint) from error
        try:
            stored = _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise EngineError(f"the prediction log {name} cannot be opened: {error}", hint=hint) from error
        if stored != VERSION:
            connection.close()
            raise EngineError(
                f"the prediction log {name} has schema {stored}; this workbench knows {VERSION}",
                hint="upgrade workbench",
            )
        return cls(connection, name)

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Add rows in one commit; an id that is there already is left as it is."""
        marks = ", ".join("?" * len(COLUMNS))
        rows = [_row(prediction) for prediction in predictions]
        with self._errors("written"), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    f"INSERT INTO predictions ({', '.join(COLUMNS)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING",  # noqa: S608
                    rows,
                )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

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
        where, values = _where(model, since, until, request=request)
        sql = f"SELECT {', '.join(COLUMNS)} FROM predictions {where} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        found = self._select(sql, [*values, -1 if limit is None else limit])
        return [_prediction(row) for row in reversed(found)]

    def find(self, prediction_id: str) -> Prediction | None:
        """One row by its id."""
        found = self._select(f"SELECT {', '.join(COLUMNS)} FROM predictions WHERE id = ?", [prediction_id])  # noqa: S608
        return _prediction(found[0]) if found else None

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

        where, values = _where(model, since, until, version=version, answered=True)
        sql = f"SELECT features FROM predictions {where} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        found = self._select(sql, [*values, -1 if limit is None else limit])
        return pd.DataFrame.from_records([json.loads(features) for (features,) in reversed(found)])

    def outcomes(self, model: str, *, since: datetime, until: datetime) -> list[Outcome]:
        """What came of each row of a model between two times, without the inputs, oldest first."""
        where, values = _where(model, since, until)
        sql = f"SELECT at, request, answer, latency_us, status FROM predictions {where} ORDER BY at, id"  # noqa: S608
        return [
            Outcome(datetime.fromisoformat(at), request, None if answer is None else bool(answer), latency_us, status)
            for at, request, answer, latency_us, status in self._select(sql, values)
        ]

    def counts(self, model: str | None = None, *, since: datetime | None = None) -> Counts:
        """How many requests and rows there are, of one model or of all."""
        where, values = _where(model, since, None)
        sql = (
            "SELECT COUNT(DISTINCT request), COUNT(*) FILTER (WHERE status = 200), "  # noqa: S608
            f"COUNT(DISTINCT request) FILTER (WHERE status != 200) FROM predictions {where}"
        )
        return Counts(*self._select(sql, values)[0])

    def count(self, model: str, *, request_prefix: str = "") -> int:
        """How many requests of a model were answered, of those whose id begins so."""
        sql = (
            "SELECT COUNT(DISTINCT request) FROM predictions "
            "WHERE model = ? AND status = 200 AND substr(request, 1, ?) = ?"
        )
        return int(self._select(sql, [model, len(request_prefix), request_prefix])[0][0])

    def answers(self, model: str, version: int) -> int:
        """How many answers a version gave."""
        sql = "SELECT count(*) FROM predictions WHERE model = ? AND version = ? AND status = 200"
        return int(self._select(sql, [model, version])[0][0])

    def prune(self, model: str, before: datetime, *, dry_run: bool) -> int:
        """Remove what was answered, or refused, for a model before a time; how many rows these are.

        Args:
            model: Whose.
            before: Aware.
            dry_run: Only count them.
        """
        values = [model, _stamp(before)]
        if dry_run:
            return int(self._select("SELECT count(*) FROM predictions WHERE model = ? AND at < ?", values)[0][0])
        with self._errors("pruned"), self._lock:
            return self._connection.execute("DELETE FROM predictions WHERE model = ? AND at < ?", values).rowcount

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._errors("read"), self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise EngineError(
                f"the prediction log {self._path} cannot be {verb}: {error}",
                hint="look at free space, permissions and other writers",
            ) from error


def _prepare(connection: sqlite3.Connection) -> int:
    """Set the connection up and make the tables where there are none; the schema's version."""
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        _make(connection)
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; of those who open it at once, one does."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            _check_empty(connection)
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_empty(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("it is another database")


def _where(
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    version: int | None = None,
    request: str | None = None,
    answered: bool = False,
) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = []
    if model is not None:
        conditions.append(("model = ?", model))
    if since is not None:
        conditions.append(("at >= ?", _stamp(since)))
    if until is not None:
        conditions.append(("at < ?", _stamp(until)))
    if version is not None:
        conditions.append(("version = ?", version))
    if request is not None:
        conditions.append(("request = ?", request))
    if answered:
        conditions.append(("status = ?", 200))
    clause = " AND ".join(condition for condition, _ in conditions)
    return (f"WHERE {clause}" if clause else ""), [value for _, value in conditions]


def _stamp(at: datetime) -> str:
    """ISO 8601 in UTC and of one width, so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _row(prediction: Prediction) -> tuple[Any, ...]:
    p = prediction
    features = None if p.features is None else json.dumps(dict(p.features), ensure_ascii=False, separators=(",", ":"))
    return (
        p.id, _stamp(p.at), p.model, p.version, p.generation, p.request, p.input_digest,
        features, p.score, p.answer, p.latency_us, p.status, p.error,
    )  # fmt: skip


def _prediction(row: Sequence[Any]) -> Prediction:
    named = dict(zip(COLUMNS, row, strict=True))
    named["at"] = datetime.fromisoformat(named["at"])
    named["features"] = None if named["features"] is None else json.loads(named["features"])
    named["answer"] = None if named["answer"] is None else bool(named["answer"])
    return Prediction(**named)
