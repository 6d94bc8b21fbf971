"""From the prediction log to summaries: the one place where monitoring reads rows.

Hours that are over are made once; the hour that runs is made anew at each pass, and so is an hour for which
rows or labels came since. An hour is over a little after its end, since the log is written behind the answers. Doing
it twice changes nothing, and a pass that was killed is gone on with by the next. The log may forget rows
before the summaries do: an hour is never replaced by one that knows of fewer rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from workbench.data import Profile, ScoreCube
from workbench.monitoring.declared import DeclaredKpi, Objectives
from workbench.monitoring.hour import Hour, Kpi, latency_bin
from workbench.monitoring.summary_store import HOUR, Key, Made, SummaryStore
from workbench.monitoring.sums import Inputs
from workbench.serving import Prediction
from workbench.serving.prediction import SHADOW

LATE = timedelta(minutes=5)  # after its end, when an hour is over
BEHIND = timedelta(days=2)  # by which the log may be behind the answers: a full disk, a consumer that was away
MOST_VALUES = 20  # of a group's feature; one with more tells no groups apart
WHOLE = 1 << 63  # from which a whole number is none that a column holds
DIGEST = 64  # characters of a value that is kept by its digest
NOBODY = Key(0, "champion")  # to whom refused requests without a version are put


class Log(Protocol):
    """Where rows are read from: the prediction log."""

    def rows(self, model: str, *, since: datetime, until: datetime) -> list[Prediction]:
        """Rows between two times, refused requests too, oldest first."""
        ...

    def hours(self, model: str, *, since: datetime, until: datetime) -> Mapping[datetime, int]:
        """How many rows there are between two times, by the hour (UTC)."""
        ...

    def truths(self, model: str, *, since: datetime, until: datetime) -> Mapping[str, float]:
        """The labels of answers given between two times, by the prediction's id."""
        ...

    def label_hours(self, since: datetime) -> Mapping[str, Mapping[datetime, tuple[int, str]]]:
        """How many answers of each hour have a label, and when the latest came, by model and hour."""
        ...


@dataclass(frozen=True)
class Reading:
    """What summaries of one model are made with."""

    model: str
    profile_of: Callable[[int], Profile | None]  # by version: of its training data
    declared: Objectives


def bring_up_to_date(
    log: Log,
    store: SummaryStore,
    reading: Reading,
    *,
    now: datetime,
    since: datetime,
    labels: Mapping[datetime, tuple[int, str]],
) -> int:
    """Make the summaries that are missing or out of date; how many hours that were.

    Args:
        log: The prediction log.
        store: Where summaries are kept.
        reading: The model.
        now: The time, aware.
        since: Hours that began before this are not made where none was made before.
        labels: What `label_hours` of the log says of the model.
    """
    model, now, since = reading.model, now.astimezone(UTC), _hour(since)
    done = store.done(model)
    first = _hour(max(done, since)) if done is not None else since
    first = min(first, _hour(now))  # a clock that stepped back
    behind = max(since, min(first, _hour(now) - BEHIND))
    logged = log.hours(model, since=behind, until=now + HOUR)
    made = store.made(model, since=min([behind, *(at for at in labels if at >= since)]), until=now + HOUR)
    due = {at for at, rows in logged.items() if at >= first or rows > made.get(at, Made()).logged}
    for at, (n, last) in labels.items():
        known = made.get(at, Made())
        if at >= since and n >= known.labels and (n, last) != known[1:]:
            due.add(at)
    for at in sorted(due):
        _remake(log, store, reading, at, labels.get(at, (0, "")))
    over = _hour(now - LATE)
    if over > (done or since):
        store.close_to(model, over)
    return len(due)


def summarised(rows: Sequence[Prediction], truths: Mapping[str, float], reading: Reading) -> dict[Key, Hour]:
    """The summaries of rows, by who answered.

    Args:
        rows: Of one hour.
        truths: Labels by the prediction's id.
        reading: The model.
    """
    by_key: dict[Key, list[Prediction]] = {}
    for row in rows:
        if row.variant == SHADOW:  # nobody got it: no traffic
            continue
        key = NOBODY if row.version is None else Key(row.version, row.variant or "champion")
        by_key.setdefault(key, []).append(row)
    return {key: _hour_of(of, truths, reading, key) for key, of in sorted(by_key.items())}


def _remake(log: Log, store: SummaryStore, reading: Reading, at: datetime, labels: tuple[int, str]) -> None:
    rows = log.rows(reading.model, since=at, until=at + HOUR)
    truths = log.truths(reading.model, since=at, until=at + HOUR) if labels[0] else {}
    found = summarised(rows, truths, reading)
    stored = store.rows(reading.model, since=at, until=at + HOUR, inputs=False)
    more = {row.key for row in stored if row.key not in found or sum_of(found[row.key]) < sum_of(row.hour)}
    before = store.rows(reading.model, since=at, until=at + HOUR) if more else []
    kept = {row.key: row.hour for row in before if row.key in more}  # the log has forgotten some of it
    if found or kept:
        store.put(reading.model, at, found | kept, Made(len(rows), *labels))


