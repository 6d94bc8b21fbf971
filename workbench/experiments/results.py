"""What an analysis returns: frozen results, the same as JSON, as figures and as evidence. Nothing is computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.experiments import words
from workbench.experiments.design import Metric
from workbench.stats.adjusting import worth
from workbench.stats.effects import EffectPrior
from workbench.stats.moments import Sample
from workbench.stats.panelled import Panelled
from workbench.stats.posteriors import Posterior
from workbench.stats.quantiles import OrderStatistics
from workbench.stats.ratio import Fieller
from workbench.stats.sample_ratio import THRESHOLD, SampleRatio, SequentialRatio
from workbench.stats.twins import Twin

ArmVerdict = Literal["control", "better", "worse", "no difference that matters", "not enough evidence"]
Model = Literal["Beta", "Gamma", "Student-t", "hurdle", "delta method", "order statistics"]
Verdict = Literal["pass", "fail", "not enough evidence"]


@dataclass(frozen=True)
class Raw:
    """An arm's effect as the data alone has it, before a prior."""

    effect: float
    low: float
    high: float
    relative: float | None
    chance_to_win: float


@dataclass(frozen=True)
class Rope:
    """Where the relative effect lies against the smallest one that matters; the three sum to one."""

    size: float  # the smallest relative effect that matters
    below: float  # probability that it is lower by more than that
    inside: float  # that it does not matter
    above: float  # that it is higher by more than that


@dataclass(frozen=True)
class ArmResult:
    """One metric in one arm."""

    arm: str
    n: int  # units
    mean: float  # observed, per unit; a ratio's or a quantile's own value
    estimate: float  # expected true mean
    effect: float  # expected difference from the control; 0 for the control itself
    low: float  # interval of the difference
    high: float
    relative: float | None  # effect as a share of the control's expected mean
    relative_low: float | None
    relative_high: float | None
    chance_to_win: float  # that the arm is truly better than the control; 0.5 for the control itself
    chance_best: float  # that it is the best of all arms
    expected_loss: float | None  # what choosing this arm costs on average, per unit; None: without end
    verdict: ArmVerdict
    needed: float | None  # how many times as many units would settle it if the difference stays; None: settled
    sentence: str
    raw: Raw | None = None  # None: no prior was stated, the effect is the data's own
    rope: Rope | None = None  # None: none was stated, or the control's mean is not surely above zero


@dataclass(frozen=True)
class Adjustment:
    """What was taken out of a metric because it was known before."""

    covariates: tuple[str, ...]
    strata: tuple[str, ...]  # segments that were compared each with itself; those joined by " + "
    saved: float  # share of the variance of the arms' means that is gone; below zero where it grew

    @property
    def worth(self) -> float:
        """How many more units would have done the same, as a share of those there are."""
        return worth(self.saved)


@dataclass(frozen=True)
class MetricResult:
    """One metric in all arms."""

    metric: Metric
    model: Model
    note: str  # why this model, and what it assumes
    level: float  # probability inside the intervals
    arms: Mapping[str, ArmResult]
    samples: Mapping[str, Sample] = field(repr=False)
    posteriors: Mapping[str, Posterior] = field(repr=False)  # of each arm's true mean, from the data alone
    plain: Mapping[str, ArmResult] | None = None  # revenue only: the same from plain means (Student-t)
    prior: EffectPrior | None = None  # of the effects; None: weak
    effects: Mapping[str, Panelled] = field(default_factory=dict, repr=False)  # with a prior: absolute, by arm
    relative_effects: Mapping[str, Panelled] = field(default_factory=dict, repr=False)  # the same ÷ the control's mean
    adjustment: Adjustment | None = None
    fieller: Mapping[str, Fieller] = field(default_factory=dict)  # ratio only: Fieller's interval of each arm's ratio
    sorted_: Mapping[str, OrderStatistics] = field(default_factory=dict)  # quantile only: each arm's own interval
    choice: str | None = None  # arm that the loss threshold and the guardrails let one choose; None: none

    @property
    def best(self) -> ArmResult:
        """The arm most likely to be the best."""
        return max(self.arms.values(), key=lambda a: a.chance_best)


