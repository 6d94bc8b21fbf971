"""Thresholds tried on what is stored: which alarms they would have raised, on which models, and when.

Every hour of the past is looked at as a pass would have looked at it then, from the summaries alone and with
the champion of that moment. Nothing is written. Limits that are given take the place of the declared ones; so
a limit is known by its alarms before it goes live, and whether each would have taken the champion back by itself.
Labels count as they are known today, whenever they came.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from workbench.errors import Misuse, WorkbenchError
from workbench.ledger import Entry, Ledger, ModelVersion
from workbench.ledger.heads import MOVES, place
from workbench.monitoring.automatic import DECLARED as ROLLBACK
from workbench.monitoring.automatic import KINDS, allowed
from workbench.monitoring.declared import KIND, Objectives
from workbench.monitoring.incidents import kind_of
from workbench.monitoring.passes import HISTORY_DAYS
from workbench.monitoring.summary_store import DAY, HOUR, Row, SummaryStore
from workbench.monitoring.watching import Subject, dice, watch
from workbench.promotion import Declaration

if TYPE_CHECKING:
    from workbench.data import Profile


TRIED = frozenset({"errors", "latency_ms", "p99_ms", "accuracy_drop", "disparate_impact", ROLLBACK})
EXAMPLE = "write, e.g.:  [lending]  errors = 0.002  (a line each)"


@dataclass(frozen=True)
class Limits:
    """Limits to try; None: as declared."""

    errors: float | None = None  # share of requests that may fail, in (0, 1)
    latency_ms: float | None = None  # within which the declared share of the requests is to be answered
    drop: float | None = None  # of accuracy, that matters, in (0, 1)
    impact: float | None = None  # disparate impact at least, in (0, 1]
    margin: float | None = None  # of every KPI, as a share of what it was, in (0, 1)
    alpha: float = 0.05  # chance of a false alarm of a model over all looks
    policy: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # objectives by model; "*": of all

    def objectives(self, model: str, declared: Mapping[str, Any]) -> dict[str, Any]:
        """What a model would be declared to keep to, where the policy goes live.

        >>> limits = Limits(policy={"*": {"errors": 0.01}, "lending": {"rollback": ["errors"]}})
        >>> limits.objectives("lending", {"errors": 0.5, "groups": ["sex"]})
        {'errors': 0.01, 'groups': ['sex'], 'rollback': ['errors']}
        """
        return {**declared, **self.policy.get("*", {}), **self.policy.get(model, {})}

    def on(self, declared: Objectives) -> Objectives:
        """The declared objectives with these limits in their place."""
        given = {name: value for name in ("errors", "drop", "impact") if (value := getattr(self, name)) is not None}
        kept = replace(declared, **given)
        if self.latency_ms is not None:
            kept = replace(kept, latency=(kept.latency[0], self.latency_ms / 1000))
        if self.margin is not None:
            kept = replace(kept, kpis=tuple(replace(kpi, margin=self.margin) for kpi in kept.kpis))
        return kept


def policy_read(text: str) -> dict[str, dict[str, Any]]:
    r"""Objectives to try, by model, from TOML: a table a model as `workbench declare` would keep it, "*" for all.

    >>> policy_read('["*"]\nerrors = 0.01\n[lending]\nlatency_ms = {p99 = 50}')
    {'*': {'errors': 0.01}, 'lending': {'latency_ms': {'p99': 50}}}

    Raises:
        Misuse: It is no TOML, or says what is no limit.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misuse(f"the policy is no TOML: {error}", hint=EXAMPLE) from error
    for model, given in told.items():
        if not isinstance(given, Mapping):
            raise Misuse(f"{model} is no table of limits", hint=EXAMPLE)
        unknown = sorted(given.keys() - TRIED)
        wrong = [f"{name} is no limit" for name in unknown] + list(Objectives.of({"objectives": given}).problems)
        kinds = given.get(ROLLBACK, [])
        if list(allowed(Declaration(model, objectives=given))) != kinds:
            wrong.append(f"objectives.{ROLLBACK} is {kinds!r}; it is a list of {', '.join(KINDS)}")
        if wrong:
            raise Misuse(f"the limits of {model}: {'; '.join(wrong)}", hint=f"limits: {', '.join(sorted(TRIED))}")
    return told


@dataclass(frozen=True)
class Alarm:
    """A signal that failed, from when to when."""

    model: str
    version: int
    signal: str  # its name, e.g. "inputs:income"
    first: datetime  # the look at which it was raised
    last: datetime  # the last look at which it still failed
    looks: int  # at which it failed
    sentence: str  # at the first
    back: bool = False  # whether it is of a kind for which the champion goes back by itself


