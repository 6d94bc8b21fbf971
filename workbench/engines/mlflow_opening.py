"""Opening an MLflow store: made once, migrated by one at a time, and asked through one quiet client.

The store's address is an argument of every client, never MLflow's global state, which leaks between threads.
A SQLite store is made once under a lock (parallel first use corrupts it for good) in a file of its own that is
renamed when it is whole.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.engines.mlflow_guard import DATABASES, Guard
from workbench.engines.mlflow_names import EXPERIMENT, shown
from workbench.errors import EngineError
from workbench.ledger.sharing import file_mode, shared

MISSING = "RESOURCE_DOES_NOT_EXIST"  # MLflow's error code


class OpenedStore:
    """One MLflow store, opened at its first use."""

    def __init__(self, uri: str, artifacts: Path, *, opened: Callable[[], None] | None = None) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._guard = Guard(uri) if uri.startswith(DATABASES) else None
        self._on_open = opened  # called once, when the store is there and before it is used
        self._lock = threading.RLock()
        self._opened: Any = None

    def prepare(self) -> None:
        """Make the store where it is not there yet, and bring its tables up to date."""
        with self._client():
            pass

    # inside

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """MLflow's client, quiet, one call at a time.

        Raises:
            EngineError: In place of MLflow's and the database's own errors.
        """
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow = _import_mlflow()
            from sqlalchemy.exc import SQLAlchemyError

            try:
                if self._opened is None:
                    _make_once(self._uri, self._artifacts)
                    with self._guarded():
                        self._opened = mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
                        self._opened.search_registered_models(max_results=1)  # makes or migrates its tables
                    if self._on_open is not None:
                        self._on_open()
                yield self._opened
            except (mlflow.exceptions.MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
                said = str(error).partition("\n")[0]
                raise EngineError(f"MLflow at {shown(self._uri)}: {said}", hint="workbench doctor") from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process moves an alias meanwhile; MLflow itself has no compare-and-swap."""
        path = _file_of(self._uri)
        with FileLock(f"{path}.alias.lock", mode=file_mode(path.parent)) if path else self._guarded():
            yield

    def _guarded(self) -> contextlib.AbstractContextManager[None]:
        """Alone in PostgreSQL; over HTTP nothing can be held, and the generation is all there is."""
        return self._guard.alone() if self._guard else contextlib.nullcontext()


def unless(code: str, ask: Callable[[], Any]) -> Any:
    """What MLflow answers, or None where its answer is this error.

    Raises:
        MlflowException: Its answer is another error.
    """
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code == code:
            return None
        raise


def _import_mlflow() -> Any:
    """MLflow without its telemetry and its remarks; takes two seconds the first time."""
    import mlflow
    from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
    from mlflow.telemetry import get_telemetry_client, set_telemetry_client

    if get_telemetry_client() is not None:
        MLFLOW_DISABLE_TELEMETRY.set(True)  # type: ignore[no-untyped-call]
        set_telemetry_client()  # type: ignore[no-untyped-call]
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _make_once(uri: str, artifacts: Path) -> None:
    """Make a SQLite store whole under a lock, or leave the one that is there."""
    path = _file_of(uri)
    if path is None or path.exists():
        return
    with FileLock(f"{path}.lock", mode=file_mode(path.parent)):
        if path.exists():
            return
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".mlflow-") as folder:
            made = Path(folder) / "store.db"
            _migrate(f"sqlite:///{made}", artifacts)
            with contextlib.closing(sqlite3.connect(made)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            if shared(path.parent):
                made.chmod(file_mode(path.parent))
            made.rename(path)


def _migrate(uri: str, artifacts: Path) -> None:
    """Make MLflow's tables and our experiment in a file that nobody else has opened."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(uri, artifacts.as_uri())  # type: ignore[no-untyped-call]
    store.create_experiment(EXPERIMENT, artifact_location=artifacts.as_uri())  # type: ignore[no-untyped-call]
    store.engine.dispose()


def _file_of(uri: str) -> Path | None:
    scheme, found, name = uri.partition(":///")
    return Path(name) if scheme == "sqlite" and found and name else None
