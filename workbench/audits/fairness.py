"""The fairness audit: rates by group and how far apart they are, each attribute and their intersection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.audits.verdict import CERTAINTY, Estimate, Verdict, verdict_of, worst
from workbench.data import CountCube
from workbench.stats import fairness as exact

FOUR_FIFTHS = 0.8
LEAST_CASES = 10  # a smaller group is shown, but the attribute is judged without it


@dataclass(frozen=True)
class GroupRates:
    """One group."""

    group: tuple[str, ...]  # one value an attribute
    n: int
    rates: Mapping[str, Estimate]  # by metric, Wilson intervals
    judged: bool  # False: too small to be judged


@dataclass(frozen=True)
class AttributeAudit:
    """One attribute, or several crossed."""

    attributes: tuple[str, ...]
    groups: tuple[GroupRates, ...]
    disparate_impact: Estimate
    demographic_parity_difference: Estimate
    equalized_odds_difference: Estimate
    verdict: Verdict  # on the disparate impact
    lowest: str  # the group with the lowest selection rate

    @property
    def name(self) -> str:
        """The attributes joined by "*", e.g. "race*sex"."""
        return "*".join(self.attributes)


@dataclass(frozen=True)
class FairnessAudit:
    """All attributes and their intersection."""

    by: tuple[AttributeAudit, ...]  # single attributes first
    verdict: Verdict  # over the single attributes; a breach at an intersection fails it too
    sentence: str
    source: str  # digest of the data


def audit_fairness(
    cube: CountCube,
    *,
    rng: np.random.Generator,
    target: float = FOUR_FIFTHS,
    odds_target: float = 0.1,
    certainty: float = CERTAINTY,
) -> FairnessAudit:
    """Audit a cube by each of its attributes and, where there are several, by all of them crossed.

    Args:
        cube: Counts by group.
        rng: Source of the posterior draws.
        target: Disparate impact to be shown, in (0, 1].
        odds_target: Equalized odds difference that its probability speaks of, in (0, 1).
        certainty: Probability from which it counts as shown, in (0.5, 1).

    Raises:
        ValueError: An attribute has fewer than two groups of at least ten cases.
    """
    wanted: list[Sequence[str]] = [(name,) for name in cube.attributes]
    if len(cube.attributes) > 1:
        wanted.append(cube.attributes)
    audits = tuple(_audited(cube.by(names), rng, target, odds_target, certainty) for names in wanted)
    verdicts = [audit.verdict for audit in audits if len(audit.attributes) == 1]
    verdicts += ["fail" for audit in audits if len(audit.attributes) > 1 and audit.verdict == "fail"]
    verdict = worst(verdicts)
    return FairnessAudit(audits, verdict, _sentence(audits, verdict, target), cube.source)


def more_cases_needed(estimate: Estimate, certainty: float = CERTAINTY) -> int | None:
    """How many more cases like these would settle a disparate impact, in all; None if no number would.

    The width of the interval shrinks with the square root of the cases; where the value as counted
    misses the target, more cases like these would settle it the other way.
    """
    if None in (estimate.value, estimate.needed, estimate.n) or not estimate.value or not estimate.target:
        return None
    distance = abs(np.log(estimate.value / estimate.target))
    reach = np.log((estimate.needed or estimate.target) / estimate.target)
    if distance == 0 or verdict_of(estimate.probability, certainty) != "not enough evidence":
        return None
    factor = (reach / distance) ** 2
    return max(1, int(np.ceil((factor - 1) * (estimate.n or 0))))


def _audited(
    cube: CountCube, rng: np.random.Generator, target: float, odds_target: float, certainty: float
) -> AttributeAudit:
    groups = sorted(cube.cells)
    table = np.array([cube.cells[group] for group in groups])
    cases = table.sum(axis=1)
    judged = cases >= LEAST_CASES
    if judged.sum() < 2:
        name = "*".join(cube.attributes)
        raise ValueError(f"{name} has {int(judged.sum())} groups of {LEAST_CASES} cases or more; two are needed")
    big = table[judged]
    impact = exact.disparate_impact(big, rng=rng, target=target, certainty=certainty)
    parity = exact.difference(big, ("selection_rate",), rng=rng, target=odds_target, certainty=certainty)
    odds = exact.difference(big, ("tpr", "fpr"), rng=rng, target=odds_target, certainty=certainty)
    selection = (big[:, 1] + big[:, 3]) / big.sum(axis=1)
    lowest = [group for group, keep in zip(groups, judged, strict=True) if keep][int(selection.argmin())]
    n = int(cases[judged].sum())
    return AttributeAudit(
        attributes=cube.attributes,
        groups=tuple(_groups(groups, table, judged)),
        disparate_impact=_estimate(impact, n),
        demographic_parity_difference=_estimate(parity, n),
        equalized_odds_difference=_estimate(odds, n),
        verdict=verdict_of(impact.probability, certainty),
        lowest=" ".join(lowest),
    )


def _groups(groups: list[tuple[str, ...]], table: np.ndarray, judged: np.ndarray) -> list[GroupRates]:
    metrics: dict[str, list[Estimate]] = {}
    for metric in exact.METRICS:
        successes, cases = exact.trials(table, metric)
        low, high = exact.wilson(successes, cases)
        metrics[metric] = [
            Estimate(k / n, float(a), float(b), n=int(n)) if n else Estimate(None, n=0)
            for k, n, a, b in zip(successes, cases, low, high, strict=True)
        ]
    return [
        GroupRates(group, int(table[i].sum()), {m: found[i] for m, found in metrics.items()}, bool(judged[i]))
        for i, group in enumerate(groups)
    ]


def _estimate(spread: exact.Spread, n: int) -> Estimate:
    return Estimate(spread.value, spread.low, spread.high, spread.probability, spread.target, spread.needed, n)


def _sentence(audits: tuple[AttributeAudit, ...], verdict: Verdict, target: float) -> str:
    order = {"fail": 0, "not enough evidence": 1, "pass": 2}
    audit = min(audits, key=lambda a: (order[a.verdict], a.disparate_impact.probability or 0.0))
    impact = audit.disparate_impact
    by = " and ".join(audit.attributes)
    if impact.value is None:
        return f"Nobody was selected by {by}, so that nothing can be said of fairness."
    rate = f"{audit.lowest} are selected {impact.value:.0%} as often as the group selected most"
    sure = f"the probability that it is truly {target:.0%} or more is {impact.probability:.2f}"
    if verdict == "pass":
        return f"No group is held back: even by {by}, where the gap is widest, {rate}; {sure}."
    if audit.verdict == "fail":
        return f"Not fair by {by}: {rate}; {sure}."
    more = more_cases_needed(replace(impact))
    needs = f" About {more:,} more cases like these would settle it." if more else ""
    return f"Not shown to be fair by {by}: {rate}; {sure}.{needs}"
