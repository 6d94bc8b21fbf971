"""Three verdicts, never two: what is shown, what is refuted, and what is not known yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "fail", "not enough evidence"]

CERTAINTY = 0.95  # probability from which a thing counts as shown
HANDFUL = 15  # cases, below which nothing counts as shown
MOST = 1000  # times the cases now, beyond which no more are asked for


@dataclass(frozen=True)
class Estimate:
    """One number with what is known about it."""

    value: float | None  # None: undefined
    low: float | None = None  # 95 % interval
    high: float | None = None
    probability: float | None = None  # that the true value meets the target, in [0, 1]
    target: float | None = None
    needed: float | None = None  # the value that would be enough at this precision
    n: int | None = None  # cases behind it


def verdict_of(probability: float | None, certainty: float = CERTAINTY, *, cases: int = HANDFUL) -> Verdict:
    """What a probability of meeting a target amounts to; of a handful of cases, nothing.

    >>> [verdict_of(p) for p in (0.99, 0.5, 0.01, None)]
    ['pass', 'not enough evidence', 'fail', 'not enough evidence']
    >>> verdict_of(0.99, cases=3)
    'not enough evidence'
    """
    if probability is None or cases < HANDFUL or 1 - certainty < probability < certainty:
        return "not enough evidence"
    return "pass" if probability >= certainty else "fail"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict on all of them together.

    >>> worst(["pass", "not enough evidence"])
    'not enough evidence'
    """
    for verdict in ("fail", "not enough evidence"):
        if verdict in verdicts:
            return verdict
    return "pass" if verdicts else "not enough evidence"


def more_cases(distance: float, reach: float, n: int) -> int | None:
    """Cases to add until an interval that shrinks with the root of n no longer reaches the target.

    Args:
        distance: Of the value from the target.
        reach: From the value to the end of its interval, on the target's side.
        n: Cases now.

    Returns:
        0: none are lacking; None: no number that is within reach (a thousand times those now).

    >>> more_cases(0.01, 0.02, 100), more_cases(0.02, 0.01, 100), more_cases(0.0, 0.1, 100)
    (300, 0, None)
    """
    if abs(distance) >= reach:
        return 0
    if abs(distance) * MOST**0.5 < reach:
        return None
    return math.ceil(n * (reach / distance) ** 2) - n


def cases_lacking(distance: float, reach: float, n: int) -> int | None:
    """The same where the verdict is open: one at least, and as many as make more than a handful.

    >>> cases_lacking(0.5, 0.1, 3), cases_lacking(0.01, 0.02, 100)
    (12, 300)
    """
    more = more_cases(distance, reach, n)
    return None if more is None else max(more, HANDFUL - n, 1)
