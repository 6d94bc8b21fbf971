"""Model versions as the ledger knows them: one `version.registered` entry each.

>>> version = ModelVersion(model="lending", version=2, run_id="r", source="runs:/r/model", model_digest="m",
...     data_digest="d", feature_set="loan-credit@1", notebook_digest="n", threshold=0.8,
...     parameters={}, metrics={"f1": 0.9}, registered_at="2026-01-01T00:00:00+00:00", registered_by="analyst")
>>> version.subject
'lending/2'
>>> ModelVersion.from_body(version.as_body()) == version
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from workbench.ledger.entry import Entry

REGISTERED = "version.registered"


@dataclass(frozen=True)
class ModelVersion:
    """One trained, registered version; the operating threshold is part of it."""

    model: str
    version: int  # from 1, as MLflow numbers it
    run_id: str  # MLflow run that trained it
    source: str  # where the tracking store keeps the model's files, e.g. "runs:/<id>/model"
    model_digest: str  # SHA-256 over the model's files, hex; serving loads nothing else
    data_digest: str  # full-content digest of the training data, hex
    feature_set: str  # "name@version", e.g. "loan-credit@1"
    notebook_digest: str  # SHA-256 of the notebook's cells, hex
    threshold: float | None  # score at or above which the answer is yes, in [0, 1]; None: no threshold
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    registered_at: str  # ISO 8601, UTC
    registered_by: str

    @property
    def subject(self) -> str:
        """The version's name in the ledger, "model/version"."""
        return f"{self.model}/{self.version}"

    def as_body(self) -> dict[str, Any]:
        """Plain JSON for the body of a `version.registered` entry."""
        return asdict(self)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ModelVersion:
        """The version an entry's body tells of; fields it does not know are left out."""
        return cls(**{name: body[name] for name in _NAMES})


_NAMES = tuple(one.name for one in fields(ModelVersion))


def registered(entries: Iterable[Entry], model: str, version: int) -> ModelVersion | None:
    """The version that the entries register; None where the first that registers any is of another.

    Args:
        entries: About "model/version", in their order.
        model: The model's name.
        version: The version's number.
    """
    for entry in entries:
        if entry.kind == REGISTERED:
            found = ModelVersion.from_body(entry.body)
            return found if (found.model, found.version) == (model, version) else None
    return None
