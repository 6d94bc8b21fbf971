"""An A/B analysis: from a moment cube and a design to frozen results. It reads no clock.

Each metric gets a posterior per arm (`experiments.metrics`), and the arms are compared exactly by
quadrature. Where the design states a prior, the effects are shrunk on the scale it was stated for,
and the data's own numbers stand beside. Where units came in clusters their design effect widens
every posterior. The frequentist twin stands beside, corrected for all comparisons of the experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from workbench.data.cells import in_order
from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.comparing import chosen, compared, guards, unproven
from workbench.experiments.design import Design, Metric
from workbench.experiments.metrics import Belief, believe
from workbench.experiments.results import (
    Analysis,
    ArmResult,
    Balance,
    Corrected,
    Guard,
    MetricResult,
    Verdict,
)
from workbench.stats.quantiles import OrderStatistics, ranks
from workbench.stats.sample_ratio import (
    THRESHOLD,
    SampleRatio,
    SequentialRatio,
    equal_means,
    sample_ratio,
    sequential_sample_ratio,
)
from workbench.stats.twins import Twin, benjamini_hochberg, holm, shares, welch, z_test

__all__ = ["Analysis", "ArmResult", "Balance", "MetricResult", "analyse"]


def analyse(cube: MomentCube, design: Design, *, source: Any = None, registered: str | None = None) -> Analysis:
    """What an experiment says.

    Args:
        cube: The scan of its data; it must hold the design's measures.
        design: What is compared, and which way is good.
        source: The data itself, which only quantiles need.
        registered: Digest of the design that was registered before the data was read, if one was.

    Raises:
        Misuse: An arm of the design is not in the data, or a metric cannot be what its kind says.
    """
    arms = design.arms or (design.control, *(a for a in cube.arms if a != design.control))
    if absent := sorted(set(arms) - set(cube.arms)):
        raise Misuse(f"arm {absent[0]!r} is not in the data", hint=f"the arms are: {', '.join(cube.arms)}")
    if len(arms) < 2:
        raise Misuse(f"the only arm is {arms[0]!r}; a comparison needs at least two")
    counts = {arm: cube.counts()[arm] for arm in arms}
    clusters = {arm: cube.cluster_counts()[arm] for arm in arms}
    planned = design.planned(arms)
    ratio = _ratio(clusters, planned)  # what was drawn is counted: families, not their members
    days, by_day = _by_day(cube, design, planned)
    balance = tuple(_balance(cube, name, arms) for name in design.covariates)
    beliefs, metrics, guarded = {}, {}, []
    for metric in design.metrics:
        try:
            belief = believe(cube, metric, arms, design, _sorted(cube, metric, arms, design, source))
        except Misuse as unusable:
            if not metric.guardrail or not isinstance(unusable.__cause__, ValueError):
                raise
            guarded += [unproven(metric, arm, str(unusable.__cause__)) for arm in arms if arm != design.control]
            continue
        beliefs[metric.name] = belief
        metrics[metric.name] = compared(metric, belief, design)
        guarded += guards(metrics[metric.name], design) if metric.guardrail else []
    broken = _broken(ratio, by_day, days, balance)
    held = {guard.arm for guard in guarded if not guard.passed}
    if not broken:
        metrics = {name: replace(r, choice=chosen(r, design, held)) for name, r in metrics.items()}
    first = next(iter(metrics.values()))
    followed = None if registered is None else registered == design.digest
    said = [
        *([broken, words.UNTRUSTED] if broken else []),
        *words.metric_sentences([r for r in metrics.values() if not r.metric.guardrail]),
        *(guard.sentence for guard in guarded),
        *words.choice(first, design.loss_threshold, held, broken=bool(broken)),
        *words.followed(followed),
    ]
    return Analysis(
        name=design.name,
        control=design.control,
        unit=design.unit or "row",
        cluster=design.cluster,
        counts={arm: int(n) for arm, n in counts.items()},
        clusters={arm: int(n) for arm, n in clusters.items()},
        sample_ratio=ratio,
        balance=balance,
        metrics=metrics,
        sentence=" ".join(said),
        verdict=_verdict(first, guarded, broken=bool(broken)),
        data_digest=cube.digest,
        design_digest=design.digest,
        sequential=by_day,
        days=days,
        guardrails=tuple(guarded),
        twin=_twins(beliefs, design),
        followed=followed,
    )


def _verdict(first: MetricResult, guarded: list[Guard], *, broken: bool) -> Verdict:
    """Pass: some arm is better than the control and keeps every guardrail."""
    better = {arm for arm, r in first.arms.items() if r.verdict == "better"}
    verdicts = {r.verdict for r in first.arms.values()} - {"control"}
    if broken or verdicts == {"worse"}:
        return "fail"
    harmed = {guard.arm for guard in guarded if guard.broken}
    if better and better <= harmed:
        return "fail"
    unproven = {guard.arm for guard in guarded if not guard.passed}
    return "pass" if better - unproven else "not enough evidence"


def _ratio(clusters: Mapping[str, float], planned: Mapping[str, float] | None) -> SampleRatio:
    """The check; an arm that was planned and is not in the data got nobody.

    Raises:
        Misuse: An arm that is compared has no planned share, or the shares are no shares.
    """
    try:
        return sample_ratio(dict.fromkeys(planned or (), 0.0) | dict(clusters), planned)
    except ValueError as error:
        raise Misuse(str(error), hint="state a share for each arm that is compared") from error


def _by_day(
    cube: MomentCube, design: Design, planned: Mapping[str, float] | None
) -> tuple[tuple[str, ...], SequentialRatio | None]:
    """The sample ratio at the end of each day; not where clusters were drawn, which have no day of their own."""
    if design.day is None or planned is None or design.cluster is not None:
        return (), None
    looks: dict[str, dict[str, float]] = {}
    for cell, n in zip(cube.cells, cube.units.n, strict=True):
        if cell.arm in planned:
            day = looks.setdefault(cell.day, {})
            day[cell.arm] = day.get(cell.arm, 0.0) + float(n)
    days = in_order(looks)
    return days, sequential_sample_ratio([looks[day] for day in days], planned)


def _broken(
    ratio: SampleRatio, by_day: SequentialRatio | None, days: tuple[str, ...], balance: tuple[Balance, ...]
) -> str:
    """Why nothing below can be trusted; empty where nothing speaks against it."""
    if ratio.passed is False:
        return ratio.sentence
    if by_day is not None and by_day.failed_at is not None:
        return (
            f"The arms were not filled as planned: looked at day by day, this was plain on {days[by_day.failed_at]} "
            f"(p = {by_day.p:.2g}): do not trust the results below."
        )
    if all(b.passed for b in balance):
        return ""
    worst = min(balance, key=lambda b: b.p)
    return (
        f"The arms already differed in {worst.covariate} before they were treated (p = {worst.p:.2g}): "
        "do not trust the results below."
    )


def _balance(cube: MomentCube, covariate: str, arms: tuple[str, ...]) -> Balance:
    samples = {arm: cube.sample(covariate, arm) for arm in arms}
    pooled = np.sqrt(sum(s.m2 for s in samples.values()) / max(sum(s.n for s in samples.values()) - len(arms), 1))
    try:
        p = equal_means({a: s.mean for a, s in samples.items()}, {a: s.error for a, s in samples.items()})
    except ValueError as error:
        raise Misuse(f"covariate {covariate!r}: {error}", hint="a covariate needs spread in every arm") from error
    gap = max(abs(s.mean - samples[arms[0]].mean) for s in samples.values()) / float(pooled)
    return Balance(covariate, p, float(gap), p >= THRESHOLD)


def _sorted(
    cube: MomentCube, metric: Metric, arms: tuple[str, ...], design: Design, source: Any
) -> dict[str, OrderStatistics]:
    """A quantile's order statistics, from the data itself; empty for every other kind.

    Raises:
        Misuse: There is only the cube, units came in clusters, or they are too few.
    """
    if metric.quantile is None:
        return {}
    if source is None:
        raise Misuse(
            f"{metric.name} is a quantile, and a cube's moments cannot give one",
            hint="hand over the data too, analyse(cube, design, source=…), or compare its mean",
        )
    if design.cluster is not None:
        raise Misuse(
            f"{metric.name} is a quantile of units that came in clusters; its intervals take units as independent",
            hint=f"compare its mean, whose errors respect {design.cluster!r}",
        )
    try:
        wanted = {arm: ranks(int(cube.counts()[arm]), metric.quantile, level=design.certainty) for arm in arms}
    except ValueError as error:
        raise Misuse(f"{metric.name}: {error}", hint="take a quantile nearer to the middle, or more units") from error
    from workbench.data.order_statistics import order_statistics

    places = {arm: [r.low, r.middle, r.high] for arm, r in wanted.items()}
    values = order_statistics(source, metric.measure, arm=design.arm, ranks=places, unit=design.unit)
    return {arm: OrderStatistics(wanted[arm], *values[arm]) for arm in arms}


def _twins(beliefs: Mapping[str, Belief], design: Design) -> dict[str, dict[str, Corrected]]:
    """A frequentist test for each arm and metric where one can be made, corrected for all of them together."""
    tests = {
        (name, arm): test
        for name, belief in beliefs.items()
        for arm in belief.samples
        if arm != design.control and (test := _twin(belief, arm, design)) is not None
    }
    ps = [test.p for test in tests.values()]
    found: dict[str, dict[str, Corrected]] = {name: {} for name in beliefs}
    for (key, test), one, other in zip(tests.items(), holm(ps), benjamini_hochberg(ps), strict=True):
        found[key[0]][key[1]] = Corrected(test, one, other)
    return found


def _twin(belief: Belief, arm: str, design: Design) -> Twin | None:
    one, other, level = belief.samples[arm], belief.samples[design.control], design.certainty
    try:
        if belief.model == "Beta":
            return shares(one, other, level=level)
        if belief.model == "delta method":
            return replace(welch(one, other, level=level), method="delta method")
        if belief.model == "order statistics":
            a, b = belief.posteriors[arm], belief.posteriors[design.control]
            return z_test(a.mean - b.mean, float(np.hypot(a.sd, b.sd)), method="order statistics", level=level)
        return welch(one, other, level=level)
    except ValueError:  # nobody said yes in either arm: there is no test, only the posterior
        return None
