"""What a text after `--sweep NAME=` stands for: the values of one parameter, by its declared type.

    1,2,3                       values; a text with commas in it goes into a JSON list
    0.1:0.5:5                   five numbers from 0.1 to 0.5, both included
    2026-01-01:2026-03-01:3     three days, both ends included
    a,b;c                       two lists, for a parameter that is a list; or JSON: [["a", "b"], ["c"]]

Numbers are spaced by exact fractions of what was written: 0.1:0.5:5 gives 0.3, not 0.30000000000000004.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from workbench.batch.kinds import Kind, cut

MOST_RUNS = 10_000  # in one sweep: more is told to be a mistake before it fills a disk
NUMBER = r"[+-]?\d{1,20}(?:\.\d{0,20})?(?:e[+-]?\d{1,2})?"  # no exponent that a fraction would choke on
DAY = r"\d{4}-\d{2}-\d{2}"
SPAN = re.compile(rf"\s*({NUMBER}|{DAY})\s*:\s*({NUMBER}|{DAY})\s*:\s*(\d{{1,9}})\s*", re.IGNORECASE)
SPACED = {"int", "float", "date"}  # what start:stop:count is read for


def spread(kind: Kind, text: str) -> list[Any]:
    """The values that a text stands for; texts among them are still to be read by the type.

    Args:
        kind: The parameter's type.
        text: As it was given.

    Raises:
        ValueError: It stands for none; the message says why.

    >>> spread(Kind("float"), "0.1:0.5:5"), spread(Kind("int"), "1,10:30:3")
    ([0.1, 0.2, 0.3, 0.4, 0.5], ['1', 10, 20, 30])
    >>> spread(Kind("str", listed=True), "a,b;c"), spread(Kind("str"), '["x, y", "z"]')
    (['a,b', 'c'], ['x, y', 'z'])
    """
    if not text.strip():
        raise ValueError("it names no value")
    found = _as_json(kind, text)
    if found is not None:
        return found
    parts = [part.strip() for part in text.split(";" if kind.listed else ",")]
    if "" in parts:
        raise ValueError(f'{cut(text)!r} leaves a value out; for an empty text write JSON, e.g. ["", "a"]')
    if kind.listed or kind.leaf not in SPACED:
        return list(parts)
    return [value for part in parts for value in (_spaced(kind, part) if ":" in part else [part])]


def _as_json(kind: Kind, text: str) -> list[Any] | None:
    """The values of a JSON list; None where the text is none.

    Raises:
        ValueError: It begins like one and cannot be read, or is empty.
    """
    if not text.strip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if kind.listed:
            return None  # ["a"];["b"]: each part is one value
        raise ValueError(f"{cut(text)!r} is no JSON list: {error}") from error
    if kind.listed and not all(isinstance(item, list) for item in found):
        return None  # ["a", "b"]: one value, which is a list
    if not found:
        raise ValueError("it names no value")
    return list(found)


def _spaced(kind: Kind, text: str) -> list[Any]:
    """Evenly spaced values from start to stop, both included.

    Raises:
        ValueError: The text is no start:stop:count, or whole numbers or days do not come out whole.
    """
    found = SPAN.fullmatch(text)
    example = "2026-01-01:2026-03-01:3" if kind.leaf == "date" else "0.1:0.5:5"
    days = found is not None and [bool(re.fullmatch(DAY, found[side])) for side in (1, 2)]
    if found is None or days != [kind.leaf == "date"] * 2:
        raise ValueError(f"{cut(text)!r} is no start:stop:count, e.g. {example}")
    count = int(found[3])
    if not 1 <= count <= MOST_RUNS:
        raise ValueError(f"{cut(text)!r} asks for {count} values; it must be 1 to {MOST_RUNS:,}")
    start, stop = (Fraction(date.fromisoformat(end).toordinal() if days[0] else end) for end in (found[1], found[2]))
    if count == 1 and start != stop:
        raise ValueError(f"{cut(text)!r} asks for one value between two ends; ask for 2 or more")
    step = (stop - start) / max(count - 1, 1)
    values = [start + place * step for place in range(count)]
    if kind.leaf == "float":
        return [float(value) for value in values]
    if any(value.denominator != 1 for value in values):
        what = "days" if kind.leaf == "date" else "numbers"
        raise ValueError(f"{cut(text)!r} gives steps of {float(step):g}; {what} must come out whole")
    if kind.leaf == "int":
        return [int(value) for value in values]
    return [date.fromordinal(1) + timedelta(int(value) - 1) for value in values]
