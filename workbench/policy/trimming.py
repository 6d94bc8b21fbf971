r"""The part of an input that a policy's text can read: the rest costs an engine time and turns no answer.

The text is read for paths: `input.a.b`, `input["a"].b`, `input.evidence[kind].digest` (whatever `kind` is),
`object.get(input.a, "b", …)`, `object.keys(input.a)` and `some key, _ in input.a`. Where a path ends, everything
below it is kept; where the text does anything else with `input`, all is kept. So what is kept may be too much and
is never too little. Decisions are made and recorded on the whole input; only where very many are weighed are
engines asked about the part.

>>> read = reads("package m\nallow if input.evidence[kind].age_days < 30")
>>> read.part({"evidence": {"drift": {"age_days": 3, "sentence": "long"}}, "why": "because"})
{'evidence': {'drift': {'age_days': 3}}}
>>> reads("package m\nallow if count(input) > 1").part({"why": "because"})
{'why': 'because'}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from workbench.policy.source import without_comments

TEXT = r'"(?:\\.|[^"\\\n])*"'
INPUT = re.compile(rf"{TEXT}|`[^`]*`|(?<![\w.])input(?!\w)")
NAMED = re.compile(rf"\.([A-Za-z_]\w*)|\[({TEXT})\]")
STEP = rf"(?:{TEXT}|[A-Za-z_]\w*)"
TAKEN = re.compile(rf",\s*(?:({TEXT})|\[\s*({STEP}(?:\s*,\s*{STEP})*)\s*,?\s*\])\s*,")  # the steps of object.get
GET = re.compile(r"(?<![\w.])object\.get\(\s*$")
KEYS = re.compile(r"(?<![\w.])(?:object\.keys\(\s*|some\s+\w+\s*,\s*_\s+in\s+)$")
KEYS_ALONE = re.compile(r"\s*\)|(?!\s*[|&+\-*/%<>=!.,:\[({\w])|\s*\n\s*[a-z]")  # nothing more is done with them
IS_NULL = re.compile(r"(?:,\s*null\s*\))?\s*[!=]=\s*null\b")  # whether it is null: an object is none, whatever is in it
STEPS = re.compile(STEP)
LOOK_BACK = 80  # characters before a path in which the function that takes it may stand
ANY = None  # a step by a key that the text does not name

Step = str | None


@dataclass
class Reads:
    """What is read of a value, as a tree of keys."""

    whole: bool = False  # it, and everything below
    keys: bool = False  # which keys it has
    steps: dict[Step, Reads] = field(default_factory=dict)

    def part(self, value: Any) -> Any:
        """The part of a value that is read; what is no object stays as it is."""
        return _part(self._plan, value)

    @cached_property
    def _plan(self) -> _Plan:
        return _planned([self])


def reads(*sources: str) -> Reads:
    """What the texts of some policies can read of their input, taken together."""
    found = Reads()
    for source in sources:
        code = without_comments(source)
        for place in INPUT.finditer(code):
            if place[0] == "input":
                _add(found, code, place.start(), place.end())
    return found


def _add(at: Reads, code: str, start: int, end: int) -> None:
    while True:
        named = NAMED.match(code, end)
        if named:
            step, end = named[1] or json.loads(named[2]), named.end()
        elif code.startswith("[", end):
            step, end = ANY, _closed(code, end)
        else:
            break
        at = at.steps.setdefault(step, Reads())
    before = code[max(0, start - LOOK_BACK) : start]
    if KEYS.search(before) and KEYS_ALONE.match(code, end):
        at.keys = True
        return
    taken = TAKEN.match(code, end) if GET.search(before) else None
    for text in STEPS.findall(taken[0]) if taken else ():
        at = at.steps.setdefault(json.loads(text) if text.startswith('"') else ANY, Reads())
    at.whole = at.whole or IS_NULL.match(code, taken.end() - 1 if taken else end) is None


def _closed(code: str, start: int) -> int:
    """Where a bracket ends that opens at a place; what stands in it is read on its own."""
    depth = 0
    for found in re.finditer(rf"{TEXT}|`[^`]*`|[\[\]]", code[start:]):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if depth == 0:
            return start + found.end()
    return len(code)


class _Plan(NamedTuple):
    """What is kept of a value, and of what is below."""

    whole: bool
    named: dict[str, _Plan]  # of these keys
    other: _Plan | None  # of any other; None: nothing


def _planned(read: list[Reads]) -> _Plan:
    every = [one.steps[ANY] for one in read if ANY in one.steps]
    known = bool(every) or any(one.keys for one in read)
    names = {name for one in read for name in one.steps if name is not ANY}
    return _Plan(
        any(one.whole for one in read),
        {name: _planned([*every, *(one.steps[name] for one in read if name in one.steps)]) for name in names},
        _planned(every) if known else None,
    )


def _part(plan: _Plan, value: Any) -> Any:
    if plan.whole or not isinstance(value, Mapping):
        return value
    named, other = plan.named, plan.other
    if other is None:
        return {name: _part(below, value[name]) for name, below in named.items() if name in value}
    return {name: _part(named.get(name, other), below) for name, below in value.items()}
