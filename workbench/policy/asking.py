"""What a policy asks of people: its rule `people`, read strictly.

A policy says `people := {"approvals": 2, "roles": ["approver"], "hours": 72, "message": "…"}`. What is spelled
otherwise asks nothing of anybody: it is an error, and an error is a denial.

>>> asked_of({"approvals": 2, "roles": ["approver"], "hours": 72, "message": "many people are concerned"}).asked
'2 approvals by approver, at most 72 hours old'
>>> asked_of({"approvals": 0, "roles": ["approver"], "message": "nobody need look"})
'approvals is 0; it must be a whole number from 1 to 100'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.policy.decision import People

NEEDED, OPTIONAL = ("approvals", "roles", "message"), ("hours",)
MOST_APPROVALS = 100


def asked_of(value: Any) -> People | str:
    """What the rule's value asks for, or what is wrong with it, in a sentence."""
    if not isinstance(value, Mapping):
        return f"it is a {type(value).__name__}; it must be an object"
    missing = [name for name in NEEDED if name not in value]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    unknown = sorted(str(name) for name in value if name not in {*NEEDED, *OPTIONAL})
    if unknown:
        return f"it has {unknown[0]!r}; it may have {', '.join((*NEEDED, *OPTIONAL))}"
    approvals, roles, hours, why = value["approvals"], value["roles"], value.get("hours"), value["message"]
    if not isinstance(approvals, int) or isinstance(approvals, bool) or not 1 <= approvals <= MOST_APPROVALS:
        return f"approvals is {approvals!r}; it must be a whole number from 1 to {MOST_APPROVALS}"
    if not isinstance(roles, list | tuple) or not roles or not all(isinstance(r, str) and r.strip() for r in roles):
        return f"roles is {roles!r}; it must be a list of names that is not empty"
    if hours is not None and not _lasts(hours):
        return f"hours is {hours!r}; it must be a number above 0, or null"
    if not isinstance(why, str) or not why.strip():
        return f"message is {why!r}; it must be a sentence"
    return People(approvals, tuple(sorted(set(roles))), None if hours is None else float(hours), why)


def _lasts(hours: Any) -> bool:
    return isinstance(hours, int | float) and not isinstance(hours, bool) and math.isfinite(hours) and hours > 0
