"""The audit of given predictions: a label and an answer a case, classes of any kind or numbers.

Classes are judged label by label (precision, recall, F1) and as a whole; the verdict is on accuracy
against always giving the most frequent label. Numbers are judged by MAE, RMSE and R²; the verdict is on
R² against always giving the mean. Probabilities, where there are any, add AUC, log loss, Brier score and
calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.audits.answers import named, present, refuse_other_terms
from workbench.audits.calibration import CalibrationAudit, audit_calibration
from workbench.audits.verdict import CERTAINTY, HANDFUL, Estimate, Verdict, cases_lacking, verdict_of
from workbench.errors import Misuse
from workbench.stats import classification as exact
from workbench.stats import regression
from workbench.stats.classification import Z
from workbench.stats.paired import Gain, accuracy_gain, mcnemar, mean_gain

Kind = Literal["classes", "numbers"]
MOST_LABELS = 50  # beyond, whole numbers are quantities and texts are no classes
FEW = 20  # distinct whole numbers, up to which they are classes
RULED_OUT = 0.01  # p-value at which a label is not the most frequent


@dataclass(frozen=True)
class PredictionAudit:
    """What predictions are worth."""

    kind: Kind
    metrics: Mapping[str, Estimate]
    by_label: Mapping[str, Mapping[str, Estimate]]  # precision, recall and F1 by label; empty for numbers
    calibration: CalibrationAudit | None
    baseline: float  # accuracy of the most frequent label; for numbers 0, the mean's R²
    more: int | None  # cases that would decide; 0: decided; None: no number within reach
    verdict: Verdict
    sentence: str
    n: int


def kind_of(label: npt.ArrayLike) -> Kind:
    """Whether labels are classes or numbers: texts, truth values and few whole numbers are classes.

    >>> kind_of([0, 1, 1]), kind_of(["a", "b"]), kind_of([0.5, 1.25])
    ('classes', 'classes', 'numbers')
    """
    values = np.asarray(label)
    if values.dtype.kind not in "iuf":
        return "classes"
    distinct = np.unique(values)
    return "classes" if len(distinct) <= FEW and (distinct == np.floor(distinct)).all() else "numbers"


def audit_predictions(
    label: npt.ArrayLike,
    prediction: npt.ArrayLike,
    score: npt.ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    certainty: float = CERTAINTY,
) -> PredictionAudit:
    """Audit answers, one a case.

    Args:
        label: What happened.
        prediction: What was answered, in the label's terms.
        score: Probability of 1, where labels are 0 and 1.
        rng: Source of the bootstrap's draws.
        certainty: Probability from which a thing counts as shown, in (0.5, 1).

    Raises:
        Misuse: The lengths differ, there is no case, a value is missing, answers are in other terms than the
            labels, there are too many labels, or a score is no probability or has labels that are not 0 and 1.
    """
    truth, answer = present(label, "label"), present(prediction, "prediction")
    if len(truth) != len(answer) or not len(truth):
        raise Misuse(f"there are {len(truth)} labels and {len(answer)} predictions; each case needs both")
    if kind_of(truth) == "numbers":
        if score is not None:
            raise Misuse("a score was given, but the labels are numbers", hint="leave the score out")
        return _numbers(truth, answer, certainty)
    refuse_other_terms(truth, answer, "prediction")
    return _classes(truth, answer, score, rng, certainty)


def _classes(
    truth: np.ndarray, answer: np.ndarray, score: npt.ArrayLike | None, rng: np.random.Generator, certainty: float
) -> PredictionAudit:
    names = sorted({*named(truth), *named(answer)})
    if len(names) > MOST_LABELS:
        raise Misuse(f"there are {len(names)} labels; up to {MOST_LABELS} can be told apart", hint="name the label")
    told_truth, told_answer = named(truth), named(answer)
    right, n = told_truth == told_answer, len(truth)
    tables = {each: exact.confusion(told_truth == each, told_answer == each) for each in names}
    by_label = {
        each: {metric: _metric(table, metric, rng) for metric in ("precision", "recall", "f1")}
        for each, table in tables.items()
    }
    baseline = max(int(table[1].sum()) for table in tables.values()) / n
    table = np.array([[int(right.sum()), 0], [n - int(right.sum()), 0]])  # right as true negatives
    value = float(right.mean())
    low, high = exact.confusion_interval(table, "accuracy", rng)
    gain, chance = _against_constants(told_truth, right, {each: int(table[1].sum()) for each, table in tables.items()})
    metrics = {"accuracy": Estimate(value, low, high, chance, baseline, n=n)}
    binary = set(names) <= {"0", "1"}
    if binary and "1" in by_label:
        metrics |= by_label["1"]
    calibration = None
    if score is not None:
        if not binary:
            raise Misuse(f"a score needs labels 0 and 1; there are {', '.join(names[:5])}", hint="leave the score out")
        scores, yes = np.asarray(score, dtype=float), (told_truth == "1").astype(int)
        calibration = audit_calibration(yes, scores)
        for name, found in (
            ("auc", exact.auc(yes, scores)),
            ("log_loss", exact.log_loss(yes, scores)),
            ("brier", exact.brier(yes, scores)),
        ):
            metrics[name] = Estimate(found.value, found.low, found.high, n=n)
        metrics["calibration_error"] = calibration.error
    verdict = verdict_of(chance, certainty, cases=n)
    reach = _reach(gain.low or 0.0, gain.high or 0.0, certainty)
    more = 0 if verdict != "not enough evidence" else cases_lacking(value - baseline, reach, n)
    most = max(tables, key=lambda each: int(tables[each][1].sum()))
    sentence = (
        f"Right in {value:.1%} [{low:.1%}, {high:.1%}] of {n:,} cases; always saying {most} would be in {baseline:.1%}"
    )
    return PredictionAudit(
        "classes", metrics, by_label, calibration, baseline, more, verdict, sentence + _missing(verdict, more), n
    )


def _against_constants(truth: np.ndarray, right: np.ndarray, cases: Mapping[str, int]) -> tuple[Gain, float]:
    """The gain over always giving the most frequent label, case by case, and how surely it is one.

    Which label is the most frequent is known by the same cases: better is what is better than each that may
    be, worse what is surely worse than one of them, told as many times as surely as there are.
    """
    most = max(cases, key=lambda each: cases[each])
    gains = {}
    for each, count in cases.items():
        if each == most or mcnemar(cases[most], count).p_value > RULED_OUT:
            constant = truth == each
            gains[each] = accuracy_gain(int((right & ~constant).sum()), int((constant & ~right).sum()), len(truth))
    chance = min(gain.chance_above or 0.0 for gain in gains.values())
    return gains[most], chance if chance > 0.5 else min(0.5, chance * len(gains))


def _numbers(truth: np.ndarray, answer: np.ndarray, certainty: float) -> PredictionAudit:
    try:
        found = {
            "mae": regression.mae(truth, answer),
            "rmse": regression.rmse(truth, answer),
            "r2": regression.r_squared(truth, answer),
        }
    except ValueError as error:
        raise Misuse(str(error), hint="give one number for each case") from error
    n = len(truth)
    metrics = {name: Estimate(each.value, each.low, each.high, n=n) for name, each in found.items()}
    r2 = metrics["r2"]
    if r2.value is None or r2.low is None or r2.high is None:
        sentence = f"All {n:,} labels are alike, or too few, so that nothing can be said of what is explained."
        return PredictionAudit("numbers", metrics, {}, None, 0.0, None, "not enough evidence", sentence, n)
    reach = _reach(r2.low, r2.high, certainty)
    verdict: Verdict = "pass" if r2.value > reach else "fail" if r2.value < -reach else "not enough evidence"
    around = (truth - truth.mean()) ** 2 * n / (n - 1)
    smaller = mean_gain((truth - answer) ** 2, around).chance_above or 0.0
    if n < HANDFUL or (verdict == "pass" and smaller < certainty):  # the interval's upper side is too sure of itself
        verdict = "not enough evidence"
    more = 0 if verdict != "not enough evidence" else cases_lacking(r2.value, reach, n)
    mae = metrics["mae"]
    ends = "" if mae.low is None else f" [{mae.low:.4g}, {mae.high:.4g}]"
    sentence = (
        f"Off by {mae.value:.4g}{ends} on average over {n:,} cases; "
        f"{r2.value:.1%} [{r2.low:.1%}, {r2.high:.1%}] of the variance is explained, by the mean none"
    )
    return PredictionAudit("numbers", metrics, {}, None, 0.0, more, verdict, sentence + _missing(verdict, more), n)


def _metric(table: npt.NDArray[np.int64], metric: str, rng: np.random.Generator) -> Estimate:
    value, n = exact.confusion_metric(table, metric), int(table[1].sum())
    if np.isnan(value):
        return Estimate(None, n=n)
    return Estimate(value, *exact.confusion_interval(table, metric, rng), n=n)


def _reach(low: float, high: float, certainty: float) -> float:
    """Half an interval, one-sided at this certainty."""
    from statistics import NormalDist

    return (high - low) / 2 / Z * NormalDist().inv_cdf(certainty)


def _missing(verdict: Verdict, more: int | None) -> str:
    if verdict != "not enough evidence":
        return "."
    return f". About {more:,} more cases would tell." if more else ". The two cannot be told apart."
