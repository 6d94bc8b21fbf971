"""The performance audit: how good a version's answers are, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.audits.verdict import CERTAINTY, Estimate, Verdict, verdict_of
from workbench.stats import classification as exact

LEAST_F1 = 0.8  # what the verdict asks for; the gate's own limit stands in the policy


@dataclass(frozen=True)
class PerformanceAudit:
    """Metrics of one version on labelled cases."""

    metrics: Mapping[str, Estimate]  # accuracy, precision, recall, f1, auc, brier
    verdict: Verdict  # on F1
    sentence: str
    n: int


def audit_performance(
    label: np.ndarray,
    score: np.ndarray,
    threshold: float,
    *,
    rng: np.random.Generator,
    least_f1: float = LEAST_F1,
) -> PerformanceAudit:
    """Audit scores against labels at an operating threshold.

    Args:
        label: 0 or 1, one a case; both must occur.
        score: Probability of 1, one a case, in [0, 1].
        threshold: The answer is 1 from this score on, in [0, 1].
        rng: Source of the draws for the intervals.
        least_f1: What the verdict on F1 asks for.

    Raises:
        ValueError: Only one of the labels occurs.
    """
    answer = score >= threshold
    tn, fp, fn, tp = (int(((label == y) & (answer == a)).sum()) for y, a in ((0, 0), (0, 1), (1, 0), (1, 1)))
    values = exact.counts_metrics(tn, fp, fn, tp)
    intervals = exact.counts_intervals(tn, fp, fn, tp, rng=rng)
    n = len(label)
    metrics = {name: Estimate(value, *intervals[name], n=n) for name, value in values.items()}
    metrics["auc"] = Estimate(*exact.auc(label, score), n=n)
    metrics["brier"] = Estimate(exact.brier(label, score), n=n)
    f1 = metrics["f1"]
    probability = _reached(f1, least_f1)
    metrics["f1"] = Estimate(f1.value, f1.low, f1.high, probability, least_f1, n=n)
    verdict = verdict_of(probability, CERTAINTY)
    accuracy, area = metrics["accuracy"].value or 0.0, metrics["auc"].value or 0.0
    sentence = (
        f"F1 is {f1.value or 0:.3f} [{f1.low:.3f}, {f1.high:.3f}], accuracy {accuracy:.3f}, "
        f"area under the curve {area:.3f}, on {n:,} cases at the threshold {threshold:g}."
    )
    return PerformanceAudit(metrics, verdict, sentence, n)


def _reached(estimate: Estimate, target: float) -> float | None:
    """Probability that the true value reaches the target, normal about the value."""
    from scipy.special import ndtr

    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    spread = (estimate.high - estimate.low) / (2 * 1.96)
    return float(ndtr((estimate.value - target) / spread)) if spread > 0 else float(estimate.value >= target)
