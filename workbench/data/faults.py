"""What a scan's answer says is wrong with the data: refused in words, before a number is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from workbench.data.cells import in_order
from workbench.data.refused import RESCALE
from workbench.data.sources import Answer
from workbench.data.statements import NONE, Plan
from workbench.errors import Misuse
from workbench.stats.moments import Logs, Moments

LARGEST = 1e60  # of a unit's number: its fourth power is a number still
SMALLEST = 1e-60


def refuse_faults(plan: Plan, answer: Answer, *, texts: bool = False) -> None:
    """Say clearly what a silent aggregate would have swallowed.

    Args:
        plan: What was asked.
        answer: What a table answered to it.
        texts: Whether the column of the day holds texts.

    Raises:
        Misuse: An arm that is needed is not there; a value, arm or name is missing; a unit or cluster is
            in two places; or a segment or day means two things.
    """
    if not answer["n"]:
        raise Misuse("the data has no row in these arms", hint="look at the arm column's values")
    arms = sorted({arm for arm in answer["arm"] if arm is not None})
    if absent := [arm for arm in plan.needed if arm not in arms]:
        raise Misuse(f"arm {absent[0]!r} is not in the data", hint=f"the arms are: {', '.join(arms)}")
    what = "unit" if plan.unit is not None else "row"
    if found := _count(answer["unnamed"]):
        lack = "arm or cluster, on some row at least, or no name" if plan.cluster else "arm or no name"
        raise Misuse(f"{_many(found, what, 'has', 'have')} no {lack}", hint="fill these columns, or drop such rows")
    if plan.unit is not None and (found := _count(answer["split"])):
        raise Misuse(
            f"{_many(found, what, 'is', 'are')} in more than one arm, segment or cluster",
            hint="drop them, and find out why assignment was not kept",
        )
    for j, measure in enumerate(plan.measures):
        if found := _count(answer[f"fault{j}"]):
            refuse_missing(found, what, measure.column)
    if plan.cluster is not None and (found := int(answer["torn"][0])):
        raise Misuse(
            f"{_many(found, 'cluster', 'lies', 'lie')} in more than one arm",
            hint="clusters are what was drawn for an arm; leave the column out if single units were drawn",
        )
    _refuse_names(plan, answer, texts=texts)


def refuse_missing(count: int, what: str, column: str) -> NoReturn:
    """Refuse units or rows (`what` is one of them) without a number.

    Raises:
        Misuse: Always.
    """
    raise Misuse(
        f"{_many(count, what, 'has', 'have')} no finite number in {column!r}",
        hint="a missing value is no zero: fill or drop such rows before the scan",
    )


def refuse_scale(plan: Plan, units: Moments, logs: Logs) -> None:
    """Refuse numbers so large or small that their squares are none.

    Raises:
        Misuse: A measure's mean and spread are above 1e60 or below 1e-60, and not all zero.
    """
    with np.errstate(over="ignore"):
        variance = np.diagonal(units.scatter, axis1=1, axis2=2) / units.n[:, None]
    sizes = np.maximum(np.abs(units.mean), np.sqrt(variance)).max(axis=0)
    for j, measure in enumerate(plan.measures):
        size, signed = float(sizes[j]), bool(logs.n[:, j].any())
        if not np.isfinite(size) or size > LARGEST or (size < SMALLEST and (size > 0 or signed)):
            much = "small" if size < SMALLEST else "large"
            raise Misuse(f"the numbers in {measure.column!r} are too {much} to be squared", hint=RESCALE)


def _refuse_names(plan: Plan, answer: Answer, *, texts: bool) -> None:
    """Refuse keys that would be read as what they are not.

    Raises:
        Misuse: Missing segments and a value that is spelled like them, or days that are numbers but sorted as texts.
    """
    for i, column in enumerate(plan.segments):
        rows = zip(answer[f"s{i}"], answer["lines"], answer[f"blank{i}"], strict=True)
        blank = [(int(lines), int(lost)) for value, lines, lost in rows if value == NONE]
        if 0 < sum(lost for _, lost in blank) < sum(lines for lines, _ in blank):
            raise Misuse(
                f"{column!r} is missing on some rows and {NONE!r} on others, which is how missing ones are called",
                hint=f"fill the missing ones, or write something else for {NONE!r}",
            )
    days = {day for day in answer["day"] if day != NONE}
    if plan.unit is not None and texts and tuple(sorted(days)) != in_order(days):
        raise Misuse(
            f"the days in {plan.day!r} are texts, whose first is not the first day: {', '.join(sorted(days)[:4])}, …",
            hint="give the column as whole numbers or dates",
        )


def _count(faults: Sequence[Any]) -> int:
    return sum(int(n) for n in faults)


def _many(count: int, what: str, one: str, many: str) -> str:
    """So many of something, with the verb that goes with them.

    >>> _many(1, "row", "has", "have"), _many(2, "row", "has", "have")
    ('1 row has', '2 rows have')
    """
    return f"{count} {what} {one}" if count == 1 else f"{count} {what}s {many}"
