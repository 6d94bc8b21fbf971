"""Why performance dropped: data quality, other inputs, or another relation of inputs to outcome.

Three steps, whose parts add up to the drop. What broken cells cost is taken out first: a broken row's
loss against what sound rows with the same other columns have. Then *before* and *now* are compared on
the inputs that both have (`stats.attribution`): inputs that moved are divided among the columns, the two
that now come together otherwise are one more cause (`together`; three and more are not looked at), and
what is left on equal inputs is a changed relation. The causes come ranked, in words, with intervals.

A cause is what would have to be undone for the number to come back; that something upstream did it is
shown by nothing here, but by what changed just before (`monitoring.upstream`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import linalg

from workbench.audits.answers import named, numeric, refuse_other_terms
from workbench.audits.broken import Broken
from workbench.audits.encoding import encoded, left_out
from workbench.audits.onset import Timeline
from workbench.audits.predictions import kind_of
from workbench.audits.segments import SegmentChange, changed_segments
from workbench.audits.together import Together, changed_pair
from workbench.audits.verdict import CERTAINTY, Verdict, cases_lacking, verdict_of
from workbench.errors import Misuse
from workbench.stats.attribution import Attribution, Part, attribute
from workbench.stats.classification import SCARCE, Z
from workbench.stats.domain import Column, Tilts, basis, tilts
from workbench.stats.groups import Floats

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["data quality", "inputs", "relation"]
Measure = Literal["accuracy", "mean absolute error"]

TOLERANCE = 0.01  # drop that matters: of accuracy; of an error, as a share of the error before
PLAYERS = 8  # columns that are told apart; the rest is one
SOUND = 50  # rows now without a fault, from which they are the yardstick for broken ones
OVERLAP = 0.1  # effective share of the rows, below which the sets hardly overlap
RIDGE = 1.0


@dataclass(frozen=True)
class Cause:
    """One part of the drop."""

    kind: Kind
    column: str  # empty: the relation
    value: float  # what it cost, in the measure; below zero it helped
    low: float  # 95 % interval
    high: float
    chance: float  # that it cost anything, in [0, 1]
    words: str
    since: datetime | None = None  # when it began, where times are known and it began at all

    @property
    def shown(self) -> bool:
        """Whether its interval lies above zero."""
        return self.low > 0


@dataclass(frozen=True)
class CauseAudit:
    """A drop and its causes."""

    measure: Measure
    before: float  # the measure's value
    now: float
    drop: Part  # above zero: it got worse
    tolerance: float  # drop that matters
    causes: tuple[Cause, ...]  # dearest first; their values add up to the drop
    segments: tuple[SegmentChange, ...]  # where the relation changed, dearest first; of one column
    faults: Mapping[str, Sequence[Broken]]
    attribution: Attribution
    left_out: Mapping[str, str]  # columns with the reason
    rows: tuple[int, int]  # before and now
    begun: datetime | None  # the first of the cases now, where times are known
    more: int | None  # cases that would decide whether it dropped; 0: decided; None: no number within reach
    verdict: Verdict  # "fail": it dropped by more than what matters
    sentence: str

    def of(self, kind: Kind) -> float:
        """What all causes of a kind cost together."""
        return sum(cause.value for cause in self.causes if cause.kind == kind)


def audit_cause(
    before: pd.DataFrame,
    now: pd.DataFrame,
    *,
    label: str,
    prediction: str,
    rng: np.random.Generator,
    features: Sequence[str] | None = None,
    time: str | None = None,
    tolerance: float = TOLERANCE,
    certainty: float = CERTAINTY,
) -> CauseAudit:
    """Divide a drop between two sets of labelled cases among its causes.

    Args:
        before: The reference, one row a case.
        now: The cases in which performance is said to have dropped.
        label: Column of what happened.
        prediction: Column of what was answered.
        rng: Source of folds, draws and orders.
        features: Columns that may be causes; by default all the others that both sets have.
        time: Column of when a case was, by which it is told since when a cause acts.
        tolerance: Drop that matters: of accuracy, or as a share of the mean absolute error before.
        certainty: Probability from which the drop counts as shown, in (0.5, 1).

    Raises:
        Misuse: A column is missing, a label or a prediction is, or these are in different terms; a set is too
            small, or no column is left.
    """
    names = _features(before, now, label, prediction, time, features)
    measure, was, loss = _losses(before, now, label, prediction)
    out = left_out(before, now, names)
    kept = [name for name in names if name not in out]
    if not kept:
        raise Misuse("no column is left that could be a cause", hint=f"left out: {_listed(out)}")
    columns, faults = encoded(before, now, kept)
    extra, mended = _quality(columns, faults, was, loss)
    try:
        found, players = _grouped(tilts(columns, rng=rng), kept)
    except ValueError as error:
        raise Misuse(str(error), hint="give more cases of both sets") from error
    parts = attribute(found, was, mended, rng=rng, extra=extra)
    timeline = Timeline.of(now, time)
    matters = tolerance if measure == "accuracy" else tolerance * parts.before
    total = _drop(parts.total, was, loss) if measure == "accuracy" else parts.total
    total = replace(total, value=float(loss.mean() - was.mean()))  # exactly, whatever the parts' order
    verdict, more = _judged(total, matters, certainty, min(len(was), len(loss)))
    segments = changed_segments(before, now, kept, was, mended, parts.weights_before, parts.weights_now)
    pair = changed_pair(columns, kept, was, parts.weights_before, parts.weights_now)
    causes = _causes(parts, players, faults, columns, kept, timeline, mended, segments, pair, matters / 10)
    means = (float(was.mean()), float(loss.mean()))
    ends = (1 - means[0], 1 - means[1]) if measure == "accuracy" else means
    return CauseAudit(
        measure=measure,
        before=ends[0],
        now=ends[1],
        drop=total,
        tolerance=matters,
        causes=causes,
        segments=segments,
        faults=faults,
        attribution=parts,
        left_out=out,
        rows=(len(before), len(now)),
        begun=timeline.times[0] if timeline.times else None,
        more=more,
        verdict=verdict,
        sentence=_sentence(measure, ends, total, parts.overlap, causes, matters, verdict, more),
    )


def _features(
    before: pd.DataFrame,
    now: pd.DataFrame,
    label: str,
    prediction: str,
    time: str | None,
    features: Sequence[str] | None,
) -> list[str]:
    others = {label, prediction, time}
    names = list(features) if features is not None else [str(c) for c in before.columns if str(c) not in others]
    for name in (label, prediction, *(features or ())):
        for which, frame in (("before", before), ("now", now)):
            if name not in frame.columns:
                raise Misuse(f"the cases {which} have no column {name!r}", hint=f"they have {_listed(frame.columns)}")
    return [name for name in names if name not in others]


def _losses(before: pd.DataFrame, now: pd.DataFrame, label: str, prediction: str) -> tuple[Measure, Floats, Floats]:
    for which, frame in (("before", before), ("now", now)):
        missing = int(frame[[label, prediction]].isna().any(axis=1).sum())
        if missing or len(frame) < 10:
            lacking = f"{missing:,} of them lack a label or a prediction" if missing else "10 are needed at least"
            raise Misuse(f"there are {len(frame):,} cases {which}; {lacking}", hint="give labelled cases only")
    numbers = kind_of(before[label].to_numpy()) == "numbers"
    sides = [(frame[label].to_numpy(), frame[prediction].to_numpy()) for frame in (before, now)]
    if numbers:
        was, loss = (np.abs(numeric(truth, "label") - numeric(answer, "prediction")) for truth, answer in sides)
        return "mean absolute error", was, loss
    for truth, answer in sides:
        refuse_other_terms(truth, answer, "prediction")
    was, loss = ((named(truth) != named(answer)).astype(float) for truth, answer in sides)
    return "accuracy", was, loss


def _quality(
    columns: Sequence[Column], faults: Mapping[str, Sequence[Broken]], was: Floats, loss: Floats
) -> tuple[Floats, Floats]:
    """What each column's faults add to each row's loss (one column each), and the losses without."""
    if not faults:
        return np.zeros((len(loss), 0)), loss
    cells = np.column_stack([np.maximum.reduce([b.cells for b in broken]) for broken in faults.values()])
    share = cells.max(axis=1)
    blocks = [basis(column) for column in columns]
    rows_before, rows = np.hstack([a.rows() for a, _ in blocks]), np.hstack([b.rows() for _, b in blocks])
    sound = share == 0
    enough = int(sound.sum()) >= SOUND
    expected = _expected(rows[sound] if enough else rows_before, loss[sound] if enough else was, rows)
    cost = share * (loss - expected)
    among = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-12)
    return cost[:, None] * among, loss - cost


def _expected(rows: Floats, loss: Floats, asked: Floats) -> Floats:
    """The loss that rows like these have, by ridge regression; within the losses that were seen."""
    centre = rows.mean(axis=0)
    x = rows - centre
    curve = linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (loss - loss.mean()), assume_a="pos")
    return np.asarray(np.clip(loss.mean() + (asked - centre) @ curve, loss.min(), loss.max()))


def _grouped(found: Tilts, names: Sequence[str]) -> tuple[Tilts, list[str]]:
    """The columns that moved most, each by itself, and the others together."""
    if len(names) <= PLAYERS:
        return found, list(names)
    moved = found.now.mean(axis=0) - found.before.mean(axis=0)
    order = np.argsort(-moved)
    first, rest = order[: PLAYERS - 1], order[PLAYERS - 1 :]

    def joined(parts: Floats) -> Floats:
        return np.concatenate([parts[..., first], parts[..., rest].sum(axis=-1, keepdims=True)], axis=-1)

    players = [names[j] for j in first] + [f"the other {len(rest)} columns"]
    joint = [joined(parts) for parts in (found.before, found.now, found.shaken_before, found.shaken_now)]
    return Tilts(joint[0], joint[1], found.picked_before, found.picked_now, joint[2], joint[3]), players


def _causes(
    parts: Attribution,
    players: Sequence[str],
    faults: Mapping[str, Sequence[Broken]],
    columns: Sequence[Column],
    names: Sequence[str],
    timeline: Timeline,
    loss: Floats,
    segments: Sequence[SegmentChange],
    pair: Together | None,
    trifle: float,
) -> tuple[Cause, ...]:
    found = []
    for (name, broken), part in zip(faults.items(), parts.extra, strict=True):
        since = timeline.since(np.maximum.reduce([each.cells for each in broken]))
        found.append(_cause("data quality", name, part, "; ".join(each.words for each in broken), since))
    known = dict(zip(names, columns, strict=True))
    for name, part in zip(players, parts.columns, strict=True):
        since = timeline.since(known[name].now) if name in known and not known[name].categories else None
        found.append(_cause("inputs", name, part, _moved(name, known.get(name)), since))
    where = next((f", most of all where {each.column} is {each.segment}" for each in segments if each.low > 0), "")
    relation = parts.relation
    if pair is not None and pair.shown and abs(pair.cost) >= trifle:
        joint, relation = pair.taken_from(relation)
        words = f"{' and '.join(pair.columns)} now come together otherwise, whatever each is by itself"
        found.append(_cause("inputs", " with ".join(pair.columns), joint, words, None))
    words = f"the same inputs now have another outcome{where}"
    found.append(_cause("relation", "", relation, words, timeline.since(loss)))
    return tuple(sorted(found, key=lambda cause: -cause.value))


def _cause(kind: Kind, column: str, part: Part, words: str, since: datetime | None) -> Cause:
    acts = since if part.low > 0 else None
    return Cause(kind, column, part.value, part.low, part.high, part.chance_above, words, acts)


def _moved(name: str, column: Column | None) -> str:
    """How a column's values moved, in words."""
    if column is None:
        return f"{name} have other values than before"
    if column.categories:
        return f"{name} has its values in other shares than before"
    middle = [float(np.nanmedian(side)) if np.isfinite(side).any() else np.nan for side in (column.before, column.now)]
    return f"{name} has moved: its median was {middle[0]:.4g} and is {middle[1]:.4g}"


