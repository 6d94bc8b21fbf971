"""The overview: each served model with its traffic, latency, errors, drift and last audit, worst first.

Pure over rows that are handed in, but for reading the ledger; a page, a command and Prometheus show the
same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from workbench.audits import DriftAudit, audit_drift
from workbench.data import Profile
from workbench.errors import WorkbenchError
from workbench.evidence import Finding, dossier
from workbench.ledger import Head, Ledger, ModelVersion
from workbench.serving import Prediction, PredictionLog

BUCKETS = 48  # points of the traffic line
MANY_ERRORS = 0.01  # share of requests that failed on our side
SLOW = 0.25  # seconds at the 95th percentile

Health = Literal["healthy", "watch", "act"]
ORDER: dict[Health, int] = {"act": 0, "watch": 1, "healthy": 2}


@dataclass(frozen=True)
class Latency:
    """Percentiles of the time a request took, in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class ServedModel:
    """One model as it was served in a window of time."""

    model: str
    version: int
    generation: int
    since: datetime  # when this version became champion
    window: timedelta
    requests: int
    rows: int  # answered
    refused: int  # requests that did not fit (4xx): the client's
    failed: int  # requests that failed on our side (5xx)
    traffic: tuple[int, ...]  # rows by slice of the window, oldest first
    latency: Latency | None  # None: no request
    selection_rate: float | None  # share of answers that were yes
    drift: DriftAudit | None
    drift_note: str  # why there is no drift, where there is none
    audit: Finding | None  # the newest fairness finding
    health: Health
    sentence: str  # the health in words; the first thing to read

    @property
    def error_rate(self) -> float:
        """Share of requests that failed on our side, in [0, 1]."""
        return self.failed / self.requests if self.requests else 0.0


def overview(
    ledger: Ledger,
    log: PredictionLog,
    profile_of: Callable[[ModelVersion], Profile | None],
    *,
    now: datetime,
    window: timedelta,
) -> list[ServedModel]:
    """Every champion with what it did lately, worst first.

    Args:
        ledger: Who is champion, and the audits.
        log: What was answered.
        profile_of: The profile of a version's training data.
        now: End of the window, aware.
        window: How far to look back.
    """
    served = []
    for head in ledger.heads():
        rows = log.rows(model=head.model, since=now - window)
        version = ledger.version(head.model, head.version)
        drift, note = _drift(rows, head, version, profile_of)
        findings = dossier(ledger, head.model, head.version).findings
        since = next(iter(ledger.entries(since=head.seq - 1, limit=1))).at
        served.append(_served(head, since, rows, drift, note, findings.get("fairness"), now, window))
    return sorted(served, key=lambda model: (ORDER[model.health], model.model))


def _served(
    head: Head,
    since: datetime,
    rows: Sequence[Prediction],
    drift: DriftAudit | None,
    note: str,
    audit: Finding | None,
    now: datetime,
    window: timedelta,
) -> ServedModel:
    requests = {row.id.rpartition("-")[0]: row for row in rows}.values()
    answered = [row for row in rows if row.status == 200]
    failed = sum(row.status >= 500 for row in requests)
    refused = sum(400 <= row.status < 500 for row in requests)
    latency = _latency([row.latency_us for row in requests])
    decided = [row.answer for row in answered if row.answer is not None]
    health, sentence = judged(
        requests=len(requests), failed=failed, latency=latency, drift=drift, audit=audit, version=head.version
    )
    return ServedModel(
        model=head.model,
        version=head.version,
        generation=head.generation,
        since=since,
        window=window,
        requests=len(requests),
        rows=len(answered),
        refused=refused,
        failed=failed,
        traffic=_traffic([datetime.fromisoformat(row.at) for row in answered], now, window),
        latency=latency,
        selection_rate=sum(decided) / len(decided) if decided else None,
        drift=drift,
        drift_note=note,
        audit=audit,
        health=health,
        sentence=sentence,
    )


def judged(
    *,
    requests: int,
    failed: int,
    latency: Latency | None,
    drift: DriftAudit | None,
    audit: Finding | None,
    version: int,
) -> tuple[Health, str]:
    """How a model is, and why, in a sentence; the gravest cause first."""
    if requests and failed / requests > MANY_ERRORS:
        return "act", f"{failed} of {requests} requests failed on our side."
    if drift is not None and drift.verdict == "fail":
        return "act", drift.sentence
    if audit is not None and audit.verdict == "fail":
        return "act", audit.sentence
    if audit is None:
        return "watch", f"Version {version} has no fairness audit."
    if latency is not None and latency.p95 > SLOW:
        return "watch", f"One request in twenty takes more than {latency.p95:.2f} seconds."
    if not requests:
        return "watch", "Nothing was asked of it in this window."
    if drift is None or drift.verdict == "not enough evidence":
        return "healthy", "It answers well; too little was served to be sure that the inputs have not drifted."
    return "healthy", "It answers well, and what it is asked looks like its training data."


def _drift(
    rows: Sequence[Prediction],
    head: Head,
    version: ModelVersion,
    profile_of: Callable[[ModelVersion], Profile | None],
) -> tuple[DriftAudit | None, str]:
    """The drift of what was asked in the window, whichever version answered, against this one's training."""
    features = [row.features for row in rows if row.features is not None]
    if not features:
        return None, "nothing was served in this window"
    try:
        reference = profile_of(version)
    except WorkbenchError as error:
        return None, error.message
    if reference is None:
        return None, f"{head.model} {head.version} has no profile of its training data"
    import pandas as pd

    try:
        return audit_drift(reference, Profile.scan(pd.DataFrame(features), like=reference)), ""
    except WorkbenchError as error:
        return None, error.message


def _latency(micros: Sequence[int]) -> Latency | None:
    if not micros:
        return None
    p50, p95, p99 = (float(value) / 1e6 for value in np.quantile(micros, (0.5, 0.95, 0.99)))
    return Latency(p50, p95, p99)


def _traffic(times: Sequence[datetime], now: datetime, window: timedelta) -> tuple[int, ...]:
    counts = [0] * BUCKETS
    for at in times:
        place = int((at - (now - window)) / window * BUCKETS)
        counts[min(max(place, 0), BUCKETS - 1)] += 1
    return tuple(counts)