@dataclass(frozen=True)
class Guard:
    """Whether an arm keeps a guardrail."""

    metric: str
    arm: str
    margin: float  # harm that is tolerated, as a share of the control's mean
    chance_of_harm: float | None  # that the arm is truly worse by more than that; None: nothing can be said
    passed: bool  # the chance is at most 1 − certainty
    broken: bool  # the chance is at least the certainty
    sentence: str


@dataclass(frozen=True)
class Corrected:
    """A frequentist test among all those of the experiment."""

    test: Twin
    holm: float  # p so adjusted that the chance of any false alarm is kept
    false_discovery: float  # p so adjusted that the share of false alarms among alarms is kept (Benjamini-Hochberg)


@dataclass(frozen=True)
class Balance:
    """Whether the arms agree on something known before they were drawn."""

    covariate: str
    p: float  # probability of means at least this far apart if the draw was fair
    gap: float  # largest difference from the control, in standard deviations of a unit
    passed: bool


@dataclass(frozen=True)
class Analysis:
    """All that an experiment says."""

    name: str
    control: str
    unit: str  # what a number is taken of
    cluster: str | None  # what was drawn, where that is larger
    counts: Mapping[str, int]  # units by arm
    clusters: Mapping[str, int]  # independent groups by arm
    sample_ratio: SampleRatio
    balance: tuple[Balance, ...]
    metrics: Mapping[str, MetricResult]
    sentence: str
    verdict: Verdict  # pass: an arm beats the control on the first metric, and keeps every guardrail
    data_digest: str
    design_digest: str
    sequential: SequentialRatio | None = None  # the sample ratio day by day; None: no days, no plan, or clusters
    days: tuple[str, ...] = ()  # its looks
    guardrails: tuple[Guard, ...] = ()
    twin: Mapping[str, Mapping[str, Corrected]] = field(default_factory=dict)  # by metric and arm
    followed: bool | None = None  # whether the design is the one that was registered; None: none was

    @property
    def trusted(self) -> bool:
        """Whether the arms can be compared: filled as planned, every day too, and alike in what was known before."""
        by_day = self.sequential is None or self.sequential.failed_at is None
        return self.sample_ratio.passed is not False and by_day and all(b.passed for b in self.balance)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        body: dict[str, Any] = {
            "name": self.name,
            "sample_ratio": {"p": self.sample_ratio.p, "passed": self.sample_ratio.passed},
            "balance": [asdict(b) for b in self.balance],
            "metrics": {
                name: {arm: _arm_json(r) for arm, r in result.arms.items()} for name, result in self.metrics.items()
            },
            "models": {name: _model_json(r) for name, r in self.metrics.items()},
            "guardrails": [asdict(guard) for guard in self.guardrails],
            "twin": {name: {arm: _twin_json(found) for arm, found in arms.items()} for name, arms in self.twin.items()},
            "verdict": self.verdict,
            "sentence": self.sentence,
            "followed": self.followed,
            "data_digest": self.data_digest,
            "design_digest": self.design_digest,
        }
        if self.sequential is not None:
            body["sample_ratio"]["by_day"] = dict(zip(self.days, self.sequential.by_look, strict=True))
        return body

    def as_text(self) -> str:
        """The same as text."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False, allow_nan=False)

    def figures(self) -> dict[str, float]:
        """Every number under a flat name, for a tracking store."""
        flat: dict[str, float] = {}
        for name, result in self.metrics.items():
            for arm, r in result.arms.items():
                stem = words.slug(name, arm)
                flat |= {f"{stem}.n": float(r.n), f"{stem}.mean": r.mean, f"{stem}.chance_best": r.chance_best}
                if r.expected_loss is not None:
                    flat[f"{stem}.expected_loss"] = r.expected_loss
                if r.verdict != "control":
                    flat |= {f"{stem}.effect": r.effect, f"{stem}.low": r.low, f"{stem}.high": r.high}
                    flat[f"{stem}.chance_to_win"] = r.chance_to_win
            if result.adjustment is not None:
                flat[words.slug(name, "variance_saved")] = result.adjustment.saved
        if self.sample_ratio.p is not None:
            flat["sample_ratio.p"] = self.sample_ratio.p
        harms = {words.slug(g.metric, g.arm, "harm"): g.chance_of_harm for g in self.guardrails}
        flat |= {name: harm for name, harm in harms.items() if harm is not None}
        return flat | {words.slug("balance", b.covariate, "p"): b.p for b in self.balance}

    def evidence(self) -> dict[str, dict[str, Any]]:
        """What a policy can ask for, as the fields of `evidence.Figure`, by name.

        `METRIC.ARM.effect` has the probability of being better; `sample_ratio.p` and `METRIC.ARM.harm`
        (a guardrail: the chance of more harm than its margin) have the limit they are held to as their target.
        """
        found: dict[str, dict[str, Any]] = {
            words.slug(name, arm, "effect"): {
                "value": r.effect,
                "low": r.low,
                "high": r.high,
                "probability": r.chance_to_win,
                "target": 0.0,
                "n": r.n,
            }
            for name, result in self.metrics.items()
            for arm, r in result.arms.items()
            if r.verdict != "control"
        }
        ratio = self.sample_ratio
        if ratio.p is not None:
            lowest = ratio.p if self.sequential is None else min(ratio.p, self.sequential.p)
            found["sample_ratio.p"] = {"value": lowest, "target": THRESHOLD, "n": sum(self.counts.values())}
        for guard in self.guardrails:
            if guard.chance_of_harm is None:
                continue
            found[words.slug(guard.metric, guard.arm, "harm")] = {
                "value": guard.chance_of_harm,
                "probability": 1 - guard.chance_of_harm,
                "target": guard.margin,
                "n": self.counts[guard.arm],
            }
        return found


def _arm_json(r: ArmResult) -> dict[str, Any]:
    body: dict[str, Any] = {
        "n": r.n,
        "mean": r.mean,
        "effect": r.effect,
        "relative": r.relative,
        "relative_interval": None if r.relative_low is None else [r.relative_low, r.relative_high],
        "interval": [r.low, r.high],
        "chance_to_win": r.chance_to_win,
        "chance_best": r.chance_best,
        "expected_loss": r.expected_loss,
        "verdict": r.verdict,
    }
    if r.raw is not None:
        body["raw"] = asdict(r.raw)
    if r.rope is not None:
        body["rope"] = asdict(r.rope)
    return body


def _model_json(result: MetricResult) -> dict[str, Any]:
    body: dict[str, Any] = {"model": result.model, "note": result.note}
    if result.prior is not None:
        body["prior"] = {"scale": result.prior.scale, "source": result.prior.source}
    if result.adjustment is not None:
        body["adjustment"] = asdict(result.adjustment) | {"worth": result.adjustment.worth}
    if result.choice is not None:
        body["choice"] = result.choice
    if result.fieller:
        body["fieller"] = {arm: None if f.low == -f.high else [f.low, f.high] for arm, f in result.fieller.items()}
    if result.sorted_:
        body["quantiles"] = {
            arm: {"value": s.value, "interval": [s.low, s.high], "level": s.ranks.above - s.ranks.below}
            for arm, s in result.sorted_.items()
        }
    return body


def _twin_json(found: Corrected) -> dict[str, Any]:
    body = asdict(found.test) | {"holm": found.holm, "false_discovery": found.false_discovery}
    return body | {"df": None if found.test.df == float("inf") else found.test.df}
