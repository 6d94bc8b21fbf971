"""One model watched over a window: its sums, its signals, and since when each that fails has been so; pure.

The champion's version counts, and requests that nobody answered. Reference are its training data for the
inputs, and the days before the window for all else.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from workbench.audits.verdict import HANDFUL
from workbench.errors import WorkbenchError
from workbench.monitoring import signals as told
from workbench.monitoring.declared import Objectives
from workbench.monitoring.hour import Hour, added, requests_of
from workbench.monitoring.signals import ALPHA, Signal
from workbench.monitoring.summary_store import DAY, HOUR, Row
from workbench.stats.change import change_point
from workbench.stats.drift import spent_at

if TYPE_CHECKING:
    from workbench.audits import DriftAudit
    from workbench.data import Profile, ScoreCube

SPANS = (HOUR, 6 * HOUR)  # short windows in which errors and latency are looked at too
MEASURES = 16  # that share a look's chance of a false alarm, beside the inputs, which have their own
SURE = 0.05  # p-value of a change, below which it is told since when
SHUFFLES = 99
ENOUGH = 200  # labelled cases of earlier days, that accuracy is told of where the window has none


@dataclass(frozen=True)
class Subject:
    """What is watched: a model with the version in use, and what it is held against."""

    model: str
    version: int
    live_since: datetime  # when this version became champion
    threshold: float | None
    reference: Profile | None  # of its training data
    declared: Objectives


@dataclass(frozen=True)
class Watched:
    """A model after a look."""

    subject: Subject
    at: datetime  # the end of the window
    window: timedelta
    hour: Hour  # the sum of the window
    hours: tuple[tuple[datetime, Hour], ...]  # the window's hours and those before, oldest first
    signals: tuple[Signal, ...]
    drift: DriftAudit | None
    problem: str = ""  # why something could not be looked at

    @property
    def failing(self) -> list[Signal]:
        """Signals that are shown to be wrong."""
        return told.failing(self.signals)


def watch(
    subject: Subject,
    hours: Sequence[Row],
    days: Sequence[Row],
    *,
    now: datetime,
    window: timedelta,
    rng: np.random.Generator,
    alpha: float = ALPHA,
) -> Watched:
    """Look at a model.

    Args:
        subject: What is watched.
        hours: Its hourly summaries, from some hours before the window on, oldest first.
        days: Its daily summaries, oldest first.
        now: The end of the window.
        window: How long it is, in whole hours.
        rng: Shuffles hours, to tell since when; draws estimates.
        alpha: Chance of a false alarm over all looks, in (0, 1).
    """
    now = now.astimezone(UTC)
    begin = (now - window).replace(minute=0, second=0, microsecond=0)
    series = _series(hours, subject.version)
    total = added(hour for at, hour in series if at >= begin)
    past = _series([row for row in days if row.at + DAY <= begin], subject.version)
    everybody = _series([row for row in days if row.at + DAY <= now], None)
    earlier = [hour.asked for at, hour in everybody if at + DAY <= begin]
    look = max(1, round((now - subject.live_since) / HOUR))
    spent = spent_at(look, alpha)
    z = told.strictness(spent, MEASURES)
    lately = [
        requests_of(hour for at, hour in series if at >= max(begin, now - span)) for span in SPANS if span < window
    ]
    found = told.service([*lately, total], subject.declared, z=z)
    found += told.silence(total, sum(earlier), len(earlier) * (DAY / window))
    daily = told.strictness(spent_at(max(1, round((now - subject.live_since) / DAY)), alpha), MEASURES)
    found += told.kpis([hour for _, hour in everybody], subject.declared, z=daily)
    audit, problem = _drift(subject, total, spent)
    found += told.inputs(audit) if audit is not None else []
    before = _scores(past)
    cases, since, older = _labelled(total.scores, past, before)
    if cases is not None:
        found += told.performance(cases, older, subject.threshold, subject.declared, z=z, since=since)
    if total.scores is not None:
        if subject.threshold is not None:
            found += told.fairness(total.scores, subject.threshold, subject.declared, z=z)
        if before is not None and subject.threshold is not None and total.scores.attributes == before.attributes:
            found += told.expected(total.scores, before, subject.threshold, subject.declared, z=z, rng=rng)
    dated = [_dated(signal, subject, series, rng) if signal.verdict == "fail" else signal for signal in found]
    return Watched(subject, now, window, total, tuple(series), tuple(dated), audit, problem)


def dice(model: str, version: int, now: datetime) -> np.random.Generator:
    """What a look at a model draws with: the same for all looks of an hour, so that a look can be had again."""
    return np.random.default_rng(zlib.crc32(f"{model}/{version}/{now.astimezone(UTC):%Y%m%d%H}".encode()))


def _series(rows: Sequence[Row], version: int | None) -> list[tuple[datetime, Hour]]:
    """One sum a moment, of a version and of requests that nobody answered; of all versions where it is None."""
    by_time: dict[datetime, list[Hour]] = {}
    for row in rows:
        if version is None or row.key.version in {version, 0}:
            by_time.setdefault(row.at, []).append(row.hour)
    return [(at, of[0] if len(of) == 1 else added(of)) for at, of in sorted(by_time.items())]


def _scores(days: Sequence[tuple[datetime, Hour]]) -> ScoreCube | None:
    """The sum of the score cubes of some days."""
    from workbench.monitoring.sums import cubes_added

    return cubes_added([hour.scores for _, hour in days if hour.scores is not None])


def _labelled(
    now: ScoreCube | None, past: Sequence[tuple[datetime, Hour]], before: ScoreCube | None
) -> tuple[ScoreCube | None, datetime | None, ScoreCube | None]:
    """The newest cases whose truth is known, the day from which on they are, and all that is older.

    Labels may come weeks late: where the window has too few, the newest days count that have enough.

    Args:
        now: The window's.
        past: The days before it, oldest first.
        before: Their sum.
    """
    if now is not None and now.labelled.sum() >= HANDFUL:
        return now, None, before
    labelled = 0
    for place in range(len(past) - 1, -1, -1):
        cube = past[place][1].scores
        labelled += 0 if cube is None else int(cube.labelled.sum())
        if labelled >= ENOUGH:
            return _scores(past[place:]), past[place][0], _scores(past[:place])
    return now, None, before


def _drift(subject: Subject, total: Hour, alpha: float) -> tuple[DriftAudit | None, str]:
    from workbench.audits import audit_drift

    if subject.reference is None:
        return None, f"{subject.model} {subject.version} has no profile of its training data"
    if total.profile is None:
        return None, "no inputs were kept in the window" if total.asked else ""  # nobody asked: that is told by itself
    try:
        return audit_drift(subject.reference, total.profile, alpha=alpha, distances=False), ""
    except WorkbenchError as error:
        return None, error.message


def _dated(
    signal: Signal, subject: Subject, series: Sequence[tuple[datetime, Hour]], rng: np.random.Generator
) -> Signal:
    """The signal with since when it has been so: where the hours tell of a change, else since the version is live.

    A version that is wrong from its first hour on shows no change; it is told so where that hour is among them.
    """
    counts = [(at, _counts(signal, subject, hour)) for at, hour in series]
    known = [(at, np.asarray(count, dtype=float)) for at, count in counts if count is not None and np.sum(count) > 0]
    if signal.kind == "inputs" and subject.reference is not None and signal.about in subject.reference.columns:
        known = _columns(signal.about, subject.reference, series)
    if len(known) >= 3:
        found = change_point([count for _, count in known], rng=rng, shuffles=SHUFFLES)
        if found.p_value <= SURE:
            return replace(signal, since=known[found.at][0])
    young = bool(series) and subject.live_since >= series[0][0]
    return replace(signal, since=subject.live_since) if young and known else signal


def _columns(
    column: str, reference: Profile, series: Sequence[tuple[datetime, Hour]]
) -> list[tuple[datetime, np.ndarray]]:
    from workbench.audits.drift import window_counts

    seen = [(at, hour.inputs.column(column)) for at, hour in series if hour.inputs and column in hour.inputs.columns]
    counts = window_counts(reference.columns[column], [each for _, each in seen])
    return [(at, count) for (at, _), count in zip(seen, counts, strict=True) if count.sum() > 0]


def _counts(signal: Signal, subject: Subject, hour: Hour) -> Sequence[float] | None:
    """Bad and good cases of an hour, of those signals that are shares; of each group where it is fairness."""
    if signal.kind == "errors":
        return hour.failed, hour.asked - hour.failed
    if signal.kind == "refused":
        return hour.refused, hour.asked - hour.refused
    if signal.kind == "latency":
        slow = hour.slower(subject.declared.latency[1])
        return slow, hour.timed - slow
    if signal.kind == "fairness" and hour.scores is not None and subject.threshold is not None:
        edge = int(np.ceil(subject.threshold * hour.scores.bins - 1e-6))
        cube = hour.scores.by([signal.about])
        cases = dict(zip(cube.groups, cube.table.sum(axis=1), strict=True))
        worst = cases.get((signal.sentence.partition(" gets a yes ")[0],))
        return None if worst is None else (float(worst[edge:].sum()), float(worst[:edge].sum()))
    if signal.kind == "performance" and hour.scores is not None and subject.threshold is not None:
        edge = int(np.ceil(subject.threshold * hour.scores.bins - 1e-6))
        labels = hour.scores.labelled.sum(axis=0)
        wrong = int(labels[0, edge:].sum() + labels[1, :edge].sum())
        return wrong, int(labels.sum()) - wrong
    return None
