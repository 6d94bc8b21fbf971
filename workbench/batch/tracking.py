"""What batch needs of a tracking store; fulfilled by `workbench.engines.mlflow`.

Every call is idempotent or safe to repeat, because a process may die after any of them: what was
logged is logged again, a version is found by its key, a run is finished twice with no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Status = Literal["FINISHED", "FAILED", "KILLED"]

PARENT = "mlflow.parentRunId"  # tag of a run that is a part of another; MLflow shows it below that one
REPRODUCES = "workbench.reproduces"  # tag of a run: the one of which it is a rerun
KEY = "workbench.key"  # tag of a run and of a version: the idempotency key it was made under
MODEL_DIGEST = "workbench.model_digest"  # tags of a version, for people who look at it in the registry …
DATA_DIGEST = "workbench.data_digest"
FEATURE_SET = "workbench.feature_set"
NOTEBOOK_DIGEST = "workbench.notebook_digest"
THRESHOLD = "workbench.threshold"
DESIGN = "workbench.design"  # of a run: the digest of the design that it registered before it read data …
PARAMETERS = "workbench.parameters"  # … that of all its parameters
SENTENCE = "workbench.sentence"  # … and of a run
DATA = "workbench.data."  # before the name of data that a run read; the value is its full-content digest


@dataclass(frozen=True)
class Registered:
    """A version as the registry knows it."""

    model: str
    version: int
    run_id: str
    tags: Mapping[str, str]


class Tracking(Protocol):
    """Runs with parameters, metrics and artifacts, and a registry of model versions."""

    def start(self, name: str, *, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Begin a run; its id."""
        ...

    def log(self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """Add metrics and tags to a run, and everything in a folder as its artifacts."""
        ...

    def register(self, run_id: str, model: str, path: str, *, tags: Mapping[str, str]) -> int:
        """Register the model that a run keeps at an artifact path; the version's number."""
        ...

    def registered_under(self, key: str) -> Registered | None:
        """The newest version that was registered with this key as its tag."""
        ...

    def finish(self, run_id: str, status: Status) -> None:
        """End a run."""
        ...

    def attempts(self, key: str) -> list[str]:
        """The ids of all runs that were begun under a key, oldest first."""
        ...

    def abandon(self, key: str) -> list[str]:
        """Mark runs of a key that were left running as failed; their ids."""
        ...
