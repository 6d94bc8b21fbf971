"""What an arm does in each segment: every segment's own numbers beside what is believed after seeing all.

The best of fifty segments is mostly the luckiest. Here segments learn from each other
(`stats.hierarchy`; `stats.crossed` along several columns): each is drawn to the whole as far as the
data say. Rules: raw numbers stand beside the shrunken ones; a segment that cannot be compared is
listed with its reason; errors respect clusters, of which one that spans segments counts in each (so
scan by the columns that are asked about, and no others); no error follows the segment's own mean
(`errors`); what is not near normal enters by its exact likelihood (`cells`).

    result = shrunken_segments(cube, design.metrics[0], "0 %", "95 %", scale="relative")
    result.sentence
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import special

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.design import Metric
from workbench.experiments.segments import words as segment_words
from workbench.experiments.segments.cells import Form, Seen, design_effect, difference, measured, together
from workbench.stats.crossed import MOST, Crossed, cross
from workbench.stats.effects import EffectPrior, Scale
from workbench.stats.hierarchy import Hierarchy, SpreadPrior, shrink
from workbench.stats.mixtures import Mixtures
from workbench.stats.moments import Sample
from workbench.stats.scarce import pooled

MEANS = ("binary", "mean", "count", "revenue")  # kinds of metric that segments are compared by
SPREAD = 0.1  # default prior: two thirds of the belief is that effects lie within a tenth of the control's mean


@dataclass(frozen=True)
class Segment:
    """One segment, before and after learning from the others; differences are arm − control, or a share of control."""

    name: tuple[str, ...]  # one value a column
    n_control: int  # units
    n_arm: int
    mean_control: float  # observed, per unit
    mean_arm: float
    error_control: float  # standard errors of these, as they entered
    error_arm: float
    raw: float | None  # plain difference; None: the control has nothing to be relative to
    entered: tuple[
        float, float
    ]  # estimate and error that entered: of a log ratio of the logarithm, of counts the middle
    raw_low: float
    raw_high: float
    effect: float  # expected true difference, all segments seen
    sd: float  # its standard deviation
    low: float
    high: float
    chance_better: float  # that the arm is truly better here
    chance_above: float  # that the difference here is above that of the whole; near 0 or 1: it is another one
    form: Form  # of its likelihood: a normal difference, exact counts, a normal logarithm of the ratio, or the ratio

    @property
    def called(self) -> str:
        """Its values, joined."""
        return ", ".join(self.name)


@dataclass(frozen=True)
class Level:
    """What a value of one column adds to the whole, whatever the other columns are."""

    column: str
    value: str
    effect: float
    low: float
    high: float


@dataclass(frozen=True)
class Range:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SegmentResult:
    """An arm against the control in every segment."""

    metric: Metric
    control: str
    arm: str
    scale: Scale
    level: float  # probability inside the intervals
    columns: tuple[str, ...]
    segments: tuple[Segment, ...]
    left_out: Mapping[str, str]  # segments that cannot be compared, with the reason
    whole_raw: Range | None  # all units together, segments ignored; None: nothing to be relative to
    whole_within: Range | None  # all units together, each segment compared with itself
    whole: Range  # mean of the population of segments
    chance_better: float  # that this mean is better
    agrees: bool  # whether the last two differ by no more than their errors allow
    spread: float  # expected spread of true effects of segments about it
    chance_alike: float  # that all segments have one effect, if beforehand that was one half
    levels: tuple[Level, ...]  # along several columns only
    prior: SpreadPrior  # of the spread
    mean_prior: EffectPrior | None  # of the mean of the population; None: nothing assumed
    design_effect: float  # how many times fewer events those of exact segments stand for
    note: str  # what was assumed, in words
    sentence: str
    verdict: Literal["pass", "fail", "not enough evidence"]  # pass: better on the whole, nowhere surely worse
    data_digest: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        return asdict(self)

    def as_text(self) -> str:
        """The same as text."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False, allow_nan=False)

    def figures(self) -> dict[str, float]:
        """The main numbers under flat names, for a tracking store."""
        flat = {"whole.effect": self.whole.value, "spread": self.spread, "chance_alike": self.chance_alike}
        return flat | {name: s.effect for name, s in self._named().items()}

    def evidence(self) -> dict[str, dict[str, Any]]:
        """The effects as the fields of `evidence.Figure`, by name; the probability is that of being better."""
        whole = asdict(self.whole) | {"probability": self.chance_better, "target": 0.0}
        return {"whole.effect": whole} | {
            name: {
                "value": s.effect,
                "low": s.low,
                "high": s.high,
                "probability": s.chance_better,
                "target": 0.0,
                "n": s.n_control + s.n_arm,
            }
            for name, s in self._named().items()
        }

    def _named(self) -> dict[str, Segment]:
        """Segments under names that a store takes; two that would have one name are told apart by their number."""
        named: dict[str, Segment] = {}
        for number, s in enumerate(self.segments, 1):
            name = words.slug("segment", *s.name, "effect")
            named[words.slug("segment", *s.name, str(number), "effect") if name in named else name] = s
        return named


