"""The fairness audit: rates by group and how far apart they are, by each attribute and by all their crossings.

The verdict rests on disparate impact, the ratio of the lowest selection rate to the highest: it passes
where a ratio of four fifths or more is shown for every single attribute, and fails where less is shown
for any attribute or any crossing. Groups of fewer than two in a hundred cases, and cases whose
group is unknown, are shown but not compared; the sentence says so. It does not pass where those of
unknown group could make it fail, or the small groups together show less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from workbench.audits.verdict import CERTAINTY, Estimate, Verdict, verdict_of, worst
from workbench.data import CountCube
from workbench.data.coding import UNKNOWN
from workbench.errors import Misuse
from workbench.stats import fairness as exact
from workbench.stats.groups import pooled_means, rate_interval

FOUR_FIFTHS = 0.8
TOLERANCE = 0.1  # difference between groups' rates
MOST_ATTRIBUTES, MOST_GROUPS = 5, 5000
MOST_NAMED = 10  # groups that the sentence names as not compared
DRAWS, QUICK_DRAWS = 20_000, 2000  # of a posterior
LEAST_SHARE = 0.02  # of all cases, that a group is compared from (29 CFR 1607.15(A)(2))
DIFFERENCES = {
    "demographic_parity_difference": ("selection_rate",),
    "equalized_odds_difference": ("tpr", "fpr"),
    "equal_opportunity_difference": ("tpr",),
}


@dataclass(frozen=True)
class GroupRates:
    """One group."""

    group: tuple[str, ...]  # one value an attribute
    n: int
    rates: Mapping[str, Estimate]  # by metric, with Jeffreys' intervals
    pooled: float | None  # selection rate after partial pooling; None where the group is not compared
    compared: bool  # False: too small or unknown

    @property
    def name(self) -> str:
        """Its values, joined."""
        return ", ".join(self.group)


@dataclass(frozen=True)
class AttributeAudit:
    """One attribute, or several crossed."""

    attributes: tuple[str, ...]
    groups: tuple[GroupRates, ...]
    aggregates: Mapping[str, Estimate]  # "disparate_impact" and three differences
    same_rates: float | None  # p-value of selection rates so far apart if all groups were treated alike
    lowest: str  # the compared group with the lowest selection rate
    highest: str
    more_cases: int | None  # that would decide the disparate impact; 0: decided; None: no number would
    verdict: Verdict  # on the disparate impact

    @property
    def name(self) -> str:
        """The attributes joined by "*", e.g. "race*sex"."""
        return "*".join(self.attributes)

    @property
    def disparate_impact(self) -> Estimate:
        """Lowest selection rate as a share of the highest."""
        return self.aggregates["disparate_impact"]


@dataclass(frozen=True)
class FairnessAudit:
    """All attributes and their intersection."""

    by: tuple[AttributeAudit, ...]  # single attributes first
    verdict: Verdict
    sentence: str
    data_digest: str
    n: int


def audit_fairness(
    cube: CountCube,
    *,
    rng: np.random.Generator,
    target: float = FOUR_FIFTHS,
    tolerance: float = TOLERANCE,
    certainty: float = CERTAINTY,
    least_share: float = LEAST_SHARE,
    quick: bool = False,
) -> FairnessAudit:
    """Audit a cube by each of its attributes and, where there are several, by every crossing of them.

    Args:
        cube: Counts by group.
        rng: Source of the posterior draws.
        target: Disparate impact to be shown, in (0, 1].
        tolerance: Difference that the differences' probabilities speak of, in [0, 1].
        certainty: Probability from which a thing counts as shown, in (0.5, 1).
        least_share: Share of all cases from which a group is compared, in [0, 1).
        quick: For a slider that somebody moves: fewer draws, and neither what would be enough nor how many
            more cases would decide it.

    Raises:
        Misuse: There are more attributes, or more groups, than can be compared.
    """
    wanted = crossings(cube.attributes)
    if len(cube.cells) > MOST_GROUPS:
        raise Misuse(
            f"there are {len(cube.cells):,} groups; up to {MOST_GROUPS:,} are compared",
            hint="is one of the columns a number of the case? name columns of few values",
        )
    audits = tuple(_audited(cube.by(names), rng, target, tolerance, certainty, least_share, quick) for names in wanted)
    verdicts = [audit.verdict for audit in audits if len(audit.attributes) == 1]
    verdicts += [audit.verdict for audit in audits if len(audit.attributes) > 1 and audit.verdict == "fail"]
    verdict = worst(verdicts)
    return FairnessAudit(audits, verdict, _sentence(audits, verdict, certainty), cube.data_digest, cube.total)


def crossings(attributes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Every subset of the attributes, single ones first.

    Raises:
        Misuse: There are more than can be crossed.

    >>> crossings(("race", "sex"))
    [('race',), ('sex',), ('race', 'sex')]
    """
    if len(attributes) > MOST_ATTRIBUTES:
        raise Misuse(
            f"there are {len(attributes)} attributes; up to {MOST_ATTRIBUTES} are crossed", hint="audit fewer at once"
        )
    return [names for size in range(1, len(attributes) + 1) for names in combinations(attributes, size)]


