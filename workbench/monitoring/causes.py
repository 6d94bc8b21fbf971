"""Which cause stands behind what moved: signals that began together are one trouble, its cause told first.

Inputs that moved at about the same time are one cause, and what changed upstream just before goes before
them; what suffers from it (accuracy, fairness, a KPI) is named after. What no input explains, and no change
upstream stands beside, says so. Of a drop in accuracy it is told how much each cause explains, where labelled
cases are there to tell (`audits.cause`); that a change came just before proves nothing by itself.

>>> moved = Signal("inputs", "income", 0.8, 0.7, 0.9, None, "fail", "income has other values than in training.")
>>> fell = Signal("performance", "", 0.05, 0.03, 0.07, 0.02, "fail", "Accuracy was 84% and is 79%.")
>>> [trouble.sentence for trouble in troubles([fell, moved], ())]
['income has other values than in training. Accuracy was 84% and is 79%.']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workbench.monitoring.shares import percent
from workbench.monitoring.signals import SERVICE, Signal
from workbench.monitoring.upstream import Change, near

if TYPE_CHECKING:
    from workbench.audits.cause import CauseAudit

Gravity = Literal["act", "watch"]

TOGETHER = timedelta(hours=3)  # within which what began, began together
JUST_BEFORE = timedelta(days=2)  # a change upstream may lie before what it is set beside
NAMED = 3  # inputs that a sentence names


@dataclass(frozen=True)
class Part:
    """One cause of a trouble."""

    what: str  # "deploy", "feature set", "source", "training data", "input", "segment", "relation", "service"
    words: str
    share: float | None = None  # of the drop in accuracy, that it explains; None: not known
    seq: int | None = None  # the ledger's entry, of a change upstream


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a model for one reason."""

    symptoms: tuple[Signal, ...]
    causes: tuple[Part, ...]  # the likeliest first; empty: none is shown
    since: datetime | None
    gravity: Gravity
    sentence: str  # the cause first

    @property
    def keys(self) -> frozenset[str]:
        """The names of its symptoms."""
        return frozenset(signal.key for signal in self.symptoms)


def troubles(
    signals: Sequence[Signal], changes: Sequence[Change], explained: CauseAudit | None = None
) -> list[Trouble]:
    """The troubles behind failing signals, the gravest first.

    Args:
        signals: Those that fail.
        changes: What changed upstream of the model, in the order of time.
        explained: The drop in accuracy divided among its causes, where that could be done.
    """
    service = [signal for signal in signals if signal.kind in SERVICE]
    inputs = [signal for signal in signals if signal.kind in {"inputs", "schema"}]
    effects = [signal for signal in signals if signal not in service and signal not in inputs]
    groups = _together(inputs)
    homeless: list[Signal] = []
    for effect in effects:
        group = _group_of(effect, groups)
        (homeless if group is None else group).append(effect)
    found = [_trouble(group, changes, explained) for group in (*groups, homeless, service) if group]
    return sorted(found, key=lambda trouble: (trouble.gravity != "act", -len(trouble.symptoms)))


def _together(inputs: Sequence[Signal]) -> list[list[Signal]]:
    """Inputs that moved at about the same time; those of which it is not known are one group."""
    groups: list[list[Signal]] = []
    dated = [(signal.since, -(signal.value or 0.0), signal) for signal in inputs if signal.since is not None]
    last: datetime | None = None
    for since, _, signal in sorted(dated, key=lambda each: each[:2]):
        began_with, last = last, since
        if began_with is not None and since - began_with <= TOGETHER:
            groups[-1].append(signal)
        else:
            groups.append([signal])
    undated = [signal for signal in inputs if signal.since is None]
    if undated:
        groups.append(undated)
    return [sorted(group, key=lambda s: -(s.value or 0.0)) for group in groups]


def _group_of(effect: Signal, groups: list[list[Signal]]) -> list[Signal] | None:
    """The inputs that an effect came with or after, nearest; the largest move where its time is not known."""
    if not groups:
        return None
    if effect.since is not None:
        at = effect.since
        before = [g for g in groups if g[0].since is not None and g[0].since <= at + TOGETHER]
        if before:
            return max(before, key=lambda g: g[0].since or at)
        if all(group[0].since is not None for group in groups):
            return None  # it had begun before any input moved
    return max(groups, key=lambda group: group[0].value or 0.0)


def _trouble(symptoms: Sequence[Signal], changes: Sequence[Change], explained: CauseAudit | None) -> Trouble:
    begun = [signal.since for signal in symptoms if signal.since is not None]
    since = min(begun) if begun else None
    fell = any(signal.kind == "performance" for signal in symptoms)
    causes = [Part(change.what, change.words, seq=change.seq) for change in near(since, changes, JUST_BEFORE)[:2]]
    divided = explained if fell else None
    causes += _parts(symptoms, divided)
    gravity: Gravity = "watch" if all(signal.only_expected for signal in symptoms) else "act"
    return Trouble(tuple(symptoms), tuple(causes), since, gravity, _sentence(symptoms, causes, since, divided))


def _parts(symptoms: Sequence[Signal], explained: CauseAudit | None) -> list[Part]:
    moved = [signal for signal in symptoms if signal.kind in {"inputs", "schema"}]
    if explained is None or not explained.drop.value > 0:
        return [Part("input", signal.sentence.rstrip(".")) for signal in moved]
    found = []
    for cause in explained.causes:
        if cause.shown:
            what = "relation" if cause.kind == "relation" else "input"
            found.append(Part(what, cause.words, cause.value / explained.drop.value))
    named = {cause.column for cause in explained.causes if cause.shown}
    found += [
        Part("segment", f"most of all where {segment.column} is {segment.segment}")
        for segment in explained.segments[:1]
        if segment.low > 0
    ]
    return found + [Part("input", s.sentence.rstrip("."), 0.0) for s in moved if s.about not in named]


def _sentence(
    symptoms: Sequence[Signal], causes: Sequence[Part], since: datetime | None, explained: CauseAudit | None
) -> str:
    upstream = [part for part in causes if part.seq is not None]
    told = []
    if upstream:
        told.append(f"{_upper(upstream[0].words)}.")
    inputs = [signal for signal in symptoms if signal.kind in {"inputs", "schema"}]
    if explained is not None:
        shares = [(part.words, part.share) for part in causes if part.share]
        told += [f"{words}: {percent(share)} of the drop." for words, share in shares[:NAMED]]
        inputs = [] if shares else inputs
    told += [signal.sentence for signal in inputs[:NAMED]]
    if len(inputs) > NAMED:
        told.append(f"So have {len(inputs) - NAMED} more.")
    effects = [signal for signal in symptoms if signal.kind not in {"inputs", "schema"}]
    told += [signal.sentence for signal in effects]
    if since is not None:
        told.append(f"Since {since.day} {since:%B %Y, %H:%M} UTC.")
    if not causes and not all(signal.kind in SERVICE for signal in symptoms):
        told.append("No input moved and nothing changed upstream; the relation of inputs to outcome may have.")
    return " ".join(told)


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
