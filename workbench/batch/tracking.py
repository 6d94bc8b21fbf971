"""What batch needs of a tracking store; fulfilled by `workbench.engines.mlflow`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Status = Literal["FINISHED", "FAILED", "KILLED"]

MODEL_DIGEST = "workbench.model_digest"  # tag of a version: digest of its files
KEY = "workbench.key"  # tag of a run and of a version: the idempotency key it was made under


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
        """The version that was registered with this key as its tag."""
        ...

    def finish(self, run_id: str, status: Status) -> None:
        """End a run."""
        ...

    def abandon(self, key: str) -> list[str]:
        """Mark runs of this key that were left running as killed; their ids."""
        ...
