"""The calibration audit: whether a probability means what it says, by as much as matters.

The verdict is on the root mean square calibration error, freed from what chance adds: *pass* where its
interval ends below the error that matters, *fail* where it begins above. The tests are told beside it;
with many cases they find errors that matter to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from workbench.audits.verdict import HANDFUL, Estimate, Verdict, cases_lacking
from workbench.errors import Misuse
from workbench.stats import calibration as exact

TOLERANCE = 0.05  # calibration error that matters, in probability


@dataclass(frozen=True)
class CalibrationAudit:
    """Probabilities against what happened."""

    curve: exact.Reliability
    error: Estimate  # root mean square calibration error
    plain: exact.Distance  # the expected calibration error as it is usually told, and what chance alone gives
    hosmer_lemeshow: exact.HypothesisTest | None  # None: the bins promise certainty
    spiegelhalter: exact.HypothesisTest | None  # None: every probability is 0, 1 or one half
    tolerance: float
    more: int | None  # cases that would decide; 0: decided; None: no number within reach
    verdict: Verdict
    sentence: str


def audit_calibration(
    label: npt.ArrayLike, score: npt.ArrayLike, *, bins: int = exact.BINS, tolerance: float = TOLERANCE
) -> CalibrationAudit:
    """Audit probabilities on cases that the model has not seen.

    Args:
        label: 0 or 1, one a case.
        score: Probability of 1, one a case, in [0, 1].
        bins: Of about equal size, from 1.
        tolerance: Calibration error that matters, in (0, 1).

    Raises:
        Misuse: A score is no probability, a label is neither 0 nor 1, the lengths differ, or the tolerance
            is outside (0, 1).
    """
    if not 0 < tolerance < 1:
        raise Misuse(f"the tolerance is {tolerance:g}; it must lie in (0, 1)", hint="0.05: five points of probability")
    try:
        curve = exact.reliability(label, score, bins=bins)
    except ValueError as error:
        raise Misuse(str(error), hint="give one label, 0 or 1, and one probability for each case") from error
    n = int(curve.cases.sum())
    found, plain = exact.calibration_error(curve), exact.expected_calibration_error(curve)
    verdict: Verdict = "not enough evidence"
    more: int | None = None
    if found.value is not None and found.low is not None and found.high is not None:
        short = max(0, HANDFUL * len(curve.cases) - n)
        if not short:
            verdict = "pass" if found.high < tolerance else "fail" if found.low > tolerance else verdict
        # the square of the error is what has a symmetric interval
        more = cases_lacking(found.value**2 - tolerance**2, found.high**2 - found.value**2, n)
        more = 0 if verdict != "not enough evidence" else more if more is None else max(more, short)
    estimate = Estimate(found.value, found.low, found.high, target=tolerance, n=n)
    slope = _slope(label, score)
    sentence = _sentence(estimate, plain, slope, verdict, more)
    return CalibrationAudit(curve, estimate, plain, _bins(curve), slope, tolerance, more, verdict, sentence)


def _bins(curve: exact.Reliability) -> exact.HypothesisTest | None:
    certain = (curve.means <= 0) | (curve.means >= 1)
    return None if certain.any() else exact.hosmer_lemeshow(curve)


def _slope(label: npt.ArrayLike, score: npt.ArrayLike) -> exact.HypothesisTest | None:
    try:
        return exact.spiegelhalter(label, score)
    except ValueError:  # its one cause left: no probability says anything
        return None


def _sentence(
    found: Estimate,
    plain: exact.Distance,
    slope: exact.HypothesisTest | None,
    verdict: Verdict,
    more: int | None,
) -> str:
    if found.value is None:
        return "There are too few cases to say anything of calibration."
    told = f"Probabilities are off by {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    lean = ""
    if slope is not None and slope.p_value < 0.05:
        lean = ", too sure of themselves" if slope.statistic > 0 else ", too cautious"
    judged = {
        "pass": f"; that is less than {found.target:g}, which would matter",
        "fail": f"; {found.target:g} would matter",
        "not enough evidence": f"; whether by less than {found.target:g} is open"
        + (f", about {more:,} more cases would tell" if more else ""),
    }[verdict]
    return f"{told}{lean}{judged} (plain calibration error {plain.value:.3f}, of which chance gives {plain.floor:.3f})."
