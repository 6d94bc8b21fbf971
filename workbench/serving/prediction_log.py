"""The prediction log: what was answered to whom, by which version, in how long.

Every row has the model, version and generation that answered and the digest of its input, so that one
prediction can be followed to its run, data and decision. A row's id is its key: a request that is sent
again under the same id is not counted twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id",
    "at",
    "model",
    "version",
    "generation",
    "input_digest",
    "features",
    "score",
    "answer",
    "latency_us",
    "status",
    "error",
)
SCHEMA = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER, generation INTEGER,
    input_digest TEXT, features TEXT, score REAL, answer INTEGER, latency_us INTEGER NOT NULL,
    status INTEGER NOT NULL, error TEXT
) WITHOUT ROWID
"""
INDEX = "CREATE INDEX IF NOT EXISTS predictions_by_model ON predictions (model, at)"
WAIT = 30.0  # seconds a writer waits for another


@dataclass(frozen=True)
class Prediction:
    """One answered row, or one refused request."""

    id: str
    at: str  # ISO 8601, UTC
    model: str
    version: int | None  # None: refused before a version was known
    generation: int | None
    input_digest: str | None  # SHA-256 of the row's canonical JSON, hex
    features: Mapping[str, Any] | None
    score: float | None  # probability of yes, in [0, 1], or the predicted value
    answer: int | None  # 1: yes, 0: no; None where the version has no threshold
    latency_us: int  # microseconds the whole request took
    status: int  # of HTTP
    error: str | None = None


class PredictionLog:
    """Predictions in SQLite; one connection, safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> PredictionLog:
        """The log at a URL, made when it is not there.

        Raises:
            Misuse: The URL is of another kind than sqlite:///PATH.
            EngineError: The file cannot be written, or is no database.
        """
        scheme, found, name = url.partition(":///")
        if scheme != "sqlite" or not found or not name:
            raise Misuse(f"the prediction log's URL is {url!r}; it must be sqlite:///PATH", hint="mend workbench.toml")
        path = Path(name)
        try:
            connection = sqlite3.connect(path, timeout=WAIT, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute(SCHEMA)
                connection.execute(INDEX)
        except sqlite3.Error as error:
            raise EngineError(
                f"the prediction log {path} cannot be opened: {error}", hint="mend its permissions"
            ) from error
        return cls(connection, path)

    def write(self, predictions: Iterable[Prediction]) -> None:
        """Keep these in one commit; an id that is there already is left as it is.

        Raises:
            EngineError: The database refused.
        """
        rows = [
            tuple(
                json.dumps(p.features, allow_nan=False)
                if name == "features" and p.features is not None
                else getattr(p, name)
                for name in COLUMNS
            )
            for p in predictions
        ]
        with self._lock:
            try:
                with self._connection:
                    self._connection.executemany(
                        f"INSERT OR IGNORE INTO predictions VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608
                        rows,
                    )
            except sqlite3.Error as error:
                raise EngineError(
                    f"the prediction log {self._path} cannot be written: {error}", hint="look at free space"
                ) from error

    def rows(
        self, *, model: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Prediction]:
        """Predictions, oldest first; the newest `limit` of them where one is given."""
        clauses, values = ["1"], []
        if model is not None:
            clauses.append("model = ?")
            values.append(model)
        if since is not None:
            clauses.append("at >= ?")
            values.append(since.isoformat())
        found = self._select(
            f"SELECT {', '.join(COLUMNS)} FROM predictions WHERE {' AND '.join(clauses)} "  # noqa: S608
            "ORDER BY at DESC, id DESC LIMIT ?",
            [*values, -1 if limit is None else limit],
        )
        return [_prediction(row) for row in reversed(found)]

    def count(self, model: str, *, prefix: str = "") -> int:
        """How many rows a model answered, of those whose id begins with `prefix`."""
        sql = "SELECT count(*) FROM predictions WHERE model = ? AND substr(id, 1, ?) = ? AND status = 200"
        return int(self._select(sql, [model, len(prefix), prefix])[0][0])

    def served_features(self, model: str, *, since: datetime | None = None) -> pd.DataFrame:
        """The inputs a model answered, one row each."""
        import pandas as pd

        return pd.DataFrame([p.features for p in self.rows(model=model, since=since) if p.features is not None])

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _select(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise EngineError(
                    f"the prediction log {self._path} cannot be read: {error}", hint="workbench doctor"
                ) from error


def _prediction(row: tuple[Any, ...]) -> Prediction:
    named = dict(zip(COLUMNS, row, strict=True))
    if named["features"] is not None:
        named["features"] = json.loads(named["features"])
    return Prediction(**named)
