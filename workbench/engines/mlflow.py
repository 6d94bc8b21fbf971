"""MLflow: runs and registered versions, behind the protocols of batch; aliases and files stand beside it.

`mlflow_opening` opens the store, `mlflow_aliases` projects the ledger's heads into it, `mlflow_files` gives out
the files of versions; `MlflowStore` is all of them.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from workbench.batch.tracking import Registered, Status
from workbench.engines.mlflow_aliases import Aliases
from workbench.engines.mlflow_claims import Whose, claim
from workbench.engines.mlflow_files import Files, Trusted, local
from workbench.engines.mlflow_names import (
    EXPERIMENT,
    KEY_DIGEST,
    MOST_NAME,
    MOST_VALUE,
    batches,
    datasets,
    digest_of,
    safe,
    tags_of,
)
from workbench.engines.mlflow_opening import unless


class MlflowStore(Aliases, Files):
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
        super().__init__(uri, artifacts, opened=opened)
        self._trusted = trusted
        self._whose = whose
        self._experiment_id = ""  # known once it was looked up
        self._begun: dict[str, Any] = {}  # what MLflow said of runs that were begun here, until they end

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
                shutil.copytree(folder, local(info.artifact_uri), dirs_exist_ok=True)
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
                unless("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model(model))
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

    # inside

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
                unless("RESOURCE_ALREADY_EXISTS", make)
                found = client.get_experiment_by_name(name)
            if found.artifact_location == place:
                break
        self._experiment_id = str(found.experiment_id)
        return self._experiment_id

    def _runs(self, client: Any, condition: str) -> list[str]:
        experiments = [found.experiment_id for found in client.search_experiments()]
        found = client.search_runs(experiments, condition, order_by=["attributes.start_time ASC"])
        return [run.info.run_id for run in found]


def _registered(version: Any) -> Registered:
    return Registered(version.name, int(version.version), version.run_id, dict(version.tags))
