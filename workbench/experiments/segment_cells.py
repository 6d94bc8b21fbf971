"""Segments as they were measured: each one's difference with its error, or its exact likelihood, or why it has none.

Estimates are differences of means with errors that respect clusters. Shares and counts with few events
in an arm enter by their exact likelihood, and so do ratios to a control mean that is not sharp
(`stats.scarce`): the delta method's error of such a ratio goes up and down with the ratio itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.data.moments import Cell, MomentCube
from workbench.experiments.design import Metric
from workbench.stats.effects import Scale
from workbench.stats.moments import Sample
from workbench.stats.scarce import ENOUGH, Likelihood, likelihood

Form = Literal["normal", "counts", "ratio"]  # of the likelihood by which a segment enters

CLEAR = 4.0  # standard errors of the control's mean from zero below which there is no ratio to it
SHARP = 30.0  # ... and below which the ratio is far from normal: at 15, means are off by 0.4 posterior sd


@dataclass(frozen=True)
class Seen:
    """One segment as it was measured."""

    name: tuple[str, ...]
    control: Sample
    treated: Sample
    raw: float | None
    likelihood: Likelihood
    form: Form


def measured(
    cube: MomentCube,
    metric: Metric,
    control: str,
    arm: str,
    scale: Scale,
    columns: tuple[str, ...],
    both: tuple[Sample, Sample],
) -> tuple[list[Seen], dict[str, str]]:
    """All segments of a cube.

    Args:
        cube: A scan with segment columns.
        metric: What is compared.
        control: The arm that the other is set against.
        arm: The other arm.
        scale: Of the difference.
        columns: Those that cut.
        both: The control and the other arm over all segments.

    Returns:
        Those that can be compared, and why the others cannot, by name.
    """
    keep = [cube.segments.index(c) for c in columns]
    cells = cube.regrouped(lambda c: Cell(tuple(c.segment[i] for i in keep), "", c.arm)).samples(metric.name)
    found, left_out = [], {}
    for name in sorted({cell.segment for cell in cells}):
        c, t = cells.get(Cell(name, "", control)), cells.get(Cell(name, "", arm))
        if c is None or t is None:
            left_out[", ".join(name)] = f"nobody in {control if c is None else arm}"
            continue
        one = _one(name, metric, c, t, scale, design_effect(metric, both))
        if isinstance(one, str):
            left_out[", ".join(name)] = one
        else:
            found.append(one)
    return found, left_out


def design_effect(metric: Metric, both: tuple[Sample, Sample]) -> float:
    """How many times fewer events the events stand for, over all segments: few events cannot tell it themselves."""
    if metric.kind == "binary":
        return max(s.deff_share for s in both)
    return max(1.0, *(s.variance * s.deff_mean / s.mean for s in both if s.mean > 0))


def difference(control: Sample, treated: Sample, scale: Scale) -> tuple[float | None, float | None]:
    """Plain difference and its error; the relative one by the delta method."""
    gap = treated.mean - control.mean
    if scale == "absolute":
        return gap, float(np.hypot(control.error, treated.error))
    if control.mean == 0:
        return None, None
    ratio = treated.mean / control.mean
    return gap / control.mean, float(np.hypot(treated.error, ratio * control.error) / abs(control.mean))


def _one(
    name: tuple[str, ...], metric: Metric, control: Sample, treated: Sample, scale: Scale, deff: float
) -> Seen | str:
    """A segment as it was measured, or why it cannot be compared."""
    raw, error = difference(control, treated, scale)
    if metric.kind in {"binary", "count"} and _scarce(metric, control, treated, deff, scale):
        pair = [(round(s.n * s.mean, 9), s.n) for s in (control, treated)]
        exact = likelihood(
            "share" if metric.kind == "binary" else "count",
            scale,
            control=pair[0],
            treated=pair[1],
            design_effect=deff,
        )
        return Seen(name, control, treated, raw, exact, "counts")
    if min(control.independent, treated.independent) < 2:
        return "one independent unit in an arm: its error is not known"
    if min(control.error, treated.error) <= 0:
        return "every unit of an arm has the same value: its error is not known"
    if raw is None or error is None or (scale == "relative" and control.mean < CLEAR * control.error):
        return "the control's mean is below zero, or too near it to be relative to"
    if scale == "relative" and control.mean < SHARP * control.error:
        ratio = Likelihood.ratio((control.mean, control.error), (treated.mean, treated.error))
        return Seen(name, control, treated, raw, ratio, "ratio")
    return Seen(name, control, treated, raw, Likelihood.normal(raw, error), "normal")


def _scarce(metric: Metric, control: Sample, treated: Sample, deff: float, scale: Scale) -> bool:
    events = [s.n * s.mean for s in (control, treated)]
    if metric.kind == "binary":  # those without the event count the same
        events += [s.n - s.n * s.mean for s in (control, treated)]
    return min(events) / deff < ENOUGH[scale]
