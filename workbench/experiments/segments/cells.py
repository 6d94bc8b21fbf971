"""Segments as they were measured: each one's difference with its error, or its exact likelihood, or why it has none.

Estimates are differences of means with errors that respect clusters and do not follow the segment's own
means (`errors`). Shares and counts with few events in an arm enter by their exact likelihood, and
ratios to a control mean that is not sharp by their logarithm, or exactly where values may be negative
(`stats.scarce`): the delta method's error of such a ratio goes up and down with the ratio itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.data.moments import Cell, MomentCube
from workbench.experiments.design import Metric
from workbench.experiments.segments.errors import Errors, pooled_errors
from workbench.stats.effects import Scale
from workbench.stats.moments import Sample
from workbench.stats.scarce import ENOUGH, Likelihood, likelihood

Form = Literal["normal", "counts", "log ratio", "ratio"]  # of the likelihood by which a segment enters

CLEAR = 4.0  # standard errors of the control's mean from zero below which there is no ratio to it
POSITIVE = 2.0  # the same where no value is below zero, for either arm
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
    errors: Errors  # of the two means
    entered: tuple[float, float]  # estimate and error; of a log ratio those of the logarithm
    linear: tuple[float, float]  # normal that stands for it along several columns


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
    found, left_out, pairs = [], {}, {}
    for name in sorted({cell.segment for cell in cells}):
        c, t = cells.get(Cell(name, "", control)), cells.get(Cell(name, "", arm))
        if c is None or t is None:
            left_out[", ".join(name)] = f"nobody in {control if c is None else arm}"
        else:
            pairs[name] = (c, t)
    deff = design_effect(metric, both)
    for (name, pair), errors in zip(pairs.items(), pooled_errors(metric, list(pairs.values())), strict=True):
        one = _one(name, metric, *pair, scale, deff, errors)
        if isinstance(one, str):
            left_out[", ".join(name)] = one
        else:
            found.append(one)
    return found, dict(sorted(left_out.items()))


def together(seen: Sequence[Seen], scale: Scale) -> tuple[float, float] | None:
    """All units, each segment compared with itself, and the error; None: the control has nothing to be relative to.

    Source:
        Mantel & Haenszel (1959), J. Natl Cancer Inst. 22, 719-748 (the weights).
    """
    n, mean, error = (
        np.array([[getattr(arm, name) for arm in (s.control, s.treated)] for s in seen])
        for name in ("n", "mean", "error")
    )
    weight = n.prod(axis=1) / n.sum(axis=1)
    control, treated = weight @ mean / weight.sum()
    if scale == "relative" and not control > 0:
        return None
    times, unit = (1.0, 1.0) if scale == "absolute" else (treated / control, control)
    own = np.hypot(error[:, 1], times * error[:, 0])
    return float((treated - control) / unit), float(np.sqrt(weight**2 @ own**2) / weight.sum() / unit)


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
    name: tuple[str, ...], metric: Metric, control: Sample, treated: Sample, scale: Scale, deff: float, errors: Errors
) -> Seen | str:
    """A segment as it was measured, or why it cannot be compared."""
    raw = difference(control, treated, scale)[0]
    if metric.kind in {"binary", "count"} and _scarce(metric, control, treated, deff, scale):
        return _counted(name, metric, (control, treated), raw, scale, deff, errors)
    if min(control.independent, treated.independent) < 2:
        return "one independent unit in an arm: its error is not known"
    if min(control.error, treated.error) <= 0:
        return "every unit of an arm has the same value: its error is not known"
    if raw is None or (scale == "relative" and not _clear(control, treated, errors)):
        return "a mean is below zero, or too uncertain to be relative to"
    if scale == "absolute":
        return _normal(name, control, treated, raw, float(np.hypot(errors.control, errors.treated)), errors)
    if control.mean > SHARP * errors.control:
        error = float(np.hypot(errors.treated, (1 + raw) * errors.control) / control.mean)
        return _normal(name, control, treated, raw, error, errors)
    if control.n_negative or treated.n_negative:
        ratio = Likelihood.ratio((control.mean, errors.control), (treated.mean, errors.treated))
        return Seen(name, control, treated, raw, ratio, "ratio", errors, ratio.middle, ratio.middle)
    log = errors.log_ratio(control, treated)
    return Seen(
        name, control, treated, raw, Likelihood.log_ratio(*log), "log ratio", errors, log, errors.about_whole(*log)
    )


def _normal(name: tuple[str, ...], control: Sample, treated: Sample, raw: float, error: float, errors: Errors) -> Seen:
    pair = (raw, error)
    return Seen(name, control, treated, raw, Likelihood.normal(*pair), "normal", errors, pair, pair)


def _counted(
    name: tuple[str, ...],
    metric: Metric,
    pair: tuple[Sample, Sample],
    raw: float | None,
    scale: Scale,
    deff: float,
    errors: Errors,
) -> Seen:
    """A segment with few events, by its exact likelihood."""
    (x0, n0), (x1, n1) = ((round(s.n * s.mean, 9), s.n) for s in pair)
    kind: Literal["share", "count"] = "share" if metric.kind == "binary" else "count"
    exact = likelihood(kind, scale, control=(x0, n0), treated=(x1, n1), design_effect=deff)
    middle = exact.middle
    if scale == "absolute":
        return Seen(name, *pair, raw, exact, "counts", errors, middle, middle)
    a, b = x0 / deff + 0.5, x1 / deff + 0.5  # half an event more: its logarithm is all but unbiased
    log = float(np.log(b / n1) - np.log(a / n0)), float(np.sqrt(1 / a + 1 / b))
    return Seen(name, *pair, raw, exact, "counts", errors, middle, errors.about_whole(*log))


def _clear(control: Sample, treated: Sample, errors: Errors) -> bool:
    """Whether there is a ratio; where values are not negative the segment's own luck does not decide it."""
    if control.n_negative or treated.n_negative or control.mean < 0:
        return control.mean >= CLEAR * errors.control
    both = errors.base >= POSITIVE * errors.control and errors.base * errors.ratio >= POSITIVE * errors.treated
    return both and min(control.mean, treated.mean) > 0


def _scarce(metric: Metric, control: Sample, treated: Sample, deff: float, scale: Scale) -> bool:
    events = [s.n * s.mean for s in (control, treated)]
    if metric.kind == "binary":  # those without the event count the same
        events += [s.n - s.n * s.mean for s in (control, treated)]
    return min(events) / deff < ENOUGH[scale]
