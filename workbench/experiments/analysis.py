"""An A/B analysis: from a moment cube and a design to frozen results. It reads no data and no clock.

Each metric gets a posterior per arm (Beta, Student-t, or hurdle × log-normal for revenue), and the
arms are compared exactly by quadrature. Where units came in clusters their design effect widens
every posterior. A revenue model that does not reproduce the plain means is not used, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy import special

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.design import Design, Metric
from workbench.stats.comparison import Comparison, compare
from workbench.stats.hurdle import hurdle_posterior
from workbench.stats.means import mean_posterior
from workbench.stats.moments import Sample
from workbench.stats.posteriors import Posterior
from workbench.stats.proportions import beta_posterior
from workbench.stats.sample_ratio import THRESHOLD, SampleRatio, equal_means, sample_ratio

ArmVerdict = Literal["control", "better", "worse", "not enough evidence"]
Model = Literal["Beta", "Student-t", "hurdle"]

MISFIT = 2.5  # plain standard errors that a model's mean may lie away from the plain mean
CAP_SHARE = 1e-3  # share of a hurdle's mean that may come from amounts near the cap of its spread


@dataclass(frozen=True)
class ArmResult:
    """One metric in one arm."""

    arm: str
    n: int  # units
    mean: float  # observed, per unit
    estimate: float  # expected true mean
    effect: float  # expected difference from the control; 0 for the control itself
    low: float  # interval of the difference
    high: float
    relative: float | None  # effect as a share of the control's expected mean
    relative_low: float | None
    relative_high: float | None
    chance_to_win: float  # that the arm is truly better than the control; 0.5 for the control itself
    chance_best: float  # that it is the best of all arms
    expected_loss: float  # what choosing this arm costs on average, per unit
    verdict: ArmVerdict
    needed: float | None  # how many times as many units would settle it if the difference stays; None: settled
    sentence: str


@dataclass(frozen=True)
class MetricResult:
    """One metric in all arms."""

    metric: Metric
    model: Model
    note: str  # why this model, and what it assumes
    level: float  # probability inside the intervals
    arms: Mapping[str, ArmResult]
    samples: Mapping[str, Sample] = field(repr=False)
    posteriors: Mapping[str, Posterior] = field(repr=False)
    plain: Mapping[str, ArmResult] | None = None  # revenue only: the same from plain means (Student-t)

    @property
    def best(self) -> ArmResult:
        """The arm most likely to be the best."""
        return max(self.arms.values(), key=lambda a: a.chance_best)


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
    verdict: Literal["pass", "fail", "not enough evidence"]  # pass: an arm beats the control on the first metric
    data_digest: str
    design_digest: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        return {
            "name": self.name,
            "sample_ratio": {"p": self.sample_ratio.p, "passed": self.sample_ratio.passed},
            "balance": [asdict(b) for b in self.balance],
            "metrics": {
                name: {arm: _arm_json(r) for arm, r in result.arms.items()} for name, result in self.metrics.items()
            },
            "models": {name: {"model": r.model, "note": r.note} for name, r in self.metrics.items()},
            "verdict": self.verdict,
            "sentence": self.sentence,
            "data_digest": self.data_digest,
            "design_digest": self.design_digest,
        }

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
                flat[f"{stem}.expected_loss"] = r.expected_loss
                if r.verdict != "control":
                    flat |= {f"{stem}.effect": r.effect, f"{stem}.low": r.low, f"{stem}.high": r.high}
                    flat[f"{stem}.chance_to_win"] = r.chance_to_win
        if self.sample_ratio.p is not None:
            flat["sample_ratio.p"] = self.sample_ratio.p
        return flat | {words.slug("balance", b.covariate, "p"): b.p for b in self.balance}

    def evidence(self) -> dict[str, dict[str, Any]]:
        """The effects as the fields of `evidence.Figure`, by name; the probability is that of being better."""
        return {
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


def analyse(cube: MomentCube, design: Design) -> Analysis:
    """What an experiment says.

    Args:
        cube: The scan of its data; it must hold the design's measures.
        design: What is compared, and which way is good.

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
    ratio = _ratio(clusters, design)  # what was drawn is counted: families, not their members
    balance = tuple(_balance(cube, name, arms) for name in design.covariates)
    metrics = {metric.name: _metric(cube, metric, arms, design) for metric in design.metrics}
    broken = ratio.passed is False or not all(b.passed for b in balance)
    first = next(iter(metrics.values()))
    verdicts = {r.verdict for r in first.arms.values()} - {"control"}
    verdict: Literal["pass", "fail", "not enough evidence"] = "not enough evidence"
    if broken or verdicts == {"worse"}:
        verdict = "fail"
    elif "better" in verdicts:
        verdict = "pass"
    opening = [] if not broken else [_broken(ratio, balance)]
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
        sentence=" ".join(opening + [words.metric_sentence(r) for r in metrics.values()]),
        verdict=verdict,
        data_digest=cube.digest,
        design_digest=design.digest,
    )


def _ratio(clusters: Mapping[str, float], design: Design) -> SampleRatio:
    try:
        return sample_ratio(clusters, design.shares)
    except ValueError as error:
        raise Misuse(str(error), hint="state a share for each arm that is compared") from error


def _broken(ratio: SampleRatio, balance: tuple[Balance, ...]) -> str:
    if ratio.passed is False:
        return ratio.sentence
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


