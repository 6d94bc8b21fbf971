"""Whether a share of cases stays at or below a limit, and how many more cases would settle it.

>>> chance_within(0, 100, 0.05).__round__(4), cases_to_settle(0, 20, 0.05, certainty=0.95)
(0.9987, 18)
"""

from __future__ import annotations

from scipy import special

HALF = 0.5  # Jeffreys' prior
MOST = 1000  # times the cases at hand, beyond which nobody waits


def chance_within(broken: int, cases: int, limit: float) -> float:
    """Probability that the true share is at or below the limit, with Jeffreys' prior.

    Args:
        broken: Cases that break the rule.
        cases: Cases seen.
        limit: The largest share allowed, in (0, 1).

    Raises:
        ValueError: More are broken than were seen, or the limit is not in (0, 1).

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16.

    >>> round(chance_within(5, 100, 0.05), 3)
    0.472
    """
    if not 0 <= broken <= cases:
        raise ValueError(f"{broken} of {cases} cases are broken; it must lie between 0 and the number of cases")
    if not 0 < limit < 1:
        raise ValueError(f"limit is {limit}; it must lie in (0, 1)")
    return float(special.betainc(broken + HALF, cases - broken + HALF, limit))


def cases_to_settle(broken: int, cases: int, limit: float, *, certainty: float) -> int | None:
    """How many more cases would show on which side of the limit the share lies, if it stays as it is.

    Args:
        broken: Cases that break the rule.
        cases: Cases seen, above zero.
        limit: The largest share allowed, in (0, 1).
        certainty: Probability that counts as shown, in (0.5, 1).

    Returns:
        Cases beyond the present, 0 where it is settled; None where a thousand times as many would not do.
    """

    def settled(number: float) -> bool:
        bad = broken / cases * number
        chance = float(special.betainc(bad + HALF, number - bad + HALF, limit))
        return not 1.0 - certainty < chance < certainty

    if settled(cases):
        return 0
    low, high = float(cases), float(MOST * cases)
    if not settled(high):
        return None
    while high - low > max(0.5, 0.01 * low):
        middle = (low + high) / 2.0
        low, high = (low, middle) if settled(middle) else (middle, high)
    return int(-(-(high - cases) // 1))
