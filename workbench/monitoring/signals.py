r"""What of a model may be wrong, each measure with its bound and one of three verdicts; pure, from sums alone.

"fail": shown to be outside what it is to keep to. "pass": shown to be within. Else not enough evidence. A
model is looked at again and again: each look spends its share of the chance of a false alarm, divided
among the measures, so that a sound model raises one with probability `ALPHA` at most in all its life.

>>> found = service([Hour(requests={200: 9500, 500: 500})], Objectives(), z=3.0)
>>> found[0].verdict, found[0].sentence
('fail', '5\xa0% of 10,000 requests failed on our side; allowed are 1\xa0%.')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.audits.verdict import HANDFUL, Verdict
from workbench.monitoring.declared import Objectives
from workbench.monitoring.hour import Hour
from workbench.monitoring.shares import percent
from workbench.serving.loads import DEADLY
from workbench.stats.fairness import rate
from workbench.stats.proportions import exact_interval
from workbench.stats.unlabelled import estimated

if TYPE_CHECKING:
    from workbench.audits import DriftAudit
    from workbench.data import ScoreCube

Kind = Literal[
    "load", "errors", "latency", "refused", "traffic", "inputs", "schema", "expected", "performance", "calibration",
    "fairness", "kpi",
]  # fmt: skip
SERVICE: tuple[Kind, ...] = ("load", "errors", "latency", "refused", "traffic")
EFFECTS: tuple[Kind, ...] = ("performance", "calibration", "fairness", "kpi", "expected")

ALPHA = 0.05  # chance of a false alarm of a model over all looks
REFUSED = 0.25  # share of requests that may not fit before somebody asks who sends them
HONEST = 0.05  # distance of the mean score from the share of yes, that matters
USUAL = 1.959963984540054  # standard errors to the end of a 95 % interval
FEWEST_DAYS = 4  # before the last one, that a KPI is held against
DRAWS = 500  # of an estimate without labels
LEAST_SHARE = 0.02  # of the cases, from which a group is compared


@dataclass(frozen=True)
class Signal:
    """One measure at one look."""

    kind: Kind
    about: str  # the column, attribute or KPI; "" where there is one of the kind
    value: float | None
    low: float | None  # what holds at this look's share of the error rate
    high: float | None
    target: float | None  # what it is held against
    verdict: Verdict
    sentence: str
    since: datetime | None = None  # when it began, where that can be told
    only_expected: bool = False  # an estimate without labels: a reason to look, not to act

    @property
    def key(self) -> str:
        """Its name: the kind and what it is about."""
        return f"{self.kind}:{self.about}" if self.about else self.kind


def strictness(alpha: float, measures: int) -> float:
    """How many standard errors a measure must be out to be called so, at a look that may spend `alpha`.

    >>> round(strictness(0.05, 1), 2), round(strictness(0.05, 10), 2)
    (1.64, 2.58)
    """
    return -NormalDist().inv_cdf(alpha / max(measures, 1))


def load(version: int, killed: int) -> Signal:
    """Whether the version in use is loaded no more, for loading it ends the process.

    Args:
        version: In use.
        killed: Times, one after the other, that loading it ended the process.

    >>> load(2, 3).sentence
    'Loading version 2 ended its process 3 times; it is loaded no more.'
    """
    verdict: Verdict = "fail" if killed >= DEADLY else "not enough evidence" if killed else "pass"
    after = "it is loaded no more" if verdict == "fail" else "it is tried again"
    words = f"Loading version {version} ended its process {killed} times; {after}." if killed else "It loads."
    return Signal("load", "", float(killed), None, None, float(DEADLY), verdict, words)


def service(hours: Sequence[Hour], kept: Objectives, *, z: float) -> list[Signal]:
    """Errors, requests that did not fit, and latency: over the whole window and its last part, the worse counts.

    Args:
        hours: Sums of shorter and longer windows that end now, the whole window last.
        kept: What it is to keep to.
        z: Standard errors that it takes.
    """
    share, limit = kept.latency
    slower = f"requests took longer than {1000 * limit:g} ms; allowed are {{target}}"
    looked: list[list[Signal]] = []
    for hour in hours:
        told = []
        if hour.asked:
            failed = "requests failed on our side; allowed are {target}"
            told.append(_share("errors", hour.failed, hour.asked, kept.errors, z, failed))
            misfit = "requests did not fit the model; a sender may have changed"
            told.append(_share("refused", hour.refused, hour.asked, REFUSED, z, misfit))
        if hour.timed:
            told.append(_share("latency", hour.slower(limit), hour.timed, 1 - share, z, slower))
        looked.append(told)
    worse = {signal.key: signal for told in looked for signal in reversed(told) if signal.verdict == "fail"}
    return [worse.get(signal.key, signal) for signal in looked[-1]] if looked else []


def silence(hour: Hour, before: int, days: float) -> list[Signal]:
    """Whether nobody asks any more.

    Args:
        hour: The window.
        before: Requests of the days before it.
        days: How many times the window's length these were.
    """
    if not days or not before:
        return []
    expected = before / days
    quiet = not hour.asked and expected >= HANDFUL
    sentence = f"Nobody asked it; about {expected:,.0f} requests are usual." if quiet else "It is asked."
    verdict: Verdict = "fail" if quiet else "pass"
    return [Signal("traffic", "", float(hour.asked), None, None, expected, verdict, sentence)]


def inputs(audit: DriftAudit) -> list[Signal]:
    """Each column's drift, as the audit judged it, and the schema's change."""
    found = [
        Signal(
            "inputs",
            column.column,
            column.psi,
            column.low,
            column.high,
            None,
            column.verdict,
            f"Input {column.column} has other values than in training (PSI {column.psi:.2f}, "
            f"{column.noise:.2f} is noise)"
            + (f", {percent(column.nulls_now)} missing" if column.nulls_now > column.nulls_before + 0.05 else "")
            + (f", new: {', '.join(column.new_categories[:3])}" if column.new_categories else "")
            + ".",
        )
        for column in audit.columns
    ]
    if audit.schema.retyped:
        found.append(Signal("schema", "", None, None, None, None, "fail", audit.schema.sentence))
    return found


def performance(
    now: ScoreCube,
    before: ScoreCube | None,
    threshold: float | None,
    kept: Objectives,
    *,
    z: float,
    since: datetime | None = None,
) -> list[Signal]:
    """Accuracy against what it was, and whether scores are honest, of the cases whose labels have come.

    Args:
        now: The newest cases.
        before: Earlier ones.
        threshold: Of an answer of yes.
        kept: What it is to keep to.
        z: Standard errors that it takes.
        since: The day from which on the newest cases are; None: they are the window's.
    """
    found = []
    of = f" of {since:%d %B} and after" if since is not None else ""
    labels = now.labelled.sum(axis=0)
    n = int(labels.sum())
    if n >= HANDFUL:
        scores = (np.arange(now.bins) + 0.5) / now.bins
        expected, yes = float((labels.sum(axis=0) * scores).sum()) / n, int(labels[1].sum())
        low, high = (end - expected for end in exact_interval(yes, n, NormalDist().cdf(-z)))
        gap = yes / n - expected
        verdict: Verdict = "fail" if low > HONEST or high < -HONEST else "not enough evidence"
        verdict = "pass" if max(abs(low), abs(high)) < HONEST else verdict
        words = f"Scores promise {percent(expected)} of yes, {percent(yes / n)} of {n:,} labelled cases{of} were."
        found.append(Signal("calibration", "", gap, low, high, HONEST, verdict, words))
    if before is not None and threshold is not None:
        (right, n), (right_before, n_before) = _right(now, threshold), _right(before, threshold)
        if min(n, n_before) >= HANDFUL:
            a, b = right_before / n_before, right / n
            error = math.hypot(_error(right_before, n_before), _error(right, n))
            words = f"Accuracy was {percent(a)} and is {percent(b)} of {n:,} labelled cases{of}."
            found.append(_drop("performance", "", a - b, z * error, kept.drop, words))
    return found


def expected(
    now: ScoreCube, before: ScoreCube, threshold: float, kept: Objectives, *, z: float, rng: np.random.Generator
) -> list[Signal]:
    """Accuracy before labels come, if scores mean what they meant, against what it was."""
    right, n = _right(before, threshold)
    if n < HANDFUL or now.total < HANDFUL:
        return []
    edge = math.ceil(threshold * now.bins - 1e-6)
    known, cases = before.labelled.sum(axis=0)[None], now.table.sum(axis=(0, 1))[None]
    found = estimated(known, cases, edge, rng, draws=DRAWS)
    was, value = right / n, float(rate(found.counts, "accuracy")[0])
    low, high = np.quantile(rate(found.draws[:, 0], "accuracy"), [0.025, 0.975])
    wide = z / USUAL * float(high - low) / 2
    words = f"Accuracy was {percent(was)}; without labels {percent(value)} is expected of {now.total:,} cases."
    lost = _drop("expected", "", was - value, wide, kept.drop, words)
    return [replace(lost, only_expected=True)]


def fairness(now: ScoreCube, threshold: float, kept: Objectives, *, z: float) -> list[Signal]:
    """Each attribute's disparate impact in what was answered; needs no labels."""
    found = []
    edge = math.ceil(threshold * now.bins - 1e-6)
    for attribute in now.attributes if now.attributes != ("everybody",) else ():
        cube = now.by([attribute])
        asked = cube.table.sum(axis=(1, 2))
        yes = cube.table.sum(axis=1)[:, edge:].sum(axis=1)
        groups = [
            i for i in range(len(asked)) if asked[i] >= max(HANDFUL, LEAST_SHARE * asked.sum()) and cube.groups[i][0]
        ]
        if len(groups) < 2 or not yes[groups].any():
            continue
        rates = {i: float(yes[i] / asked[i]) for i in groups}
        worst, best = min(groups, key=lambda i: rates[i]), max(groups, key=lambda i: rates[i])
        value = rates[worst] / rates[best]
        # half a case on either side keeps a group without a yes from being certain
        log = math.log((yes[worst] + 0.5) / (asked[worst] + 1)) - math.log((yes[best] + 0.5) / (asked[best] + 1))
        error = math.sqrt(sum(1 / (yes[i] + 0.5) - 1 / (asked[i] + 1) for i in (worst, best)))
        wide = strictness(NormalDist().cdf(-z), len(list(combinations(groups, 2)))) * error
        low, high = math.exp(log - wide), math.exp(log + wide)
        verdict: Verdict = "fail" if high < kept.impact else "pass" if low > kept.impact else "not enough evidence"
        words = (
            f"Group {cube.groups[worst][0]} gets a yes {value:.2f} times as often as {cube.groups[best][0]} "
            f"({attribute}; {kept.impact:g} at least)."
        )
        found.append(Signal("fairness", attribute, value, low, high, kept.impact, verdict, words))
    return found


