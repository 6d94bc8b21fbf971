"""The types a notebook's parameter may have: what values and texts fit, in which range, and as JSON Schema.

A text is read as the command line gives it: "0.1", "yes", "2026-01-31", "a,b" or '["a", "b"]' for a
list, "none" for nothing. What does not fit is a ValueError that says what is needed.

>>> share = Kind("float", listed=True, bounds={"gt": 0, "lt": 1})
>>> share.read("0.1, 0.2")
[0.1, 0.2]
>>> share.needed
'a list, each a number in (0, 1)'
"""

from __future__ import annotations

import json
import math
import numbers
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePath
from typing import Any

NONE = "none"  # the text for nothing
LARGEST = 2**63  # whole numbers stay below it, so that every store can keep them
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "date": "a date like 2026-01-31",
    "Path": "a path",
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "Path": {"type": "string", "format": "path"},
}
LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
HOLDS: dict[str, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


@dataclass(frozen=True)
class Kind:
    """One type: a plain one or a choice of options, perhaps listed, perhaps optional, perhaps in a range."""

    leaf: str  # "int", "float", "str", "bool", "date", "Path" or "Literal"
    options: tuple[Any, ...] = ()  # of a Literal
    listed: bool = False
    optional: bool = False
    bounds: Mapping[str, float] = field(default_factory=dict)  # of gt, ge, lt, le

    @property
    def range(self) -> str:
        """The allowed range in words, e.g. "in (0, 1)", or an empty text."""
        gt, ge, lt, le = (self.bounds.get(name) for name in ("gt", "ge", "lt", "le"))
        low, high = gt if gt is not None else ge, lt if lt is not None else le
        if low is not None and high is not None:
            return f"in {'(' if gt is not None else '['}{low:g}, {high:g}{')' if lt is not None else ']'}"
        if low is not None:
            return f"{'above' if gt is not None else 'at least'} {low:g}"
        return f"{'below' if lt is not None else 'at most'} {high:g}" if high is not None else ""

    @property
    def needed(self) -> str:
        """What a value must be, in words."""
        one = "one of " + ", ".join(str(option) for option in self.options) if self.options else WORDS[self.leaf]
        words = " ".join(part for part in ("a list, each" if self.listed else "", one, self.range) if part)
        return f"{words}, or {NONE}" if self.optional else words

    def read(self, value: Any) -> Any:
        """The value of this type that a value or a text stands for.

        Raises:
            ValueError: It stands for none; the message says what it must be.
        """
        try:
            if self.optional and (value is None or (isinstance(value, str) and value.strip().lower() == NONE)):
                return None
            return [self._item(item) for item in _items(value)] if self.listed else self._item(value)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(self.needed) from error

    @property
    def schema(self) -> dict[str, Any]:
        """The type as JSON Schema."""
        one = {"enum": list(self.options)} if self.options else dict(SCHEMAS[self.leaf])
        one |= {LIMITS[name]: limit for name, limit in self.bounds.items()}
        whole = {"type": "array", "items": one} if self.listed else one
        return {"anyOf": [whole, {"type": "null"}]} if self.optional else whole

    def _item(self, value: Any) -> Any:
        if self.options:
            return _option(value, self.options)
        read = READERS[self.leaf](value)
        if not all(HOLDS[name](read, limit) for name, limit in self.bounds.items()):
            raise ValueError(f"{read} is outside")
        return read


def plain(value: Any) -> Any:
    """A parameter's value as JSON."""
    if isinstance(value, date | PurePath):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def source(value: Any) -> str:
    """A parameter's value as Python, given that `date` and `Path` are imported.

    >>> source([date(2026, 1, 31), None])
    '[date(2026, 1, 31), None]'
    """
    if isinstance(value, list):
        return f"[{', '.join(source(item) for item in value)}]"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    return f"Path({str(value)!r})" if isinstance(value, PurePath) else repr(value)


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")] if text else []
    if not isinstance(value, list | tuple):
        raise TypeError("no list")
    return list(value)


def _option(value: Any, options: tuple[Any, ...]) -> Any:
    for option in options:
        if (type(value) is type(option) and value == option) or (isinstance(value, str) and value == str(option)):
            return option
    raise ValueError("no option")


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError("no number")
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            return _whole(float(value))  # "1e6"
    elif isinstance(value, float):
        if not value.is_integer():
            raise ValueError("no whole number")
        number = int(value)
    else:
        number = operator.index(value)
    if abs(number) >= LARGEST:
        raise ValueError("too large")
    return number


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | numbers.Real):
        raise TypeError("no number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    value.encode("utf-8")  # a lone surrogate is no text that can be kept
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in TRUTHS:
        return TRUTHS[value.strip().lower()]
    raise ValueError("neither")


def _day(value: Any) -> date:
    if type(value) is date:
        return value
    return date.fromisoformat(_text(value).strip())


def _path(value: Any) -> Path:
    text = _text(str(value) if isinstance(value, PurePath) else value)
    if not text or "\0" in text:
        raise ValueError("no path")
    return Path(text)


READERS: dict[str, Callable[[Any], Any]] = {
    "int": _whole,
    "float": _real,
    "str": _text,
    "bool": _truth,
    "date": _day,
    "Path": _path,
}