def _audited(
    cube: CountCube,
    rng: np.random.Generator,
    target: float,
    tolerance: float,
    certainty: float,
    least_share: float,
    quick: bool,
) -> AttributeAudit:
    groups, counts = list(cube.cells), cube.counts()
    large = counts.sum(axis=(1, 2)) >= least_share * cube.total
    compared = large & np.array([UNKNOWN not in group for group in groups])
    kept = counts[compared]
    if len(kept) < 2:
        aggregates = dict.fromkeys(["disparate_impact", *DIFFERENCES], Estimate(None, n=cube.total))
        rates = tuple(_rates(groups, counts, compared, None))
        return AttributeAudit(cube.attributes, rates, aggregates, None, "", "", None, "not enough evidence")
    draws = QUICK_DRAWS if quick else DRAWS
    impact = exact.ratio_spread(kept, "selection_rate", rng, target=target, draws=draws)
    needed = None
    if not quick:
        needed = exact.needed_ratio(kept, "selection_rate", rng, target=target, certainty=certainty)
    n = int(kept.sum())
    aggregates = {"disparate_impact": _estimate(impact, target, needed, n)}
    for name, metrics in DIFFERENCES.items():
        spread = exact.difference_spread(kept, metrics, rng, tolerance=tolerance, draws=draws)
        aggregates[name] = _estimate(spread, tolerance, None, n)
    verdict = verdict_of(impact.probability, certainty)
    unknown = np.array([UNKNOWN in group for group in groups])
    small = counts[~(compared | unknown)].sum(axis=0)
    hidden = verdict == "pass" and (
        _may_fail(kept, counts[unknown].sum(axis=0), target)
        or (small.sum() >= least_share * cube.total and _fails(kept, small, rng, target, certainty))
    )
    more = None
    if verdict == "not enough evidence" and not quick:
        more = exact.more_cases(kept, "selection_rate", rng, target=target, certainty=certainty)
    selected = exact.rate(kept, "selection_rate")
    names = [", ".join(group) for group, is_compared in zip(groups, compared, strict=True) if is_compared]
    return AttributeAudit(
        attributes=cube.attributes,
        groups=tuple(_rates(groups, counts, compared, pooled_means(*exact.parts(kept, "selection_rate")))),
        aggregates=aggregates,
        same_rates=impact.p_value,
        lowest=names[int(selected.argmin())],
        highest=names[int(selected.argmax())],
        more_cases=None if hidden else 0 if verdict != "not enough evidence" else more,
        verdict="not enough evidence" if hidden else verdict,
    )


def _may_fail(kept: npt.NDArray[np.int64], unknown: npt.NDArray[np.int64], target: float) -> bool:
    """Whether the ratio would be below the target if the cases of unknown group were all of the worst ones.

    Source:
        Manski (2003), Partial Identification of Probability Distributions, for the worst case.
    """
    (refused, chosen), (yes, seen) = unknown.sum(axis=0).tolist(), exact.parts(kept, "selection_rate")
    lows, highs = yes / np.maximum(seen + refused, 1), (yes + chosen) / np.maximum(seen + chosen, 1)
    pairs = (lows[i] / highs[j] for i in range(len(kept)) for j in range(len(kept)) if i != j and highs[j])
    return min(pairs, default=1.0) < target