@dataclass(frozen=True)
class Replay:
    """What limits would have done."""

    limits: Limits
    since: datetime
    until: datetime
    models: int  # looked at
    looks: int  # of all models together
    alarms: tuple[Alarm, ...]  # in the order of time

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def replay(
    ledger: Ledger,
    store: SummaryStore,
    profile_of: Callable[[ModelVersion], Profile | None],
    limits: Limits,
    *,
    since: datetime,
    until: datetime,
    window: timedelta,
    models: Sequence[str] = (),
) -> Replay:
    """Try limits on stored summaries.

    Args:
        ledger: Who was champion when, and what is declared.
        store: Summaries.
        profile_of: The profile of a version's training data.
        limits: To try.
        since: The first look, aware.
        until: The last.
        window: How far each look looks back.
        models: Only these; empty: all of which there are summaries.
    """
    declared = {entry.subject: entry.body for entry in ledger.entries(kind=KIND)}
    alarms: list[Alarm] = []
    looks = 0
    wanted = [name for name in store.models() if not models or name in models]
    for model in wanted:
        reigns = _reigns(ledger, model)
        if not reigns:
            continue
        hours = store.rows(model, since=since - 2 * window, until=until)
        days = store.rows(model, since=since - window - DAY * (HISTORY_DAYS + 1), until=until, days=True, inputs=False)
        body = declared.get(model, {})
        told = limits.objectives(model, body.get("objectives") or {})
        kept = limits.on(Objectives.of({**body, "objectives": told}) if body or told else Objectives())
        back = allowed(Declaration(model, objectives=told))
        subjects = {number: _subject(ledger, model, number, profile_of, kept) for _, number in reigns}
        running: dict[str, Alarm] = {}
        at = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while at <= until:
            live = [reign for reign in reigns if reign[0] <= at]
            if live:
                begun, number = live[-1]
                looks += 1
                seen = _look(replace(subjects[number], live_since=begun), hours, days, at, window, limits.alpha)
                running = _carried(running, seen, model, number, at, alarms, back)
            at += HOUR
        alarms += running.values()
    ordered = tuple(sorted(alarms, key=lambda alarm: (alarm.first, alarm.model, alarm.signal)))
    return Replay(limits, since, until, len(wanted), looks, ordered)


def _look(
    subject: Subject, hours: Sequence[Row], days: Sequence[Row], at: datetime, window: timedelta, alpha: float
) -> Mapping[str, str]:
    """The sentences of the signals that fail, by name, as seen at a moment."""
    then = [row for row in hours if at - window - HOUR <= row.at < at]
    before = [row for row in days if row.at + DAY <= at and row.at >= at - window - DAY * (HISTORY_DAYS + 1)]
    seen = watch(
        subject, then, before, now=at, window=window, rng=dice(subject.model, subject.version, at), alpha=alpha
    )
    return {signal.key: signal.sentence for signal in seen.failing}


def _carried(
    running: Mapping[str, Alarm],
    seen: Mapping[str, str],
    model: str,
    version: int,
    at: datetime,
    ended: list[Alarm],
    back: Collection[str],
) -> dict[str, Alarm]:
    """The alarms that go on, and those that begin; those that end are put to the ended."""
    going = {}
    for key, sentence in seen.items():
        before = running.get(key)
        going[key] = (
            Alarm(model, version, key, at, at, 1, sentence, kind_of(key) in back)
            if before is None
            else replace(before, last=at, looks=before.looks + 1)
        )
    ended += [alarm for key, alarm in running.items() if key not in going]
    return going


def _reigns(ledger: Ledger, model: str) -> list[tuple[datetime, int]]:
    """Since when which version was champion, in the order of time."""
    moves: list[Entry] = [
        entry for entry in ledger.entries(kind=MOVES, prefix=f"{model}/") if place(entry) == (model, "champion")
    ]
    return [(entry.at, int(entry.subject.rpartition("/")[2])) for entry in moves]


def _subject(
    ledger: Ledger,
    model: str,
    number: int,
    profile_of: Callable[[ModelVersion], Profile | None],
    kept: Objectives,
) -> Subject:
    version = ledger.version(model, number)
    try:
        reference = profile_of(version)
    except WorkbenchError:
        reference = None  # its files are gone; all else can still be tried
    return Subject(model, number, datetime.fromisoformat(version.registered_at), version.threshold, reference, kept)