def _metric(cube: MomentCube, metric: Metric, arms: tuple[str, ...], design: Design) -> MetricResult:
    samples = {arm: cube.sample(metric.name, arm) for arm in arms}
    if metric.kind == "binary":
        note = "Every share equally likely beforehand: Beta(1, 1)."
        return _result(metric, "Beta", note, samples, _binary(metric, samples), design)
    plain = _means(metric, samples)
    note = "Means of units with nothing assumed beforehand: p(μ, σ²) ∝ 1/σ²."
    if metric.kind != "revenue":
        return _result(metric, "Student-t", note, samples, plain, design)
    amounts, refusal = _amounts(samples)
    beside = _result(metric, "Student-t", note, samples, plain, design)
    if refusal:
        return _result(metric, "Student-t", f"{note} {refusal}", samples, plain, design)
    note = "Share above zero × log-normal amounts; weak priors; every mean agrees with the plain one."
    return replace(_result(metric, "hurdle", note, samples, amounts, design), plain=beside.arms)


def _binary(metric: Metric, samples: Mapping[str, Sample]) -> dict[str, Posterior]:
    posteriors: dict[str, Posterior] = {}
    for arm, s in samples.items():
        # zeros and ones only: the sum and the sum of squares are both the number above zero
        square = s.m2 + s.n * s.mean**2
        if s.n_negative or max(abs(s.n * s.mean - s.n_positive), abs(square - s.n_positive)) > 1e-6 * max(s.n, 1):
            raise Misuse(
                f"{metric.column!r} is not 0 or 1 for every unit in arm {arm!r}",
                hint=f"a unit's rows are made one by {metric.within!r}; for a yes or no take 'max', or kind mean",
            )
        posteriors[arm] = beta_posterior(s.n_positive, s.n, design_effect=s.deff_share)
    return posteriors


def _means(metric: Metric, samples: Mapping[str, Sample]) -> dict[str, Posterior]:
    posteriors: dict[str, Posterior] = {}
    for arm, sample in samples.items():
        try:
            posteriors[arm] = mean_posterior(sample)
        except ValueError as error:
            raise Misuse(f"{metric.name} in arm {arm!r}: {error}") from error
    return posteriors


def _amounts(samples: Mapping[str, Sample]) -> tuple[dict[str, Posterior], str]:
    """Hurdle posteriors, or the reason why plain means are used instead."""
    posteriors: dict[str, Posterior] = {}
    for arm, sample in samples.items():
        try:
            posterior = hurdle_posterior(sample)
        except ValueError as error:
            return {}, f"No log-normal model: in arm {arm!r}, {error}."
        if posterior.leans_on_cap > CAP_SHARE:
            return {}, f"No log-normal model: in arm {arm!r} the few amounts leave its mean to the prior."
        away = (sample.mean - posterior.mean) / sample.error
        if abs(away) > MISFIT:
            return {}, (
                f"No log-normal model: in arm {arm!r} it says {posterior.mean:.4g} where the plain mean is "
                f"{sample.mean:.4g}, {abs(away):.1f} standard errors away."
            )
        posteriors[arm] = posterior
    return posteriors, ""


def _result(
    metric: Metric,
    model: Model,
    note: str,
    samples: Mapping[str, Sample],
    posteriors: Mapping[str, Posterior],
    design: Design,
) -> MetricResult:
    compared = compare(posteriors, design.control, better=metric.better, level=design.certainty)
    arms = {arm: _arm(metric, arm, samples[arm], posteriors[arm], compared, design.certainty) for arm in posteriors}
    return MetricResult(metric, model, note, design.certainty, arms, dict(samples), dict(posteriors))


def _arm(
    metric: Metric, arm: str, sample: Sample, posterior: Posterior, compared: Comparison, certainty: float
) -> ArmResult:
    own = ArmResult(
        arm=arm,
        n=int(sample.n),
        mean=sample.mean,
        estimate=posterior.mean,
        effect=0.0,
        low=0.0,
        high=0.0,
        relative=0.0,
        relative_low=0.0,
        relative_high=0.0,
        chance_to_win=0.5,
        chance_best=compared.chance_best[arm],
        expected_loss=compared.expected_loss[arm],
        verdict="control",
        needed=None,
        sentence=f"{arm} is the control.",
    )
    if arm == compared.control:
        return own
    d = compared.differences[arm]
    win = d.chance_above if metric.better == "higher" else 1 - d.chance_above
    verdict: ArmVerdict = "not enough evidence"
    if win >= certainty:
        verdict = "better"
    elif win <= 1 - certainty:
        verdict = "worse"
    needed = None
    if verdict == "not enough evidence":
        needed = float((special.ndtri(certainty) / max(abs(special.ndtri(win)), 1e-3)) ** 2)
    result = replace(
        own,
        effect=d.effect,
        low=d.low,
        high=d.high,
        relative=d.relative,
        relative_low=d.relative_low,
        relative_high=d.relative_high,
        chance_to_win=win,
        verdict=verdict,
        needed=needed,
    )
    return replace(result, sentence=words.arm_sentence(metric, result, compared.control))


def _arm_json(r: ArmResult) -> dict[str, Any]:
    return {
        "n": r.n,
        "mean": r.mean,
        "effect": r.effect,
        "relative": r.relative,
        "interval": [r.low, r.high],
        "chance_to_win": r.chance_to_win,
        "chance_best": r.chance_best,
        "expected_loss": r.expected_loss,
        "verdict": r.verdict,
    }