def _fails(
    kept: npt.NDArray[np.int64], small: npt.NDArray[np.int64], rng: np.random.Generator, target: float, certainty: float
) -> bool:
    """Whether the groups too small to compare, taken together, are shown to be below the target."""
    highest = kept[int(np.nanargmax(exact.rate(kept, "selection_rate")))]
    beside = rng.spawn(1)[0]  # what is drawn for the other numbers stays the same
    found = exact.ratio_spread(np.stack([small, highest]), "selection_rate", beside, target=target, draws=QUICK_DRAWS)
    return verdict_of(found.probability, certainty) == "fail"


def _rates(
    groups: list[tuple[str, ...]],
    counts: npt.NDArray[np.int64],
    compared: npt.NDArray[np.bool_],
    pooled: npt.NDArray[np.float64] | None,
) -> list[GroupRates]:
    found: list[dict[str, Estimate]] = [{} for _ in groups]
    for metric in exact.METRICS:
        for place, (yes, seen) in enumerate(zip(*exact.parts(counts, metric), strict=True)):
            low, high = rate_interval(yes, seen) if seen else (None, None)
            found[place][metric] = Estimate(float(yes / seen) if seen else None, low, high, n=int(seen))
    means = iter([] if pooled is None else pooled.tolist())
    return [
        GroupRates(group, int(counts[i].sum()), found[i], next(means, None) if compared[i] else None, bool(compared[i]))
        for i, group in enumerate(groups)
    ]


def _estimate(spread: exact.Spread, target: float, needed: float | None, n: int) -> Estimate:
    return Estimate(spread.value, spread.low, spread.high, spread.probability, target, needed, n)


def _sentence(audits: tuple[AttributeAudit, ...], verdict: Verdict, certainty: float) -> str:
    """The verdict, the attribute nearest to or furthest beyond the limit, and who was not compared."""
    singles = [audit for audit in audits if len(audit.attributes) == 1]
    deciding = [audit for audit in singles if audit.verdict == verdict]
    deciding = deciding or [audit for audit in audits if audit.verdict == verdict] or singles
    audit = min(deciding, key=lambda a: (a.disparate_impact.probability or 0.0, a.disparate_impact.value or 0.0))
    by = " and ".join(audit.attributes)
    if verdict == "pass":
        all_of_them = " and by ".join(single.name for single in singles)
        told = f"Shown to be fair by {all_of_them}; nearest to the limit, by {by}: {_told(audit)}"
    elif verdict == "fail":
        told = f"Not fair by {by}: {_told(audit)}"
    else:
        told = f"Not shown to be fair by {by}: {_told(audit)}"
        if (audit.disparate_impact.probability or 0.0) >= certainty:
            told += " Those whose group is unknown or too small to compare could overturn it."
        if audit.more_cases:
            told += f" About {audit.more_cases:,} more cases like these would decide it."
    return " ".join([told, *_left_out(audits)])


def _told(audit: AttributeAudit) -> str:
    impact = audit.disparate_impact
    if impact.value is None or impact.target is None:
        return "there are no two groups to compare, or nobody was selected."
    selected = {group.name: group.rates["selection_rate"].value or 0.0 for group in audit.groups}
    return (
        f"{audit.lowest} {100 * selected[audit.lowest]:.1f}\u00a0% selected, "
        f"{audit.highest} {100 * selected[audit.highest]:.1f}\u00a0%; "
        f"disparate impact {impact.value:.3f} [{impact.low:.3f}, {impact.high:.3f}], "
        f"{impact.target:g} or more with probability {impact.probability:.2f}."
    )


def _left_out(audits: tuple[AttributeAudit, ...]) -> list[str]:
    left = [
        (audit.name, group)
        for audit in audits
        if len(audit.attributes) == 1
        for group in sorted(audit.groups, key=lambda group: -group.n)
        if not group.compared
    ]
    told = [f"{group.n} of {name} {group.name}" for name, group in left[:MOST_NAMED]]
    if len(left) > MOST_NAMED:
        told.append(f"{len(left) - MOST_NAMED:,} more groups")
    return [f"Shown but not compared: {', '.join(told)}."] if told else []