def shrunken_segments(
    cube: MomentCube,
    metric: Metric | str,
    control: str,
    arm: str,
    *,
    scale: Scale = "absolute",
    level: float = 0.95,
    by: Sequence[str] = (),
    spread: SpreadPrior | None = None,
    mean: EffectPrior | None = None,
) -> SegmentResult:
    """What an arm does in each segment, segments learning from each other.

    Args:
        cube: A scan with segment columns.
        metric: What is compared; a name alone is compared by means, and more of it is better.
        control: The arm that the other is set against.
        arm: The other arm.
        scale: "absolute": difference of means; "relative": as a share of the segment's control mean.
        level: Probability inside the intervals, in (0, 1).
        by: The columns that cut; all of the cube's by default, at most three.
        spread: What is believed of the spread of true effects; by default half-normal with a tenth of the
            control's mean. Along several columns it is the prior of each column and of what is left.
        mean: What is believed of the mean effect, on the same scale; nothing by default. One column only.

    Raises:
        Misuse: No such column, arm or metric; no segment that can be compared; a prior on another scale.
    """
    metric = Metric(metric, "mean", metric) if isinstance(metric, str) else metric
    columns = _columns(cube, by)
    if metric.kind not in MEANS:
        raise Misuse(
            f"{metric.name} is of kind {metric.kind}", hint=f"segments are compared by means: {', '.join(MEANS)}"
        )
    if not 0 < level < 1:
        raise Misuse(f"level is {level}; it must lie in (0, 1)")
    if mean is not None and mean.scale != scale:
        raise Misuse(f"the prior of the mean is {mean.scale}; the effects are {scale}")
    if mean is not None and len(columns) > 1:
        raise Misuse("along several columns nothing can be assumed of the mean", hint="cut by one column, or drop it")
    both = (cube.sample(metric.name, control), cube.sample(metric.name, arm))
    seen, left_out = measured(cube, metric, control, arm, scale, columns, both)
    if not seen:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise Misuse(f"no segment can be compared ({reasons})", hint="cut more coarsely, or compare absolutely")
    prior = spread or SpreadPrior(_default(both[0], scale))
    fit, crossed = _fitted(seen, columns, prior, mean)
    cells = fit.segments if crossed is None else crossed.cells
    apart = fit.apart if crossed is None else crossed.apart
    whole = fit.whole if crossed is None else crossed.whole
    chance = _better(metric, float(whole.sf(0.0)[0]))
    segments = _segments(seen, metric, cells, apart, level, several=len(columns) > 1)
    plain, inside = difference(*both, scale), together(seen, scale)
    reach = float(special.ndtri((1 + level) / 2))
    middle = float(whole.mean[0])
    far = inside is not None and abs(inside[0] - middle) > reach * np.hypot(inside[1], whole.sd[0])
    result = SegmentResult(
        metric=metric,
        control=control,
        arm=arm,
        scale=scale,
        level=level,
        columns=columns,
        segments=segments,
        left_out=left_out,
        whole_raw=_range(plain, reach),
        whole_within=_range(inside, reach),
        whole=_ranges(whole, level)[0],
        agrees=not far,
        chance_better=chance,
        spread=float(fit.spread.mean),
        chance_alike=float(fit.chance_alike),
        levels=() if crossed is None else _levels(seen, columns, crossed, level),
        prior=prior,
        mean_prior=mean,
        design_effect=design_effect(metric, both),
        note=segment_words.note(columns, sum(s.form != "normal" for s in seen), prior, mean, scale, metric.called),
        sentence="",
        verdict=_verdict(chance, segments, level),
        data_digest=cube.digest,
    )
    return replace(result, sentence=segment_words.sentence(result))


