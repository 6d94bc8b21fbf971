"""MLflow: runs, registry, aliases and model files, behind the protocols of batch, promotion and serving.

The only module that opens an MLflow store. The store's address is an argument of every client, never
MLflow's global state, which leaks between threads. A SQLite store is made once under a lock (parallel
first use corrupts it for good) in a file of its own that is renamed when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.batch.models import TRUSTED, import_mlflow
from workbench.batch.tracking import KEY, Registered, Status
from workbench.data.digests import digest_folder
from workbench.errors import EngineError, Misuse
from workbench.ledger import ModelVersion
from workbench.serving import Predictor

EXPERIMENT = "workbench"
GENERATION = "workbench.generation."  # tag of a registered model, one an alias
MOST_VALUE = 5000  # characters MLflow keeps of a parameter


class MlflowStore:
    """One MLflow tracking store and registry, with its folder of artifacts."""

    def __init__(self, uri: str, artifacts: Path) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._lock = threading.RLock()
        self._opened: Any = None

    # runs

    def start(self, name: str, *, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Begin a run; its id."""
        with self._client() as client:
            run = client.create_run(self._experiment(client), tags=dict(tags), run_name=name)
            run_id: str = run.info.run_id
            for parameter, value in parameters.items():
                client.log_param(run_id, parameter, str(value)[:MOST_VALUE])
            return run_id

    def log(self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """Add metrics and tags to a run, and everything in a folder as its artifacts."""
        from mlflow.entities import Metric, RunTag

        with self._client() as client:
            stamp = client.get_run(run_id).info.start_time
            client.log_batch(
                run_id,
                metrics=[Metric(_safe(name), value, stamp, 0) for name, value in metrics.items()],
                tags=[RunTag(name, value) for name, value in tags.items()],
            )
            client.log_artifacts(run_id, str(folder))

    def finish(self, run_id: str, status: Status) -> None:
        """End a run."""
        with self._client() as client:
            client.set_terminated(run_id, status)

    def abandon(self, key: str) -> list[str]:
        """Mark runs of this key that were left running as killed; their ids."""
        with self._client() as client:
            found = self._runs(client, f"tags.`{KEY}` = '{_quoted(key)}' AND attributes.status = 'RUNNING'")
            for run_id in found:
                client.set_terminated(run_id, "KILLED")
            return found

    def unfinished(self) -> list[str]:
        """Runs that are, or were left, running."""
        with self._client() as client:
            return self._runs(client, "attributes.status = 'RUNNING'")

    # versions

    def register(self, run_id: str, model: str, path: str, *, tags: Mapping[str, str]) -> int:
        """Register the model that a run keeps at an artifact path; the version's number."""
        from mlflow.exceptions import MlflowException

        with self._client() as client:
            with contextlib.suppress(MlflowException):  # it is there already
                client.create_registered_model(model)
            source = f"{client.get_run(run_id).info.artifact_uri}/{path}"
            version = client.create_model_version(model, source, run_id=run_id, tags=dict(tags))
            return int(version.version)

    def registered_under(self, key: str) -> Registered | None:
        """The version that was registered with this key as its tag."""
        with self._client() as client:
            found = client.search_model_versions(f"tag.`{KEY}` = '{_quoted(key)}'")
            return _registered(found[0]) if found else None

    def registered(self, model: str) -> list[Registered]:
        """All versions of a model in the registry, by number."""
        with self._client() as client:
            found = client.search_model_versions(f"name = '{_quoted(model)}'")
            return sorted((_registered(version) for version in found), key=lambda v: v.version)

    # aliases: the projection of the ledger's heads

    def set_alias(self, model: str, alias: str, version: int, generation: int) -> None:
        """Point an alias at a version; repeatable, and never back to an older generation."""
        with self._client() as client:
            now = self._alias(client, model, alias)
            if now is not None and now[1] > generation:
                return
            client.set_registered_model_alias(model, alias, str(version))
            client.set_registered_model_tag(model, f"{GENERATION}{alias}", str(generation))

    def alias(self, model: str, alias: str) -> tuple[int, int] | None:
        """The version an alias points at and the generation that set it (0: unknown)."""
        with self._client() as client:
            return self._alias(client, model, alias)

    def exists(self, model: str, version: int) -> bool:
        """Whether the registry still has a version."""
        return any(found.version == version for found in self.registered(model))

    # files

    def folder(self, version: ModelVersion) -> Path:
        """The local folder with a version's files, after their digest was checked.

        Raises:
            EngineError: They are gone, or are not the files that were registered.
        """
        with self._client() as client:
            run_id, _, path = version.source.removeprefix("runs:/").partition("/")
            uri = f"{client.get_run(run_id).info.artifact_uri}/{path}"
        folder = _local(uri)
        hint = f"train it again, or restore the artifacts; {version.subject} is not loaded until they are right"
        try:
            found = digest_folder(folder / "model")
        except Misuse as error:
            raise EngineError(f"the files of {version.subject} are gone: {folder}", hint=hint) from error
        if found != version.model_digest:
            raise EngineError(
                f"the files of {version.subject} are not those that were registered "
                f"(digest {found[:12]}, registered {version.model_digest[:12]})",
                hint=hint,
            )
        return folder

    def profile(self, version: ModelVersion) -> str | None:
        """The profile of a version's training data as JSON, where it has one."""
        path = self.folder(version) / "profile.json"
        return path.read_text("utf-8") if path.is_file() else None

    def load(self, version: ModelVersion) -> Predictor:
        """A version ready to answer, loaded by skops from files whose digest was checked.

        Raises:
            EngineError: The files are not right, or are stored as a pickle.
        """
        import skops.io
        import yaml

        folder = self.folder(version) / "model"
        described = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
        flavor = described.get("flavors", {}).get("sklearn", {})
        if flavor.get("serialization_format") != "skops":
            raise EngineError(
                f"{version.subject} is stored as {flavor.get('serialization_format', 'another flavor')}; "
                f"only skops is loaded, since a pickle can run anything",
                hint="register it again through record.model",
            )
        estimator = skops.io.load(folder / flavor["pickled_model"], trusted=list(TRUSTED))
        columns = {c["name"]: c["type"] for c in json.loads(described["signature"]["inputs"])}
        return Predictor(version=version, estimator=estimator, columns=columns)

    # inside

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """MLflow's client, quiet, one call at a time; its errors as ours."""
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._opened is None:
                self._opened = self._open()
            from mlflow.exceptions import MlflowException

            try:
                yield self._opened
            except MlflowException as error:
                raise EngineError(f"MLflow at {self._uri}: {error.message}", hint="workbench doctor") from error

    def _open(self) -> Any:
        mlflow = import_mlflow()
        _make_once(self._uri, self._artifacts)
        return mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def _experiment(self, client: Any) -> str:
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            self._artifacts.mkdir(parents=True, exist_ok=True)
            try:
                return str(client.create_experiment(EXPERIMENT, artifact_location=self._artifacts.as_uri()))
            except MlflowException:  # another process made it meanwhile
                found = client.get_experiment_by_name(EXPERIMENT)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _runs(self, client: Any, condition: str) -> list[str]:
        found = client.search_runs([self._experiment(client)], condition)
        return [run.info.run_id for run in found]

    def _alias(self, client: Any, model: str, alias: str) -> tuple[int, int] | None:
        found = [m for m in client.search_registered_models(f"name = '{_quoted(model)}'") if m.name == model]
        if not found or alias not in found[0].aliases:
            return None
        generation = found[0].tags.get(f"{GENERATION}{alias}", "0")
        return int(found[0].aliases[alias]), int(generation) if generation.isdigit() else 0


def _make_once(uri: str, artifacts: Path) -> None:
    """Make a SQLite store whole under a lock, or leave the one that is there."""
    scheme, found, name = uri.partition(":///")
    if scheme != "sqlite" or not found:
        return
    path = Path(name)
    try:
        with FileLock(f"{path}.lock", mode=0o600):
            if path.exists():
                return
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".mlflow-") as folder:
                made = Path(folder) / "store.db"
                _migrate(f"sqlite:///{made}", artifacts)
                with contextlib.closing(sqlite3.connect(made)) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                made.rename(path)
    except OSError as error:
        raise EngineError(
            f"the MLflow store {path} cannot be made: {error.strerror or error}", hint="look at permissions and space"
        ) from error


def _migrate(uri: str, artifacts: Path) -> None:
    """Make MLflow's tables and our experiment in a file that nobody else has opened."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(uri, artifacts.as_uri())
    store.create_experiment(EXPERIMENT, artifact_location=artifacts.as_uri())
    store.engine.dispose()


def _registered(version: Any) -> Registered:
    return Registered(version.name, int(version.version), version.run_id, dict(version.tags))


def _local(uri: str) -> Path:
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path

    if uri.startswith("file:") or "://" not in uri:
        return Path(local_file_uri_to_path(uri))
    return Path(download_artifacts(artifact_uri=uri))


def _quoted(text: str) -> str:
    return text.replace("'", "")


def _safe(name: str) -> str:
    """A metric's name in the letters that MLflow takes."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
