"""A bandit's state as JSON, and back: versioned, every field checked, nothing executed.

>>> from_json('{"format": "workbench.bandit/0"}')
Traceback (most recent call last):
    ...
workbench.errors.Misuse: this is no bandit's state of the form workbench.bandit/1
hint: make one with `workbench bandit init`
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import Leaf
from workbench.experiments.bandits.state import BanditDesign, BanditState, Cell
from workbench.experiments.state_file import StateFile
from workbench.stats.bandits import Tally

FORMAT = "workbench.bandit/1"
HINT = "make one with `workbench bandit init`"
FIELDS = {"format", "design", "day", "rows", "sources", "cells"}
DESIGN = {field.name for field in fields(BanditDesign)}
NUMBERS: dict[str, tuple[type, ...]] = {
    "floor": (int, float),
    "half_life": (int, float, type(None)),
    "window": (int, type(None)),
    "borrow": (int, float),
}


def state_file(path: Path) -> StateFile[BanditState]:
    """The file in which a bandit is kept."""
    return StateFile(path, from_json, "the bandit's state", HINT)


def to_json(state: BanditState) -> str:
    """The state as text; numbers keep all their digits."""
    design = asdict(state.design) | {
        "leaves": [{"leaf": leaf.name, "condition": dict(leaf.condition)} for leaf in state.design.leaves]
    }
    body = {
        "format": FORMAT,
        "design": design,
        "day": state.day.isoformat() if state.day else None,
        "rows": state.rows,
        "sources": list(state.sources),
        "cells": [{**cell._asdict(), **tally._asdict()} for cell, tally in state.cells.items()],
    }
    return json.dumps(body, indent=1, ensure_ascii=False)


def from_json(text: str) -> BanditState:
    """The state that a text tells of.

    Raises:
        Misuse: The text is no such state, or its evidence does not fit its design.
    """
    body = _loaded(text, "the bandit's state", HINT)
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise Misuse(f"this is no bandit's state of the form {FORMAT}", hint=HINT)
    _same(set(body), FIELDS, "the state")
    _kind(body["rows"], (int,), "rows")
    _texts(body["sources"], "sources")
    day = None if body["day"] is None else _day(body["day"])
    design = _design(body["design"])
    cells = dict(_cell(design, one) for one in _list(body["cells"], "cells"))
    if len(cells) != len(body["cells"]) or (cells and day is None) or body["rows"] < 0:
        raise Misuse("the state's cells, day and rows do not belong together", hint=HINT)
    return BanditState(design, cells, day, body["rows"], tuple(body["sources"]))


def leaves_from_json(text: str) -> tuple[Leaf, ...]:
    """Leaves from text: a list of `{"leaf": NAME, "condition": {…}}`.

    Raises:
        Misuse: It is no such list.

    >>> leaves_from_json('[{"leaf": "eu", "condition": {"region": {"$in": ["DE", "FR"]}}}]')[0].name
    'eu'
    """
    return _leaves(_loaded(text, "the list of leaves"))


def _design(body: Any) -> BanditDesign:
    if not isinstance(body, dict):
        raise Misuse(f"the design is {type(body).__name__}; it must be an object", hint=HINT)
    _same(set(body), DESIGN, "the design")
    for name in ("name", "reward", "better", "rule"):
        _kind(body[name], (str,), name)
    for name, kinds in NUMBERS.items():
        _kind(body[name], kinds, name)
    _texts(body["arms"], "arms")
    return BanditDesign(**{**body, "arms": tuple(body["arms"]), "leaves": _leaves(body["leaves"])})


def _leaves(body: Any) -> tuple[Leaf, ...]:
    found = []
    for one in _list(body, "leaves"):
        if not isinstance(one, dict):
            raise Misuse(f"a leaf is {one!r}; it must be an object")
        _same(set(one), {"leaf", "condition"}, "a leaf")
        found.append(Leaf(one["leaf"], one["condition"]))
    return tuple(found)


def _loaded(text: str, what: str, hint: str = "") -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Misuse(f"{what} is no JSON: {error}", hint=hint) from error


def _cell(design: BanditDesign, one: Any) -> tuple[Cell, Tally]:
    if not isinstance(one, dict):
        raise Misuse(f"a cell is {one!r}; it must be an object", hint=HINT)
    _same(set(one), {*Cell._fields, *Tally._fields}, "a cell")
    _kind(one["day"], (int,), "a cell's day")
    for name in Tally._fields:
        _kind(one[name], (int, float), f"a cell's {name}")
    cell = Cell(one["leaf"], one["arm"], one["day"])
    tally = Tally(*(float(one[name]) for name in Tally._fields))
    if cell.leaf not in design.names or cell.arm not in design.arms:
        raise Misuse(f"the state has evidence of {cell.arm!r} in leaf {cell.leaf!r}, which its design does not know")
    if min(tally.n, tally.m2, tally.positive, tally.m2_log) < 0 or tally.positive > tally.n * (1 + 1e-9):
        raise Misuse(f"the tally of {cell.arm!r} in leaf {cell.leaf!r} cannot be: {tally}", hint=HINT)
    return cell, tally


def _same(got: set[str], needed: set[str], what: str) -> None:
    if got != needed:
        odd = f"lacks {', '.join(sorted(needed - got))}" if needed - got else f"has {', '.join(sorted(got - needed))}"
        raise Misuse(f"{what} {odd}; its fields are {', '.join(sorted(needed))}", hint=HINT)


def _kind(value: Any, kinds: tuple[type, ...], what: str) -> None:
    number = isinstance(value, int | float)
    if type(value) not in kinds or (number and not math.isfinite(value)):
        raise Misuse(f"{what} is {value!r}; it must be a {' or '.join(kind.__name__ for kind in kinds)}", hint=HINT)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Misuse(f"{what} is {type(value).__name__}; it must be a list", hint=HINT)
    return value


def _texts(value: Any, what: str) -> None:
    for one in _list(value, what):
        _kind(one, (str,), f"one of {what}")


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Misuse(f"the day is {text!r}; it must be like 2026-01-31", hint=HINT) from error