def _columns(cube: MomentCube, by: Sequence[str]) -> tuple[str, ...]:
    if not cube.segments:
        raise Misuse("the cube has no segments", hint="name a segment column in the design")
    columns = tuple(by) or cube.segments
    if absent := [c for c in columns if c not in cube.segments]:
        raise Misuse(f"there is no segment column {absent[0]!r}; the cube has {', '.join(cube.segments)}")
    if len(columns) > MOST:
        raise Misuse(f"{len(columns)} columns; segments can be taken along {MOST} at once", hint="choose some by `by`")
    return columns


def _default(control: Sample, scale: Scale) -> float:
    if scale == "relative":
        return SPREAD
    return SPREAD * (abs(control.mean) or float(np.sqrt(control.variance)) or 1.0)


def _fitted(
    seen: list[Seen], columns: tuple[str, ...], prior: SpreadPrior, mean: EffectPrior | None
) -> tuple[Hierarchy, Crossed | None]:
    """Along one column, always; and along all of them where there are several."""
    if any(s.form != "normal" for s in seen) and len(columns) == 1:
        return pooled([s.likelihood for s in seen], prior, mean), None
    normal = [s.linear for s in seen]  # along several columns each enters by a normal that stands for it
    estimates, errors = (np.array(column) for column in zip(*normal, strict=True))
    fit = shrink(estimates, errors, prior, mean)
    if len(columns) == 1:
        return fit, None
    codes = [np.unique([s.name[d] for s in seen], return_inverse=True)[1] for d in range(len(columns))]
    return fit, cross(estimates, errors, codes, [prior] * (len(columns) + 1))


def _segments(
    seen: list[Seen], metric: Metric, cells: Mixtures, apart: Mixtures, level: float, *, several: bool
) -> tuple[Segment, ...]:
    ranges, sds = _ranges(cells, level), cells.sd
    above, positive = apart.sf(0.0), cells.sf(0.0)
    found = []
    for i, s in enumerate(seen):
        low, high = (float(end[0]) for end in s.likelihood.posterior.interval(level))
        found.append(
            Segment(
                name=s.name,
                n_control=int(s.control.n),
                n_arm=int(s.treated.n),
                mean_control=s.control.mean,
                mean_arm=s.treated.mean,
                error_control=s.errors.control,
                error_arm=s.errors.treated,
                raw=s.raw,
                entered=s.linear if several else s.entered,
                raw_low=low,
                raw_high=high,
                effect=ranges[i].value,
                sd=float(sds[i]),
                low=ranges[i].low,
                high=ranges[i].high,
                chance_better=_better(metric, float(positive[i])),
                chance_above=float(above[i]),
                form=s.form,
            )
        )
    return tuple(found)


def _levels(seen: list[Seen], columns: tuple[str, ...], crossed: Crossed, level: float) -> tuple[Level, ...]:
    return tuple(
        Level(column, value, r.value, r.low, r.high)
        for d, column in enumerate(columns)
        for value, r in zip(sorted({s.name[d] for s in seen}), _ranges(crossed.levels[d], level), strict=True)
    )


def _ranges(unknowns: Mixtures, level: float) -> list[Range]:
    return [
        Range(float(m), float(a), float(z)) for m, a, z in zip(unknowns.mean, *unknowns.interval(level), strict=True)
    ]


def _range(found: tuple[float | None, float | None] | None, reach: float) -> Range | None:
    if found is None or found[0] is None or found[1] is None:
        return None
    return Range(found[0], found[0] - reach * found[1], found[0] + reach * found[1])


def _better(metric: Metric, positive: float) -> float:
    return positive if metric.better == "higher" else 1 - positive


def _verdict(
    chance: float, segments: tuple[Segment, ...], level: float
) -> Literal["pass", "fail", "not enough evidence"]:
    if chance <= 1 - level or any(s.chance_better <= 1 - level for s in segments):
        return "fail"
    return "pass" if chance >= level else "not enough evidence"
