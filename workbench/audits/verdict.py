"""Three verdicts, never two: what is shown, what is refuted, and what is not known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "fail", "not enough evidence"]

CERTAINTY = 0.95  # probability from which a thing counts as shown


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


def verdict_of(probability: float | None, certainty: float = CERTAINTY) -> Verdict:
    """What a probability of meeting a target amounts to.

    >>> [verdict_of(p) for p in (0.99, 0.5, 0.01, None)]
    ['pass', 'not enough evidence', 'fail', 'not enough evidence']
    """
    if probability is None or 1 - certainty < probability < certainty:
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
