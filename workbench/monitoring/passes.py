"""One pass of the watch: summaries brought up to date, every champion looked at, incidents kept; worst first.

What one model lacks (files that are gone, a profile that cannot be read) is told and hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.errors import WorkbenchError
from workbench.ledger import Entry, Head, Ledger, ModelVersion
from workbench.monitoring.causes import Trouble, troubles
from workbench.monitoring.declared import Objectives, objectives
from workbench.monitoring.hour import Hour
from workbench.monitoring.incidents import Incident, incidents, keep, said_over
from workbench.monitoring.signals import Signal, load
from workbench.monitoring.summarising import BEHIND, Log, Reading, bring_up_to_date
from workbench.monitoring.summary_store import DAY, HOUR, SummaryStore
from workbench.monitoring.upstream import changes
from workbench.monitoring.watching import Subject, Watched, dice, watch

if TYPE_CHECKING:
    from workbench.audits.cause import CauseAudit
    from workbench.data import Profile

State = Literal["act", "watch", "healthy"]

UPSTREAM = ("run.finished", "version.registered", "promotion.granted", "rollback.granted")
HISTORY_DAYS = 14  # before the window, that a KPI and accuracy are held against
ANSWER, TRUTH, MOMENT = "(answer)", "(label)", "(at)"  # names that no feature has
MOST_CASES = 4000  # labelled cases on either side, that a drop is divided by


@dataclass(frozen=True)
class Keeping:
    """How long summaries are kept."""

    hours: timedelta = timedelta(days=35)  # hourly ones; labels may come as late
    days: timedelta = timedelta(days=400)


@dataclass(frozen=True)
class Looked:
    """One model after a pass."""

    watched: Watched
    troubles: tuple[Trouble, ...]
    incidents: tuple[Incident, ...]  # that are alive
    share: float = 1.0  # of its requests that is logged, and seen here
    settled: tuple[Incident | None, ...] = ()  # by trouble, that of which a person has said that it is over

    @property
    def told(self) -> list[tuple[Trouble, Incident | None]]:
        """The troubles with what a person has said of each, those of which nobody has first."""
        pairs = zip(self.troubles, self.settled or [None] * len(self.troubles), strict=True)
        return sorted(pairs, key=lambda pair: pair[1] is not None)


@dataclass(frozen=True)
class Standing:
    """The first line about a model."""

    model: str
    version: int
    state: State
    sentence: str  # the cause first
    since: datetime | None  # when it began, where that is known
    requests: int  # in the window, that were logged
    incidents: tuple[str, ...]  # ids of those that are alive
    share: float = 1.0  # of the requests that is logged


@dataclass(frozen=True)
class Pass:
    """All models after a pass, worst first."""

    at: datetime
    models: tuple[Looked, ...]
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    problems: tuple[str, ...]  # what could not be looked at, by model
    summarised: int  # hours that were made

    @property
    def standings(self) -> list[Standing]:
        """A line a model, worst first."""
        return [standing(model) for model in self.models]

    @property
    def wrong(self) -> list[Incident]:
        """Incidents that are alive and call for action."""
        return [one for model in self.models for one in model.incidents if one.gravity == "act"]


def one_pass(
    ledger: Ledger,
    log: Log,
    store: SummaryStore,
    profile_of: Callable[[ModelVersion], Profile | None],
    *,
    now: datetime,
    window: timedelta,
    keeping: Keeping | None = None,
    models: Sequence[str] = (),
    write: bool = True,
    summarise: bool = True,
    share_of: Callable[[str], float] = lambda _: 1.0,
    killed: Callable[[Head], int] = lambda _: 0,
    labels: bool = True,
    tell: Callable[[str], None] = lambda _: None,
    enough: Callable[[], bool] = lambda: False,
) -> Pass:
    """Look at every champion once.

    Args:
        ledger: Who is champion, what is declared, and where incidents are kept.
        log: What was answered.
        store: Summaries.
        profile_of: The profile of a version's training data; None where it has none.
        now: The end of the window, aware.
        window: How far to look back.
        keeping: How long summaries are kept.
        models: Only these, in this order; empty: all that have a champion.
        write: Whether incidents are opened and resolved.
        summarise: Whether the summaries are brought up to date first; else what is stored is looked at.
        share_of: The share of a model's requests that is logged; counts are of these, and it is said.
        killed: How many loads of a champion ended their process, one after the other.
        labels: Whether hours of more than two days ago are made anew where labels came for them.
        tell: Is told what is being done, model by model.
        enough: Is asked after each model; where it says so, the rest is left for another pass.
    """
    kept = keeping or Keeping()
    declared = objectives(ledger)
    now = now.astimezone(UTC)
    late = log.label_hours(now - (kept.hours if labels else BEHIND)) if summarise else {}
    entries: list[Entry] | None = None
    looked: list[Looked] = []
    opened: list[Incident] = []
    resolved: list[Incident] = []
    problems: list[str] = []
    made = 0
    for head, version in _champions(ledger, models):
        tell(head.model)
        wants = declared.get(head.model, Objectives())
        problems += [f"{head.model}: {problem}" for problem in wants.problems]
        profiles, problem = _profiles(ledger, head.model, profile_of)
        problems += [f"{head.model}: {problem}"] if problem else []
        try:
            if summarise:
                reading = Reading(head.model, profiles, wants)
                known = late.get(head.model, {})
                made += bring_up_to_date(log, store, reading, now=now, since=now - kept.hours, labels=known)
            watched = _watched(store, head, version, wants, profiles, ledger, now, window)
        except (WorkbenchError, ValueError) as error:  # what one model lacks hides no other
            problems.append(f"{head.model}: {error}")
            watched = _unseen(head, version, wants, now, window, str(error))
        try:
            watched = replace(watched, signals=(load(head.holder, killed(head)), *watched.signals))
        except WorkbenchError as error:
            problems.append(f"{head.model}: {error}")
        failing = watched.failing
        if failing and entries is None:
            entries = ledger.entries(kind=UPSTREAM)
        explained = _explained(log, head, failing, now, window)
        found = troubles(failing, changes(head.model, entries or ()), explained) if failing else []
        alive = incidents(ledger, head.model, alive=True)
        if write and (found or alive):
            sound = [signal.key for signal in watched.signals if signal.verdict == "pass"]
            reference = watched.subject.reference
            columns = None if reference is None else list(reference.columns)
            more, less = keep(ledger, head.model, head.holder, found, sound, columns=columns, now=now)
            opened += more
            resolved += less
            alive = incidents(ledger, head.model, alive=True)
        over = incidents(ledger, head.model) if found else []
        settled = tuple(said_over(over, trouble, head.holder, now) for trouble in found)
        looked.append(Looked(watched, tuple(found), tuple(alive), share_of(head.model), settled))
        if enough():
            break
    if summarise and not models:
        store.expire(hours_before=now - kept.hours - DAY, days_before=now - kept.days)
    return Pass(now, tuple(sorted(looked, key=_gravity)), tuple(opened), tuple(resolved), tuple(problems), made)


def _champions(ledger: Ledger, models: Sequence[str]) -> Iterator[tuple[Head, ModelVersion | None]]:
    known = {(version.model, version.version): version for version in ledger.versions()}
    heads = {head.model: head for head in ledger.heads() if head.slot == "champion" and head.version is not None}
    for head in (heads[model] for model in models or heads if model in heads):
        yield head, known.get((head.model, head.holder))


def _profiles(
    ledger: Ledger, model: str, profile_of: Callable[[ModelVersion], Profile | None]
) -> tuple[Callable[[int], Profile | None], str]:
    """The profile of each version, read once; and why the last that was asked for cannot be read."""
    known: dict[int, Profile | None] = {}

    def of(version: int) -> Profile | None:
        if version not in known:
            try:
                known[version] = profile_of(ledger.version(model, version)) if version else None
            except WorkbenchError:
                known[version] = None
        return known[version]

    head = ledger.head(model)
    try:
        if head is not None and head.version is not None:
            known[head.holder] = profile_of(ledger.version(model, head.holder))
    except WorkbenchError as error:
        return of, error.message
    return of, ""


def _watched(
    store: SummaryStore,
    head: Head,
    version: ModelVersion | None,
    declared: Objectives,
    profiles: Callable[[int], Profile | None],
    ledger: Ledger,
    now: datetime,
    window: timedelta,
) -> Watched:
    subject = Subject(
        model=head.model,
        version=head.holder,
        live_since=ledger.entries(since=head.seq - 1, limit=1)[0].at,
        threshold=None if version is None else version.threshold,
        reference=profiles(head.holder),
        declared=declared,
    )
    days = store.rows(head.model, since=now - window - DAY * (HISTORY_DAYS + 1), until=now, days=True, inputs=False)

    def seen(since: datetime) -> Watched:
        hours = store.rows(head.model, since=since, until=now + DAY)
        return watch(subject, hours, days, now=now, window=window, rng=dice(head.model, head.holder, now))

    found = seen(now - window - HOUR)
    return seen(now - 2 * window) if found.failing else found  # since when is told from the hours before


def _unseen(
    head: Head, version: ModelVersion | None, declared: Objectives, now: datetime, window: timedelta, why: str
) -> Watched:
    """A model that could not be looked at."""
    threshold = None if version is None else version.threshold
    subject = Subject(head.model, head.holder, now, threshold, None, declared)
    return Watched(subject, now, window, Hour(), (), (), None, why)


def _explained(log: Any, head: Head, failing: Sequence[Signal], now: datetime, window: timedelta) -> CauseAudit | None:
    """A drop in accuracy divided among its causes; None where it did not fall, or rows do not tell."""
    if not any(signal.kind == "performance" for signal in failing) or not hasattr(log, "labelled"):
        return None
    import pandas as pd

    from workbench.audits.cause import audit_cause

    sides = []
    for since, until in ((now - DAY * HISTORY_DAYS - window, now - window), (now - window, now)):
        cases = log.labelled(head.model, since=since, until=until, version=head.holder)[-MOST_CASES:]
        told = [case for case in cases if case.features is not None and case.answer is not None]
        frame = pd.DataFrame([case.features for case in told])
        frame[ANSWER], frame[TRUTH] = [int(case.answer) for case in told], [int(case.label) for case in told]
        frame[MOMENT] = [case.at.isoformat() for case in told]
        sides.append(frame)
    try:
        return audit_cause(
            *sides, label=TRUTH, prediction=ANSWER, time=MOMENT, rng=np.random.default_rng(head.generation)
        )
    except (WorkbenchError, ValueError):  # rows of another make, e.g. kept by their digests
        return None


def _gravity(looked: Looked) -> tuple[int, int, float, str]:
    acts = sum(trouble.gravity == "act" for trouble, over in looked.told if over is None)
    worst = max((signal.value or 0.0 for signal in looked.watched.failing), default=0.0)
    return -acts, -len(looked.troubles), -worst, looked.watched.subject.model


def standing(looked: Looked) -> Standing:
    """One model in plain words: how it is, why, and since when."""
    watched = looked.watched
    first, over = looked.told[0] if looked.troubles else (None, None)
    if first is not None and over is not None:
        state: State = "watch"
        sentence = f"{first.sentence} {over.by} has said that it is over: “{over.why}”."
    elif first is not None:
        state, sentence = first.gravity, first.sentence
    elif watched.problem and not watched.hours:
        state, sentence = "watch", f"It could not be looked at: {watched.problem}"
    elif not watched.hour.asked:
        state, sentence = "watch", f"Nobody asked version {watched.subject.version} in this window."
    elif watched.problem:
        state, sentence = "watch", f"Whether its inputs have drifted cannot be told: {watched.problem}."
    else:
        state, sentence = "healthy", "All that is watched is in order."
    return Standing(
        model=watched.subject.model,
        version=watched.subject.version,
        state=state,
        sentence=sentence,
        since=first.since if first else None,
        requests=watched.hour.asked,
        incidents=tuple(one.id for one in looked.incidents),
        share=looked.share,
    )
