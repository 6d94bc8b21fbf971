"""One model closely: its hours, what moved when, the drift of its worst inputs and how groups fare; from sums alone.

Whatever is read here is read from summaries and the ledger, in milliseconds; rates that need labels are
estimated until labels come, and say so.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.audits.verdict import HANDFUL, Estimate
from workbench.errors import WorkbenchError
from workbench.evidence import Finding, dossier
from workbench.ledger import Entry, Ledger
from workbench.monitoring.canary_status import CanaryStatus
from workbench.monitoring.hour import Hour, added
from workbench.monitoring.incidents import Incident, incidents
from workbench.monitoring.passes import HISTORY_DAYS, Looked
from workbench.monitoring.shares import percent
from workbench.monitoring.summary_store import DAY, HOUR, SummaryStore

if TYPE_CHECKING:
    from workbench.data import ScoreCube

What = Literal["champion", "back", "canary", "shadow", "cleared", "incident"]
MOVES: Mapping[str, What] = {"promotion.granted": "champion", "rollback.granted": "back", "stage.cleared": "cleared"}
DRIFTING = 3  # inputs whose drift is drawn, the worst


@dataclass(frozen=True)
class Mark:
    """Something that happened, on the time axis."""

    at: datetime
    what: What
    words: str


@dataclass(frozen=True)
class DriftLine:
    """How far one input was from the training data, by the hour."""

    column: str
    values: tuple[float | None, ...]  # PSI above its noise, one an hour; None: too little was asked
    verdict: str


@dataclass(frozen=True)
class GroupRates:
    """One group of an attribute in the window."""

    attribute: str
    group: str
    n: int  # cases
    yes: float  # share of them answered yes
    hit: Estimate  # share of those who should get a yes that do; estimated without labels, or counted
    labelled: int  # cases behind `hit` where it was counted; 0: it is an estimate


@dataclass(frozen=True)
class Close:
    """One model."""

    looked: Looked
    generation: int
    hours: tuple[tuple[datetime, Hour], ...]  # of all versions, one an hour without a gap, oldest first
    marks: tuple[Mark, ...]
    drift: tuple[DriftLine, ...]
    groups: tuple[GroupRates, ...]
    assumption: str  # of what is estimated; empty: nothing is
    incidents: tuple[Incident, ...]  # alive, and resolved in the time that is shown
    canary: CanaryStatus | None
    audit: Finding | None  # the version's newest fairness audit
    way_back: int | None  # the version that a rollback brings; None: there is none


def closely(
    ledger: Ledger,
    store: SummaryStore,
    looked: Looked,
    *,
    canary: CanaryStatus | None = None,
    way_back: int | None = None,
) -> Close:
    """Everything about a model that was looked at.

    Args:
        ledger: Its moves and incidents.
        store: Its summaries.
        looked: The look.
        canary: Its canary.
        way_back: The version that a rollback brings.
    """
    watched = looked.watched
    subject, now = watched.subject, watched.at
    begin = (now - 2 * watched.window).replace(minute=0, second=0, microsecond=0)
    by_time: dict[datetime, list[Hour]] = {}
    for row in store.rows(subject.model, since=begin, until=now + HOUR):
        by_time.setdefault(row.at, []).append(row.hour)
    count = int((now - begin) / HOUR) + 1
    hours = [(begin + place * HOUR, added(by_time.get(begin + place * HOUR, ()))) for place in range(count)]
    head = ledger.head(subject.model)
    told = [one for one in incidents(ledger, subject.model) if one.alive or (one.changed_at or one.opened_at) >= begin]
    groups, assumption = _groups(looked, store)
    bare = tuple((at, replace(hour, inputs=None)) for at, hour in hours)
    return Close(
        looked=looked,
        generation=head.generation if head else 0,
        hours=bare,
        marks=tuple(_marks(ledger, subject.model, begin, told)),
        drift=tuple(_drift(looked, hours)),
        groups=tuple(groups),
        assumption=assumption,
        incidents=tuple(told),
        canary=canary,
        audit=dossier(ledger, subject.model, subject.version).findings.get("fairness"),
        way_back=way_back,
    )


def _marks(ledger: Ledger, model: str, begin: datetime, told: Sequence[Incident]) -> list[Mark]:
    kinds = ("promotion.granted", "rollback.granted", "stage.granted", "stage.cleared")
    found = [_mark(entry) for entry in ledger.entries(prefix=f"{model}/", kind=kinds) if entry.at >= begin]
    found += [Mark(one.since, "incident", f"began: {one.sentence}") for one in told if one.since and one.since >= begin]
    return sorted(found, key=lambda mark: mark.at)


def _mark(entry: Entry) -> Mark:
    version, slot, weight = entry.subject.rpartition("/")[2], entry.body.get("slot"), entry.body.get("weight")
    if entry.kind == "stage.granted":
        share = f" at {percent(weight)} of the traffic" if isinstance(weight, int | float) else ""
        return Mark(entry.at, "canary" if slot == "canary" else "shadow", f"v{version} {slot}{share}")
    words = {
        "promotion.granted": f"v{version} champion",
        "rollback.granted": f"back to v{version}",
        "stage.cleared": f"v{version} out of {slot}",
    }
    return Mark(entry.at, MOVES[entry.kind], words[entry.kind])


def _drift(looked: Looked, hours: Sequence[tuple[datetime, Hour]]) -> list[DriftLine]:
    from workbench.audits.drift import window_counts
    from workbench.stats.drift import psi

    reference, audit = looked.watched.subject.reference, looked.watched.drift
    if reference is None or audit is None:
        return []
    failing = [column for column in audit.columns if column.verdict == "fail"]
    found = []
    for column in (failing or list(audit.columns))[:DRIFTING]:
        trained = reference.columns[column.column]
        seen = {
            place: hour.profile.columns[column.column]
            for place, (_, hour) in enumerate(hours)
            if hour.profile and type(hour.profile.columns.get(column.column)) is type(trained)
        }
        *counts, before = window_counts(trained, [*seen.values(), trained])
        values: list[float | None] = [None] * len(hours)
        for place, now in zip(seen, counts, strict=True):
            if now.sum() >= HANDFUL:
                values[place] = psi(before, now).effect
        found.append(DriftLine(column.column, tuple(values), column.verdict))
    return found


def _groups(looked: Looked, store: SummaryStore) -> tuple[list[GroupRates], str]:
    """How each declared group fares in the window: counted where labels are there, else estimated."""
    from workbench.audits.label_free import ASSUMPTION, estimate_unlabelled

    watched = looked.watched
    subject, cube = watched.subject, watched.hour.scores
    if cube is None or subject.threshold is None or cube.attributes == ("everybody",):
        return [], ""
    begin = (watched.at - watched.window).replace(minute=0, second=0, microsecond=0)
    rows = store.rows(subject.model, since=begin - HISTORY_DAYS * DAY, until=begin, days=True, inputs=False)
    past = added(row.hour for row in rows if row.key.version in {subject.version, 0}).scores
    edge = int(np.ceil(subject.threshold * cube.bins - 1e-6))
    rng = np.random.default_rng(zlib.crc32(f"{subject.model}/{subject.version}/{watched.at:%Y%m%d%H}".encode()))
    found, estimated = [], False
    for attribute in cube.attributes:
        one = cube.by([attribute])
        guessed: Mapping[tuple[str, ...], Mapping[str, Estimate]] = {}
        if past is not None and attribute in past.attributes:
            try:
                guessed = estimate_unlabelled(past.by([attribute]), one, subject.threshold, rng=rng).groups
            except WorkbenchError:  # nothing was labelled before
                guessed = {}
        for place, group in enumerate(one.groups):
            rates = _rates(one, place, edge, guessed.get(group, {}).get("tpr", Estimate(None)))
            estimated |= not rates.labelled and rates.hit.value is not None
            found.append(replace(rates, attribute=attribute, group=group[0] or "unknown"))
    return found, ASSUMPTION if estimated else ""


def _rates(cube: ScoreCube, place: int, edge: int, guess: Estimate) -> GroupRates:
    from workbench.stats.proportions import wilson_interval

    cases, labels = cube.table[place].sum(axis=0), cube.labelled[place]
    n, positive = int(cases.sum()), int(labels[1].sum())
    hit, labelled = guess, 0
    if positive >= HANDFUL:
        right, labelled = int(labels[1, edge:].sum()), int(labels.sum())
        hit = Estimate(right / positive, *wilson_interval(right, positive))
    return GroupRates("", "", n, float(cases[edge:].sum()) / n if n else 0.0, hit, labelled)