def kpis(days: Sequence[Hour], kept: Objectives, *, z: float) -> list[Signal]:
    """Each declared KPI on the last whole day against the days before, whose spread is part of the doubt.

    Args:
        days: Whole days, oldest first.
        kept: What is declared.
        z: Standard errors that it takes at this day's share of the error rate.
    """
    found = []
    for kpi in kept.kpis:
        seen = [day.kpis[kpi.name] for day in days if kpi.name in day.kpis]
        if len(seen) <= FEWEST_DAYS or seen[-1].n < HANDFUL:
            continue
        means, last = np.array([each.mean for each in seen[:-1]]), seen[-1]
        was = float(means.mean())
        # a day is as uncertain as days are among each other, and never less than its own cases say
        spread = float(means.std(ddof=1)) * math.sqrt(1 + 1 / len(means))
        own = math.sqrt(last.m2 / max(last.n - 1, 1) / last.n)
        wide = _student(z, len(means) - 1) * max(spread, own)
        loss = (was - last.mean) if kpi.better == "up" else (last.mean - was)
        unit = f" {kpi.unit}" if kpi.unit else ""
        words = f"{kpi.name} was {was:.4g}{unit} a case and is {last.mean:.4g}{unit}."
        found.append(_drop("kpi", kpi.name, loss, wide, kpi.margin * abs(was), words))
    return found


