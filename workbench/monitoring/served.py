"""One served model as it was in a window of time: plain figures, for a page, a command or Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workbench.evidence import Finding

if TYPE_CHECKING:
    from workbench.audits import DriftAudit

Health = Literal["healthy", "watch", "act"]


@dataclass(frozen=True)
class Latency:
    """Percentiles of the time that a request took, in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class ServedModel:
    """One model, its champion, and what came of the requests for it."""

    model: str
    version: int
    generation: int
    since: datetime  # when this version became champion
    window: timedelta
    requests: int
    rows: int  # answered
    refused: int  # requests that did not fit (4xx): the client's
    failed: int  # requests that failed on our side (5xx)
    traffic: tuple[int, ...]  # rows answered by slice of the window, oldest first
    latency: Latency | None  # None: no request was answered
    selection_rate: float | None  # share of the answers that were yes; None: none was yes or no
    drift: DriftAudit | None  # of what was asked, against what the version was trained on
    drift_note: str  # why there is no drift, where there is none
    audit: Finding | None  # the newest fairness finding
    health: Health
    sentence: str  # the health in words; the first thing to read

    @property
    def error_rate(self) -> float:
        """Share of the requests that failed on our side, in [0, 1]."""
        return self.failed / self.requests if self.requests else 0.0