def sum_of(hour: Hour) -> int:
    """Rows and failures that an hour knows of."""
    return hour.rows + hour.failed + hour.refused


def _hour_of(rows: Sequence[Prediction], truths: Mapping[str, float], reading: Reading, key: Key) -> Hour:
    requests: dict[tuple[str, datetime], Prediction] = {}  # a client may give one id to many
    for row in sorted(rows, key=lambda row: row.status):  # of a request whose rows differ the gravest counts
        requests[row.id if row.of_event else row.request, row.at] = row
    statuses: dict[int, int] = {}
    latency: dict[int, int] = {}
    for row in requests.values():
        statuses[row.status] = statuses.get(row.status, 0) + 1
        if row.status == 200 and not row.of_event:  # nobody waited for what came of an event
            place = latency_bin(row.latency_us)
            latency[place] = latency.get(place, 0) + 1
    answered = [row for row in rows if row.status == 200]
    decided = [row.answer for row in answered if row.answer is not None]
    return Hour(
        requests=dict(sorted(statuses.items())),
        latency=dict(sorted(latency.items())),
        rows=len(answered),
        yes=sum(decided),
        decided=len(decided),
        inputs=_inputs(answered, reading.profile_of(key.version)),
        scores=_scores(answered, truths, reading.declared.groups),
        kpis=_kpis(answered, truths, reading.declared.kpis),
        labels=sum(row.id in truths for row in answered),
    )


def _inputs(rows: Sequence[Prediction], reference: Profile | None) -> Inputs | None:
    features = [row.features for row in rows if row.features is not None]
    if reference is None:
        return None
    features = [row for row in features if not _hashed(row)]  # of digests there is no profile
    if not any(name in row for row in features for name in reference.columns):
        return None  # another model's, or none is kept
    columns = {name: [_plain(row.get(name)) for row in features] for name in reference.columns}
    return Inputs.of(Profile.scan(_table(columns), like=reference, strict=False))


def _table(columns: Mapping[str, list[Any]]) -> Any:
    """A table of columns whose values may be of any kind; Arrow's where each column is of one."""
    import pyarrow as pa

    try:
        return pa.table(dict(columns))
    except (pa.ArrowException, OverflowError):
        import pandas as pd

        return pd.DataFrame(columns)


def _plain(value: Any) -> Any:
    """A value that a column can hold; anything else is missing."""
    if isinstance(value, int) and abs(value) >= WHOLE:
        return None
    return value if isinstance(value, str | int | float) else None


def _hashed(row: Mapping[str, Any]) -> bool:
    """Whether a row's values are digests, as the log keeps them by policy."""
    return bool(row) and all(isinstance(value, str) and len(value) == DIGEST for value in row.values())


def _scores(rows: Sequence[Prediction], truths: Mapping[str, float], groups: Sequence[str]) -> ScoreCube | None:
    scored = [row for row in rows if row.score is not None and 0 <= row.score <= 1]
    if not scored:
        return None
    labels = [truths.get(row.id) for row in scored]
    if any(label not in {None, 0, 1} for label in labels):
        return None  # a quantity, not a yes or no
    named: dict[str, list[Any]] = {}
    for name in groups:
        values = [str(row.features.get(name)) if row.features is not None else "" for row in scored]
        if len(set(values)) <= MOST_VALUES:
            named[name] = values
    by = named or {"everybody": ["all"] * len(scored)}
    label = np.array([np.nan if one is None else float(one) for one in labels])
    return ScoreCube.scan(by, score=np.array([row.score for row in scored], dtype=float), label=label)


def _kpis(rows: Sequence[Prediction], truths: Mapping[str, float], declared: Sequence[DeclaredKpi]) -> dict[str, Kpi]:
    found = {}
    for kpi in declared:
        values = np.array([value_of(row, truths, kpi) for row in rows], dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            mean = float(values.mean())
            found[kpi.name] = Kpi(float(len(values)), mean, float(((values - mean) ** 2).sum()))
    return found


def value_of(row: Prediction, truths: Mapping[str, float], kpi: DeclaredKpi) -> float:
    """What an answer comes to in a KPI; not a number where that is not known.

    Args:
        row: The answer.
        truths: Labels by the prediction's id.
        kpi: What is declared.
    """
    value: Any
    if kpi.of == "column":
        value = None if row.features is None else row.features.get(kpi.column)
    elif kpi.of == "label":
        value = truths.get(row.id)
    else:
        value = row.answer if kpi.of == "answer" else row.score
    value = _plain(value)
    return float(value) if isinstance(value, int | float) else float("nan")


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
