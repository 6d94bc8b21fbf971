"""Shares as people read them in what the watch and a canary say."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share as people read it.

    >>> print(percent(0.05), percent(0.125), percent(0.0004), sep=", ")
    5\u00a0%, 12.5\u00a0%, 0.04\u00a0%
    """
    return f"{100 * share:.3g}\u00a0%"
