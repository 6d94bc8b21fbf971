"""The overview: each champion with its traffic, latency, errors, drift and last audit, worst first.

Reading is here, judging in `health`; a page, a command and Prometheus show the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.evidence import dossier
from workbench.ledger import Head, Ledger, ModelVersion
from workbench.monitoring.health import judged
from workbench.monitoring.served import Health, Latency, ServedModel
from workbench.serving import Outcome, PredictionLog

if TYPE_CHECKING:
    from workbench.audits import DriftAudit
    from workbench.data import Profile

SLICES = 48  # points of the traffic line
MOST_ROWS = 50_000  # newest rows that drift is read from
GRAVITY: dict[Health, int] = {"act": 0, "watch": 1, "healthy": 2}


def overview(
    ledger: Ledger,
    log: PredictionLog,
    profile_of: Callable[[ModelVersion], Profile | None],
    *,
    now: datetime,
    window: timedelta,
) -> list[ServedModel]:
    """Every champion with what came of it lately, worst first.

    Args:
        ledger: Who is champion, since when, and the audits.
        log: What was answered.
        profile_of: The profile of a version's training data; None where it has none.
        now: End of the window, aware.
        window: How far to look back.
    """
    champions = [head for head in ledger.heads() if head.slot == "champion"]
    served = [_served(head, ledger, log, profile_of, now, window) for head in champions]
    return sorted(served, key=lambda model: (GRAVITY[model.health], -model.error_rate, model.model))


def traffic(times: Sequence[datetime], *, now: datetime, window: timedelta, slices: int = SLICES) -> tuple[int, ...]:
    """How many of the times lie in each slice of the window that ends now, oldest slice first.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> traffic([noon - timedelta(hours=h) for h in (0, 1, 5, 6)], now=noon, window=timedelta(hours=6), slices=3)
    (2, 0, 2)
    """
    counts = [0] * slices
    for at in times:
        place = int((at - (now - window)) / window * slices)
        counts[min(max(place, 0), slices - 1)] += 1
    return tuple(counts)


def latency(microseconds: Sequence[int]) -> Latency | None:
    """Percentiles by the nearest rank, in seconds; None of nothing.

    >>> latency(list(range(1000, 101_000, 1000)))
    Latency(p50=0.05, p95=0.095, p99=0.099)
    """
    if not microseconds:
        return None
    ordered = sorted(microseconds)

    def at(percent: int) -> float:
        return ordered[-(-len(ordered) * percent // 100) - 1] / 1e6

    return Latency(at(50), at(95), at(99))


def _served(
    head: Head,
    ledger: Ledger,
    log: PredictionLog,
    profile_of: Callable[[ModelVersion], Profile | None],
    now: datetime,
    window: timedelta,
) -> ServedModel:
    outcomes = log.outcomes(head.model, since=now - window, until=now)
    answered = [outcome for outcome in outcomes if outcome.status == 200]
    by_request: dict[str, Outcome] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.status):  # of one that was tried again, the gravest
        by_request[outcome.request] = outcome
    decided = [outcome.answer for outcome in answered if outcome.answer is not None]
    requests = len(by_request)
    failed = sum(outcome.status >= 500 for outcome in by_request.values())
    refused = sum(400 <= outcome.status < 500 for outcome in by_request.values())
    took = latency([outcome.latency_us for outcome in by_request.values() if outcome.status == 200])
    drift, note = _drift(head, ledger, log, profile_of, now, window) if answered else (None, "nothing was served")
    audit = dossier(ledger, head.model, head.holder).findings.get("fairness")
    health, sentence = judged(
        version=head.holder,
        requests=requests,
        failed=failed,
        refused=refused,
        latency=took,
        drift=drift,
        audit=audit,
    )
    return ServedModel(
        model=head.model,
        version=head.holder,
        generation=head.generation,
        since=ledger.entries(since=head.seq - 1, limit=1)[0].at,
        window=window,
        requests=requests,
        rows=len(answered),
        refused=refused,
        failed=failed,
        traffic=traffic([outcome.at for outcome in answered], now=now, window=window),
        latency=took,
        selection_rate=sum(decided) / len(decided) if decided else None,
        drift=drift,
        drift_note=note,
        audit=audit,
        health=health,
        sentence=sentence,
    )


def _drift(
    head: Head,
    ledger: Ledger,
    log: PredictionLog,
    profile_of: Callable[[ModelVersion], Profile | None],
    now: datetime,
    window: timedelta,
) -> tuple[DriftAudit | None, str]:
    """The drift of what was asked in the window, whichever version answered, or why it cannot be told."""
    from workbench.audits import audit_drift
    from workbench.data import Profile

    try:
        reference = profile_of(ledger.version(head.model, head.holder))
        if reference is None:
            return None, f"{head.model} {head.version} has no profile of its training data"
        asked = log.served_features(head.model, now - window, until=now, limit=MOST_ROWS)
        names = [name for name in reference.columns if name in asked.columns]
        asked = asked[names].dropna()  # without rows that a version with other features answered
        if asked.empty:
            return None, f"nothing was asked with the features of {head.model} {head.version}"
        return audit_drift(reference, Profile.scan(asked, like=reference)), ""
    except WorkbenchError as error:
        return None, error.message