def failing(signals: Iterable[Signal]) -> list[Signal]:
    """Those that are shown to be wrong."""
    return [signal for signal in signals if signal.verdict == "fail"]


def _share(kind: Kind, bad: int, n: int, target: float, z: float, what: str) -> Signal:
    low, high = exact_interval(bad, n, NormalDist().cdf(-z))  # what is rare is no normal share
    verdict: Verdict = "fail" if low > target else "pass" if high <= target else "not enough evidence"
    words = f"{percent(bad / n)} of {n:,} {what.format(target=percent(target))}."
    return Signal(kind, "", bad / n, low, high, target, verdict, words)


def _drop(kind: Kind, about: str, value: float, wide: float, target: float, words: str) -> Signal:
    low, high = value - wide, value + wide
    verdict: Verdict = "fail" if low > target else "pass" if high < target else "not enough evidence"
    if low > 0 and verdict == "not enough evidence":
        words += " It has fallen; whether by what matters is open."
    return Signal(kind, about, value, low, high, target, verdict, words)


def _right(cube: ScoreCube, threshold: float) -> tuple[int, int]:
    """Cases answered rightly, and labelled cases."""
    edge = math.ceil(threshold * cube.bins - 1e-6)
    labels = cube.labelled.sum(axis=0)
    return int(labels[0, :edge].sum() + labels[1, edge:].sum()), int(labels.sum())


def _error(right: int, n: int) -> float:
    """Standard error of a share, with two cases of either kind added so that none is certain."""
    share = (right + 2) / (n + 4)
    return math.sqrt(share * (1 - share) / (n + 4))


def _student(z: float, df: int) -> float:
    """Student's quantile of the same chance."""
    from scipy import special

    return float(special.stdtrit(df, NormalDist().cdf(z)))
