"""An experiment's days: whether it may stop by the rule that was agreed, and whether its effect fades.

Each arm is set against the control on the metric that decides, compared by its mean; effects are shares of
the control's mean where they can be, or on the scale that the rule itself speaks of.

    found = followed_rule(cube, design, analysis, parse_rule("obrien-fleming:5"), days=28)
    found[0].sentence
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments.design import Design, Metric
from workbench.experiments.novelty import Novelty, novelty
from workbench.experiments.results import Analysis
from workbench.experiments.segments.shrunken import MEANS
from workbench.experiments.stopping.rules import StoppingRule
from workbench.experiments.stopping.sequential import SequentialResult, check, daily_looks
from workbench.stats.effects import Scale


def followed_rule(
    cube: MomentCube, design: Design, analysis: Analysis, rule: StoppingRule, *, days: int | None = None
) -> list[SequentialResult]:
    """What a rule says to each arm, on the days that it planned.

    Args:
        cube: With days.
        design: What is compared.
        analysis: The answer on the same cube, which knows whether the arms were filled as planned.
        rule: As it was agreed beforehand.
        days: How long the experiment was planned to last; by default as many days as the data has.

    Raises:
        Misuse: The cube has no days, the metric that decides has no mean, or the rule cannot be followed.
    """
    first, others = design.metrics[0], _others(analysis)
    rule_looks_at(first)
    measured = len({cell.day for cell in cube.cells} - {""})
    if not measured:
        raise Misuse("a rule needs the days, and the data was read without", hint="name their column: --day COL")
    scale: Scale = "relative"
    if rule.prior.components or rule.kind == "loss":
        scale = rule.prior.scale
    elif any(r.relative is None for r in analysis.metrics[first.name].arms.values()):
        scale = "absolute"
    on = rule.look_days(days or measured)
    if measured < on[0]:
        raise Misuse(
            f"the data has {measured} days, and {rule.text} looks first on day {on[0]}", hint="ask again on that day"
        )
    return [
        check(
            rule,
            daily_looks(cube, first.name, control=design.control, arm=arm, scale=scale, on=on),
            arm=arm,
            better=first.better,
            scale=scale,
            comparisons=len(others),
            sample_ratio=analysis.sample_ratio,
        )
        for arm in others
    ]


def rule_looks_at(metric: Metric) -> None:
    """Let only a metric pass that a rule can follow.

    Raises:
        Misuse: It is not compared by its mean.
    """
    if metric.kind not in MEANS:
        raise Misuse(
            f"{metric.name} is of kind {metric.kind}; a rule looks at means",
            hint=f"name one of {', '.join(MEANS)} first",
        )


def fading(cube: MomentCube, design: Design, analysis: Analysis) -> Mapping[str, Novelty | str]:
    """Whether each arm's effect fades, or why that cannot be said; nothing without days or means."""
    first = design.metrics[0]
    if design.day is None or first.kind not in MEANS:
        return {}
    found: dict[str, Novelty | str] = {}
    for arm in _others(analysis):
        try:
            found[arm] = novelty(cube, first, design.control, arm)
        except Misuse as unknown:
            found[arm] = str(unknown)
    return found


def _others(analysis: Analysis) -> list[str]:
    return [arm for arm in analysis.counts if arm != analysis.control]
