"""A finding: what a notebook found out about a subject, frozen under its digest.

Each figure carries its interval and, where it has one, the probability that it meets its target, so
that a policy can ask for certainty and not only for a point. There are three verdicts, never two.

>>> finding = Finding(kind="fairness", subject="lending/2", verdict="fail", sentence="too far apart",
...     figures={"disparate_impact.race": Figure(0.77, 0.71, 0.83, probability=0.18, target=0.8)},
...     data_digest="d", run_id="r", at="2026-01-01T00:00:00+00:00")
>>> Finding.from_body(finding.as_body()).digest == finding.digest
True
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.ledger import digest

Verdict = Literal["pass", "fail", "not enough evidence"]


@dataclass(frozen=True)
class Figure:
    """One number with what is known about it."""

    value: float | None  # None: undefined (a group without a positive has no true positive rate)
    low: float | None = None  # 95 % interval
    high: float | None = None
    probability: float | None = None  # that the true value meets `target`, in [0, 1]
    target: float | None = None  # what `probability` speaks of
    needed: float | None = None  # the value that would be enough at this precision
    n: int | None = None  # cases behind it


@dataclass(frozen=True)
class Finding:
    """What was found about one subject from one body of data."""

    kind: str  # "performance", "fairness", "experiment", "drift", "quality"
    subject: str  # "lending/2", "experiment/rand-hie", ...
    verdict: Verdict
    sentence: str  # the finding in plain words
    figures: Mapping[str, Figure]
    data_digest: str  # full-content digest of what was looked at
    run_id: str  # the run that found it
    at: str  # ISO 8601, UTC
    details: Mapping[str, Any] = field(default_factory=dict)  # tables behind the figures, plain JSON

    @property
    def digest(self) -> str:
        """SHA-256 of the whole finding, in hex."""
        return digest(self._plain())

    @property
    def simulated(self) -> bool:
        """Whether it rests on data that was made up: it shows how a notebook works, and is evidence of nothing."""
        return self.details.get("simulated") is True

    def as_body(self) -> dict[str, Any]:
        """Plain JSON for the body of an `evidence.recorded` entry."""
        return deepcopy(self._plain())

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Finding:
        """The finding an entry's body tells of."""
        named = {k: body[k] for k in ("kind", "subject", "verdict", "sentence", "data_digest", "run_id", "at")}
        figures = {name: Figure(**figure) for name, figure in body["figures"].items()}
        return cls(**named, figures=figures, details=body.get("details", {}))

    def _plain(self) -> dict[str, Any]:
        return {**vars(self), "figures": {name: vars(figure) for name, figure in self.figures.items()}}
