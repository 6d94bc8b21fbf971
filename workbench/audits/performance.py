"""The performance audit: how good a version's answers are, with intervals, and against saying always yes.

Where most labels are positive, saying yes to everybody has a high F1; the audit states it beside the
version's own, so that a high number is not taken for a good model. The area under the curve has no such
trap: guessing has 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.audits.verdict import CERTAINTY, Estimate, Verdict, cases_lacking, verdict_of
from workbench.errors import Misuse
from workbench.stats import classification as exact
from workbench.stats.calibration import calibration_error, reliability

LEAST_F1 = 0.8  # what the verdict asks for; the gate's own limit stands in the policy


@dataclass(frozen=True)
class PerformanceAudit:
    """Metrics of one version on labelled cases."""

    metrics: Mapping[str, Estimate]  # accuracy, precision, recall, f1, auc, brier, log_loss, calibration_error
    confusion: tuple[int, int, int, int]  # true negatives, false positives, false negatives, true positives
    always_yes: Mapping[str, float]  # accuracy and f1 of approving every case
    verdict: Verdict  # on F1
    sentence: str
    threshold: float
    n: int
    more: int | None  # cases that would decide; 0: decided; None: no number within reach


def audit_performance(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    threshold: float,
    *,
    rng: np.random.Generator,
    least_f1: float = LEAST_F1,
    certainty: float = CERTAINTY,
) -> PerformanceAudit:
    """Audit scores against labels at an operating threshold.

    Args:
        label: 0 or 1, one a case.
        score: Probability of 1, one a case, in [0, 1].
        threshold: The answer is yes from this score on, in [0, 1].
        rng: Source of the bootstrap's draws.
        least_f1: What the verdict on F1 asks for, in [0, 1].
        certainty: Probability from which it counts as shown, in (0.5, 1).

    Raises:
        Misuse: A score or the threshold is no number in [0, 1], the lengths differ, or a label is neither 0 nor 1.
    """
    scores = np.asarray(score, dtype=float)
    if scores.ndim != 1 or not len(scores) or not ((scores >= 0) & (scores <= 1)).all():
        raise Misuse("a score is no number in [0, 1]; it must be the probability of yes")
    if not 0 <= threshold <= 1:
        raise Misuse(f"the threshold is {threshold}; it must lie in [0, 1]")
    try:
        counts = exact.confusion(label, scores >= threshold)
        metrics = {name: _estimate(counts, name, rng) for name in exact.METRICS}
        for name, found in (
            ("auc", exact.auc(label, scores)),
            ("brier", exact.brier(label, scores)),
            ("log_loss", exact.log_loss(label, scores)),
            ("calibration_error", calibration_error(reliability(label, scores))),
        ):
            metrics[name] = Estimate(found.value, found.low, found.high, n=len(scores))
    except ValueError as error:
        raise Misuse(str(error), hint="give one label, 0 or 1, and one score for each case") from error
    f1 = metrics["f1"]
    if f1.value is not None and f1.low is not None:
        chance = exact.confusion_chance(counts, "f1", least_f1)
        needed = least_f1 + f1.value - f1.low
        metrics["f1"] = Estimate(f1.value, f1.low, f1.high, chance, least_f1, needed if needed <= 1 else None, f1.n)
    f1 = metrics["f1"]
    verdict = verdict_of(f1.probability, certainty, cases=len(scores))
    more: int | None = 0
    if verdict == "not enough evidence":
        known = f1.value is not None and f1.low is not None
        more = cases_lacking(f1.value - least_f1, f1.value - f1.low, len(scores)) if known else None  # type: ignore[operator]
    positive = float(counts[1].sum() / counts.sum())
    always = {"accuracy": positive, "f1": 2 * positive / (1 + positive)}
    tn, fp, fn, tp = (int(count) for count in counts.ravel())
    sentence = _sentence(metrics, always, threshold, len(scores))
    return PerformanceAudit(metrics, (tn, fp, fn, tp), always, verdict, sentence, threshold, len(scores), more)


def _estimate(counts: npt.NDArray[np.int64], name: str, rng: np.random.Generator) -> Estimate:
    value, n = exact.confusion_metric(counts, name), int(counts.sum())
    return (
        Estimate(None, n=n) if np.isnan(value) else Estimate(value, *exact.confusion_interval(counts, name, rng), n=n)
    )


def _sentence(metrics: Mapping[str, Estimate], always: Mapping[str, float], threshold: float, n: int) -> str:
    f1, area = metrics["f1"], metrics["auc"]
    if f1.value is None or area.value is None:
        return f"Of {n:,} cases, one kind of label or answer is missing, so that nothing can be said of performance."
    ranks = f"AUC {area.value:.3f}" + (f" [{area.low:.3f}, {area.high:.3f}]" if area.low is not None else "")
    return (
        f"At a threshold of {threshold:g}, F1 is {f1.value:.3f} [{f1.low:.3f}, {f1.high:.3f}] on {n:,} cases; "
        f"saying yes to all has {always['f1']:.3f}. {ranks}, accuracy {metrics['accuracy'].value:.3f}."
    )