def _drop(total: Part, was: Floats, loss: Floats) -> Part:
    """The drop in accuracy; where few answers are wrong, or few right, its interval is by Agresti and Caffo.

    A bootstrap of few errors spreads too little, and of none not at all.

    Source:
        Agresti & Caffo (2000), The American Statistician 54: a success and a failure are added to either side.
    """
    if min(min(side.sum(), len(side) - side.sum()) for side in (was, loss)) >= SCARCE:
        return total
    sizes = np.array([len(was) + 2.0, len(loss) + 2.0])
    before, now = (np.array([was.sum(), loss.sum()]) + 1.0) / sizes
    error = float(np.sqrt((before * (1 - before) / sizes[0]) + (now * (1 - now) / sizes[1])))
    low, high = max(-1.0, now - before - Z * error), min(1.0, now - before + Z * error)
    chance = NormalDist().cdf((now - before) / error)
    return Part(total.value, min(total.value, float(low)), max(total.value, float(high)), chance)


def _judged(total: Part, matters: float, certainty: float, n: int) -> tuple[Verdict, int | None]:
    """Whether the drop is shown to be larger than what matters; a drop is a fail, and no spread shows nothing."""
    error = (total.high - total.low) / 2 / Z
    if error <= 0:
        return "not enough evidence", None
    middle = (total.high + total.low) / 2  # nearer to none than the value, where errors are few
    held = NormalDist().cdf((matters - middle) / error)
    verdict = verdict_of(held, certainty, cases=n)
    if verdict != "not enough evidence":
        return verdict, 0
    return verdict, cases_lacking(total.value - matters, NormalDist().inv_cdf(certainty) * error, n)


def _sentence(
    measure: Measure,
    ends: tuple[float, float],
    total: Part,
    overlap: float,
    causes: Sequence[Cause],
    matters: float,
    verdict: Verdict,
    more: int | None,
) -> str:
    told = f"{measure.capitalize()} was {ends[0]:.4g} and is {ends[1]:.4g}, worse by {total.value:.4g} "
    told = told.replace("worse by -", "better by ")
    told += f"[{total.low:.4g}, {total.high:.4g}]" if total.low < total.high else "in each case alike"
    if verdict == "pass":
        return f"{told}: no drop of {matters:.3g} or more."
    if verdict == "not enough evidence":
        told += f"; whether it dropped by {matters:.3g} is open" + (
            f", about {more:,} more cases would tell" if more else ""
        )
    shown = [cause for cause in causes if cause.shown]
    if not shown:
        return f"{told}. No single cause is shown."
    first = "; ".join(f"{cause.words} ({cause.value:+.4g})" for cause in shown[:3])
    rare = (
        " The two sets hardly overlap, so that inputs and relation are told apart badly." if overlap < OVERLAP else ""
    )
    return f"{told}. {first[0].upper()}{first[1:]}.{rare}"


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
