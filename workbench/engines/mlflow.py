"""MLflow: runs, registry, aliases and model files, behind the protocols of batch, promotion and serving.

The only module that opens an MLflow store. The store's address is an argument of every client, never
MLflow's global state, which leaks between threads. A SQLite store is made once under a lock (parallel
first use corrupts it for good) in a file of its own that is renamed when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import shutil
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.batch.model_signatures import SUFFIX, check_model, signature_of, swapped
from workbench.batch.models import PROFILE
from workbench.batch.tracking import Registered, Status
from workbench.data.digests import digest_folder
from workbench.engines.mlflow_claims import Whose, claim, is_claimed
from workbench.engines.mlflow_guard import DATABASES, Guard
from workbench.engines.mlflow_names import KEY_DIGEST as KEY_DIGEST
from workbench.engines.mlflow_names import MOST_NAME, MOST_VALUE, batches, datasets, digest_of, safe, shown, tags_of
from workbench.engines.model_files import load_predictor
from workbench.errors import EngineError, Misuse
from workbench.ledger import ModelVersion
from workbench.ledger.sharing import file_mode, shared
from workbench.serving import Predictor

EXPERIMENT = "workbench"
MISSING = "RESOURCE_DOES_NOT_EXIST"  # MLflow's error code
GENERATION = "workbench.generation."  # tag of a registered model, one an alias
Trusted = Callable[[ModelVersion], Sequence[str]]  # keys of which one must have signed its files; empty: none must


class MlflowStore:
    """One MLflow tracking store and registry, with its folder of artifacts."""

    def __init__(
        self,
        uri: str,
        artifacts: Path,
        *,
        trusted: Trusted = lambda _: (),
        whose: Whose = lambda: None,
        opened: Callable[[], None] | None = None,
    ) -> None:
        self._uri = uri
        self._trusted = trusted
        self._whose = whose
        self._guard = Guard(uri) if uri.startswith(DATABASES) else None
        self._on_open = opened  # called once, when the store is there and before it is used
        self._artifacts = artifacts
        self._lock = threading.RLock()
        self._opened: Any = None
        self._experiment_id = ""  # known once it was looked up
        self._begun: dict[str, Any] = {}  # what MLflow said of runs that were begun here, until they end

    def prepare(self) -> None:
        """Make the store where it is not there yet, and bring its tables up to date."""
        with self._client():
            pass

    # runs

    def start(self, name: str, *, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Begin a run; its id."""
        from mlflow.entities import Param

        with self._client() as client:
            run = client.create_run(self._experiment(client), tags=tags_of(tags), run_name=name[:MOST_NAME])
            run_id: str = run.info.run_id
            self._begun[run_id] = run.info
            named = [Param(safe(key), str(value)[:MOST_VALUE]) for key, value in parameters.items()]
            for part in batches(named):
                client.log_batch(run_id, params=part)
            return run_id

    def log(self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """Add metrics and tags to a run, and everything in a folder as its artifacts."""
        from mlflow.entities import Metric, RunTag

        with self._client() as client:
            info = self._begun.get(run_id) or client.get_run(run_id).info
            stamp = info.start_time  # the same at every attempt: logged once
            numbers = list(batches([Metric(safe(name), value, stamp, 0) for name, value in metrics.items()]))
            words = list(batches([RunTag(name, value) for name, value in tags_of(tags).items()]))
            for some, others in itertools.zip_longest(numbers, words, fillvalue=()):
                client.log_batch(run_id, metrics=some, tags=others)
            read = datasets(tags)
            if read:
                client.log_inputs(run_id, read)
            if info.artifact_uri.startswith("file:"):  # a local folder is written to at once, without asking again
                shutil.copytree(folder, _local(info.artifact_uri), dirs_exist_ok=True)
            else:
                client.log_artifacts(run_id, str(folder))

    def finish(self, run_id: str, status: Status) -> None:
        """End a run; again does no harm."""
        self._begun.pop(run_id, None)
        with self._client() as client:
            client.set_terminated(run_id, status)

    def attempts(self, key: str) -> list[str]:
        """The ids of all runs that were begun under a key, oldest first."""
        with self._client() as client:
            return self._runs(client, f"tags.`{KEY_DIGEST}` = '{digest_of(key)}'")

    def abandon(self, key: str) -> list[str]:
        """Mark runs of a key that were left running as failed; their ids."""
        with self._client() as client:
            condition = f"tags.`{KEY_DIGEST}` = '{digest_of(key)}' AND attributes.status = 'RUNNING'"
            found = self._runs(client, condition)
            for run_id in found:
                client.set_terminated(run_id, "FAILED")
            return found

    def unfinished(self) -> list[str]:
        """Runs that are, or were left, running; oldest first."""
        with self._client() as client:
            return self._runs(client, "attributes.status = 'RUNNING'")

    # versions

    def register(self, run_id: str, model: str, path: str, *, tags: Mapping[str, str]) -> int:
        """Register the model that a run keeps at an artifact path; the version's number."""
        with self._client() as client:
            with self._alone():
                _unless("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model(model))
                claim(client, client.get_registered_model(model), self._whose())
            source = f"{client.get_run(run_id).info.artifact_uri}/{path}"
            version = client.create_model_version(model, source, run_id=run_id, tags=tags_of(tags))
            return int(version.version)

    def registered_under(self, key: str) -> Registered | None:
        """The newest version that was registered with this key as its tag."""
        with self._client() as client:
            found = client.search_model_versions(f"tag.`{KEY_DIGEST}` = '{digest_of(key)}'")
            return max((_registered(version) for version in found), key=lambda v: v.version, default=None)

    def registered(self, model: str) -> list[Registered]:
        """All versions of a model in the registry, by number."""
        with self._client() as client:
            found = client.search_model_versions(f"name = '{safe(model)}'")
            return sorted((_registered(version) for version in found), key=lambda v: v.version)

    # aliases: the projection of the ledger's heads

    def set_alias(self, model: str, alias: str, version: int, generation: int) -> None:
        """Point an alias at a version; repeatable, and never back to an older generation.

        The generation is written first: whoever dies in between leaves an alias that only the same
        or a newer generation may still move.
        """
        with self._client() as client, self._alone():
            known = _unless(MISSING, lambda: client.get_registered_model(model))
            if known is not None:
                claim(client, known, self._whose())
                if _generation(known, alias) > generation:
                    return
            client.get_model_version(model, str(version))  # an alias of what is not there is refused
            self._grant(model, alias, version, generation)
            client.set_registered_model_tag(model, f"{GENERATION}{alias}", str(generation))
            client.set_registered_model_alias(model, alias, str(version))

    def alias(self, model: str, alias: str) -> tuple[int, int] | None:
        """The version an alias points at and the generation that set it (0: unknown)."""
        with self._client() as client:
            known = _unless(MISSING, lambda: client.get_registered_model(model))
            if known is None:
                return None
            is_claimed(known, self._whose())  # another ledger's generations are not ours to compare
            if alias not in known.aliases:
                return None
            return int(known.aliases[alias]), _generation(known, alias)

    def clear_alias(self, model: str, alias: str, generation: int) -> None:
        """Take an alias away; repeatable, and never one that a newer generation has set."""
        with self._client() as client, self._alone():
            known = _unless(MISSING, lambda: client.get_registered_model(model))
            if known is None or _generation(known, alias) > generation:
                return
            claim(client, known, self._whose())
            self._grant(model, alias, None, generation)
            client.set_registered_model_tag(model, f"{GENERATION}{alias}", str(generation))
            if alias in known.aliases:
                client.delete_registered_model_alias(model, alias)

    def exists(self, model: str, version: int) -> bool:
        """Whether the registry still has a version."""
        with self._client() as client:
            return _unless(MISSING, lambda: client.get_model_version(model, str(version))) is not None

    # files

    def folder(self, version: ModelVersion) -> Path:
        """The local folder with a version's files, after their digest and their signature were checked.

        Raises:
            EngineError: They are gone, or are not the files that were registered and signed.
        """
        run_id, _, path = version.source.removeprefix("runs:/").partition("/")
        folder = self._artifacts / run_id / "artifacts" / path  # as MLflow lays them out, wherever we stand
        signature, keys = signature_of(folder), self._trusted(version)
        if not folder.is_dir():
            with self._client() as client:
                kept = f"{client.get_run(run_id).info.artifact_uri}/{path}"
                folder = _local(kept)
                signature = _local(f"{kept}{SUFFIX}") if keys else signature_of(folder)
        hint = f"train it again, or restore the artifacts; {version.subject} is not loaded until they are right"
        try:
            found = digest_folder(folder)
        except Misuse as error:
            raise EngineError(f"the files of {version.subject} are gone: {folder}", hint=hint) from error
        if found != version.model_digest:
            other = swapped(folder, signature, version, keys)
            raise EngineError(
                f"the files of {version.subject} are not those that were registered "
                f"(digest {found[:12]}, registered {version.model_digest[:12]}{f'; {other}' if other else ''})",
                hint=hint,
            )
        if keys:
            check_model(signature, version, keys)
        return folder

    def damage(self, version: ModelVersion) -> str | None:
        """What is wrong with a version's files, in words; None where they are those that were registered."""
        try:
            self.folder(version)
        except EngineError as error:
            return error.message
        return None

    def profile(self, version: ModelVersion) -> str | None:
        """The profile of a version's training data as JSON, where it has one."""
        path = self.folder(version) / PROFILE
        return path.read_text("utf-8") if path.is_file() else None

    def load(self, version: ModelVersion) -> Predictor:
        """A version ready to answer, loaded from files whose digest was checked.

        Raises:
            EngineError: The files are not right, are stored as a pickle, or hold types we do not trust.
        """
        return load_predictor(version, self.folder(version))

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

    def _grant(self, model: str, alias: str, version: int | None, generation: int) -> None:
        """Tell the guard, where there is one, what the ledger granted; before the alias moves."""
        if self._guard is not None:
            self._guard.granted(model, alias, version, generation)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process moves an alias meanwhile; MLflow itself has no compare-and-swap."""
        path = _file_of(self._uri)
        with FileLock(f"{path}.alias.lock", mode=file_mode(path.parent)) if path else self._guarded():
            yield

    def _guarded(self) -> contextlib.AbstractContextManager[None]:
        """Alone in PostgreSQL; over HTTP nothing can be held, and the generation is all there is."""
        return self._guard.alone() if self._guard else contextlib.nullcontext()

    def _experiment(self, client: Any) -> str:
        """The one that writes into our folder of artifacts; a store that was moved or copied gets a new one."""
        if self._experiment_id:
            return self._experiment_id
        place = self._artifacts.as_uri()
        moved = f"{EXPERIMENT}@{hashlib.sha256(place.encode()).hexdigest()[:8]}"
        for name in (EXPERIMENT, moved):
            found = client.get_experiment_by_name(name)
            if found is None:
                make = partial(client.create_experiment, name, artifact_location=place)
                _unless("RESOURCE_ALREADY_EXISTS", make)
                found = client.get_experiment_by_name(name)
            if found.artifact_location == place:
                break
        self._experiment_id = str(found.experiment_id)
        return self._experiment_id

    def _runs(self, client: Any, condition: str) -> list[str]:
        experiments = [found.experiment_id for found in client.search_experiments()]
        found = client.search_runs(experiments, condition, order_by=["attributes.start_time ASC"])
        return [run.info.run_id for run in found]


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


def _unless(code: str, ask: Callable[[], Any]) -> Any:
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


def _generation(model: Any, alias: str) -> int:
    text = model.tags.get(f"{GENERATION}{alias}", "0")
    return int(text) if text.isdigit() else 0


def _registered(version: Any) -> Registered:
    return Registered(version.name, int(version.version), version.run_id, dict(version.tags))


def _local(uri: str) -> Path:
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path

    if uri.startswith("file:") or "://" not in uri:
        return Path(local_file_uri_to_path(uri))  # type: ignore[no-untyped-call]
    return Path(download_artifacts(artifact_uri=uri))
