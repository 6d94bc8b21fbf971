"""From the prediction log to summaries: the one place where monitoring reads rows.

Hours that are over are made once; the hour that runs is made anew at each pass, and so is an hour for which
labels came since. An hour is over a little after its end, since the log is written behind the answers. Doing
it twice changes nothing, and a pass that was killed is gone on with by the next. The log may forget rows
before the summaries do: an hour is never replaced by one that knows of fewer rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from workbench.data import Profile, ScoreCube
from workbench.monitoring.declared import DeclaredKpi, Objectives
from workbench.monitoring.hour import Hour, Kpi, latency_bin
from workbench.monitoring.summary_store import DAY, HOUR, Key, SummaryStore
from workbench.monitoring.sums import Inputs
from workbench.serving import Prediction
from workbench.serving.prediction import SHADOW

LATE = timedelta(minutes=5)  # after its end, when an hour is over
MOST_VALUES = 20  # of a group's feature; one with more tells no groups apart
WHOLE = 1 << 63  # from which a whole number is none that a column holds
DIGEST = 64  # characters of a value that is kept by its digest
NOBODY = Key(0, "champion")  # to whom refused requests without a version are put


class Labelled(Protocol):
    """A prediction with the truth about it; what the prediction log gives, as far as it is read."""

    @property
    def id(self) -> str:
        """Of the prediction."""
        ...

    @property
    def at(self) -> datetime:
        """When it was answered."""
        ...

    @property
    def label(self) -> float:
        """0 or 1 of a yes or no, else the quantity."""
        ...

    @property
    def labelled_at(self) -> datetime:
        """When it became known."""
        ...


class Log(Protocol):
    """Where rows are read from: the prediction log."""

    def rows(self, model: str, *, since: datetime, until: datetime) -> list[Prediction]:
        """Rows between two times, refused requests too, oldest first."""
        ...


@dataclass(frozen=True)
class Reading:
    """What summaries of one model are made with."""

    model: str
    profile_of: Callable[[int], Profile | None]  # by version: of its training data
    declared: Objectives


def bring_up_to_date(
    log: Log, store: SummaryStore, reading: Reading, *, now: datetime, since: datetime, labels_since: datetime
) -> int:
    """Make the summaries that are missing or out of date; how many hours that were.

    Args:
        log: The prediction log.
        store: Where summaries are kept.
        reading: The model.
        now: The time, aware.
        since: Hours that began before this are not made where none was made before.
        labels_since: Labels are looked for from this time on.
    """
    done = store.done(reading.model)
    first = max(done, since) if done is not None else since
    over = _hour(now - LATE)
    truths = _labels(log, reading.model, since=labels_since, until=now + HOUR)
    due = _late(store, reading.model, truths, since=labels_since, until=first)
    running = _hour(now)
    at = running if _hour(first) >= running else _first(log, reading.model, _hour(first), now)
    while at is not None and at <= now:
        due.append(at)
        at += HOUR
    for hour in due:
        _remake(log, store, reading, hour, truths)
    if over > (done or since):
        store.close_to(reading.model, over)
    return len(due)


def summarised(rows: Sequence[Prediction], truths: Mapping[str, Labelled], reading: Reading) -> dict[Key, Hour]:
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


def _remake(log: Log, store: SummaryStore, reading: Reading, at: datetime, truths: Mapping[str, Labelled]) -> None:
    found = summarised(log.rows(reading.model, since=at, until=at + HOUR), truths, reading)
    before = {row.key: row.hour for row in store.rows(reading.model, since=at, until=at + HOUR)}
    kept = {
        key: hour for key, hour in before.items() if key not in found or sum_of(found[key]) < sum_of(hour)
    }  # the log has forgotten some of it
    if found or kept:
        store.put(reading.model, at, found | kept)


def sum_of(hour: Hour) -> int:
    """Rows and failures that an hour knows of."""
    return hour.rows + hour.failed + hour.refused


def _first(log: Log, model: str, since: datetime, now: datetime) -> datetime | None:
    """The first hour from `since` on in which a model was asked; None: none."""
    step = DAY
    while since <= now:
        found = log.rows(model, since=since, until=min(since + step, now + HOUR))
        if found:
            return _hour(found[0].at)
        since += step
    return None


def _labels(log: Log, model: str, *, since: datetime, until: datetime) -> dict[str, Labelled]:
    read = getattr(log, "labelled", None)  # a log without labels has no such question
    found: Iterable[Labelled] = read(model, since=since, until=until) if read is not None else ()
    return {one.id: one for one in found}


def _late(
    store: SummaryStore, model: str, truths: Mapping[str, Labelled], *, since: datetime, until: datetime
) -> list[datetime]:
    """Hours that are done and for which more labels are known than they were made with."""
    known: dict[datetime, tuple[int, str]] = {}
    for one in truths.values():
        at = _hour(one.at)
        if at < until:
            n, last = known.get(at, (0, ""))
            known[at] = (n + 1, max(last, one.labelled_at.isoformat()))
    if not known:
        return []
    made: dict[datetime, tuple[int, str]] = {}
    for row in store.rows(model, since=_hour(since), until=until, inputs=False):
        n, last = made.get(row.at, (0, ""))
        made[row.at] = (n + row.hour.labels, max(last, row.hour.labelled_at))
    return sorted(at for at in known if known[at] != made.get(at))


def _hour_of(rows: Sequence[Prediction], truths: Mapping[str, Labelled], reading: Reading, key: Key) -> Hour:
    requests: dict[str, Prediction] = {}
    for row in sorted(rows, key=lambda row: row.status):  # of a request whose rows differ the gravest counts
        requests[row.request] = row
    statuses: dict[int, int] = {}
    latency: dict[int, int] = {}
    for row in requests.values():
        statuses[row.status] = statuses.get(row.status, 0) + 1
        if row.status == 200:
            place = latency_bin(row.latency_us)
            latency[place] = latency.get(place, 0) + 1
    answered = [row for row in rows if row.status == 200]
    labelled = [truths[row.id] for row in answered if row.id in truths]
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
        labels=len(labelled),
        labelled_at=max((one.labelled_at.isoformat() for one in labelled), default=""),
    )


def _inputs(rows: Sequence[Prediction], reference: Profile | None) -> Inputs | None:
    features = [row.features for row in rows if row.features is not None]
    if reference is None or not features:
        return None
    if not any(name in row for row in features for name in reference.columns) or _hashed(features[0]):
        return None  # another model's, or kept by digests only
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


def _scores(rows: Sequence[Prediction], truths: Mapping[str, Labelled], groups: Sequence[str]) -> ScoreCube | None:
    scored = [row for row in rows if row.score is not None and 0 <= row.score <= 1]
    if not scored:
        return None
    labels = [truths[row.id].label if row.id in truths else None for row in scored]
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


def _kpis(
    rows: Sequence[Prediction], truths: Mapping[str, Labelled], declared: Sequence[DeclaredKpi]
) -> dict[str, Kpi]:
    found = {}
    for kpi in declared:
        values = np.array([_value(row, truths, kpi) for row in rows], dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            mean = float(values.mean())
            found[kpi.name] = Kpi(float(len(values)), mean, float(((values - mean) ** 2).sum()))
    return found


def _value(row: Prediction, truths: Mapping[str, Labelled], kpi: DeclaredKpi) -> float:
    value: Any
    if kpi.of == "column":
        value = None if row.features is None else row.features.get(kpi.column)
    elif kpi.of == "label":
        value = truths[row.id].label if row.id in truths else None
    else:
        value = row.answer if kpi.of == "answer" else row.score
    value = _plain(value)
    return float(value) if isinstance(value, int | float) else float("nan")


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
