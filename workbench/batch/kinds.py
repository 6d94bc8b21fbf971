"""The types a notebook's parameter may have: what values and texts fit, in which range, and as JSON Schema.

A text is read as the command line gives it: "0.1", "yes", "2026-01-31", "a,b" or '["a", "b"]' for a
list, "none" for nothing. pydantic does the rest, strictly; what does not fit is a ValueError that says
what is needed.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from workbench.batch.secrets import REFERENCE, Secret

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NONE = "none"  # the text for nothing
LARGEST = 2**63  # whole numbers stay below it, so that every store can keep them
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
ROUNDED = {"gt": math.floor, "ge": math.ceil, "lt": math.ceil, "le": math.floor}  # limits of whole numbers


@dataclass(frozen=True)
class Kind:
    """One type: a plain one or a choice of options, perhaps listed, perhaps optional, perhaps in a range."""

    leaf: str  # one of LEAVES, or "Literal"
    options: tuple[Any, ...] = ()  # of a Literal
    listed: bool = False
    optional: bool = False
    bounds: Mapping[str, float] = field(default_factory=dict)  # of gt, ge, lt, le; of each item of a list
    lengths: Mapping[str, int] = field(default_factory=dict)  # of min_length, max_length; of the list or the text

    @property
    def range(self) -> str:
        """The allowed range in words, e.g. "in (0, 1)", or an empty text."""
        gt, ge, lt, le = (self.bounds.get(name) for name in ("gt", "ge", "lt", "le"))
        low, high = gt if gt is not None else ge, lt if lt is not None else le
        if low is not None and high is not None:
            return f"in {'(' if gt is not None else '['}{shown(low)}, {shown(high)}{')' if lt is not None else ']'}"
        if low is not None:
            return f"{'above' if gt is not None else 'at least'} {shown(low)}"
        return f"{'below' if lt is not None else 'at most'} {shown(high)}" if high is not None else ""

    @property
    def length(self) -> str:
        """The allowed length in words, e.g. "at least 1 item", or an empty text."""
        low, high = self.lengths.get("min_length"), self.lengths.get("max_length")
        if low is None and high is None:
            return ""
        words = f"at most {high}" if low is None else f"at least {low}" if high is None else f"{low} to {high}"
        noun = "item" if self.listed else "character"
        return f"{words} {noun}" if words.endswith(" 1") else f"{words} {noun}s"

    @property
    def allowed(self) -> str:
        """Which values of the type are taken, in short: the options, the range, the length."""
        choice = ", ".join(str(option) for option in self.options)
        return ", ".join(part for part in (choice, self.range, self.length) if part)

    @property
    def needed(self) -> str:
        """What a value must be, in words."""
        one = "one of " + ", ".join(str(option) for option in self.options) if self.options else LEAVES[self.leaf][1]
        length = f" of {self.length}" if self.length else ""
        words = f"{one} {self.range}".strip()
        words = f"a list{length}, each {words}" if self.listed else f"{words}{length}"
        return f"{words}, or {NONE}" if self.optional else words

    def read(self, value: Any) -> Any:
        """The value of this type that a value or a text stands for.

        Raises:
            ValueError: It stands for none; the message says what it must be.
        """
        try:
            return self._adapter.validate_python(value)
        except (ValueError, TypeError, OverflowError, RecursionError, StopIteration):
            raise ValueError(self.needed) from None  # pydantic's error would show a secret that was refused

    @property
    def schema(self) -> dict[str, Any]:
        """The type as JSON Schema."""
        return self._adapter.json_schema()

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, TypeAdapter, WithJsonSchema

        leaf: Any = Literal[self.options] if self.options else LEAVES[self.leaf][0]
        bounds: dict[str, Any] = {name: ROUNDED[name](at) if leaf is int else at for name, at in self.bounds.items()}
        lengths: dict[str, Any] = dict(self.lengths)
        if leaf is Secret:
            leaf = Annotated[InstanceOf[Secret], WithJsonSchema({"type": "string", "pattern": f"^({REFERENCE})$"})]
        made: Any = Annotated[leaf, Field(**bounds), BeforeValidator(self._one)]
        if self.listed:
            made = Annotated[list[made], BeforeValidator(_items)]
        made = Annotated[made, Field(**lengths)]
        if self.optional:
            made = Annotated[made | None, BeforeValidator(_nothing)]
        strictly = None if self.leaf == "Secret" else ConfigDict(strict=True, allow_inf_nan=False)
        return TypeAdapter(made, config=strictly)  # an instance has nothing to be strict about, pydantic says

    def _one(self, value: Any) -> Any:
        """A single value, where a text stands for it."""
        if self.options:
            return next(option for option in self.options if _is_option(value, option))
        return LEAVES[self.leaf][2](value)


def plain(value: Any) -> Any:
    """A parameter's value as JSON; of a secret, the reference."""
    if isinstance(value, Secret):
        return value.reference
    if isinstance(value, date | PurePath):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def shown(value: Any) -> str:
    """A parameter's value as a person would write it.

    >>> shown([0.5, True, None]), shown(0.1 + 0.2), shown(1_000_000.0)
    ('0.5, true, none', '0.30000000000000004', '1000000')
    """
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def cut(text: str, most: int = 60) -> str:
    """A text of at most so many characters.

    >>> cut("a title", 5), cut("title", 5)
    ('a ti…', 'title')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def source(value: Any) -> str:
    """A parameter's value as Python, given that `date`, `Path` and `Secret` are imported.

    >>> source([date(2026, 1, 31), None])
    '[date(2026, 1, 31), None]'
    """
    if isinstance(value, list):
        return f"[{', '.join(source(item) for item in value)}]"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    return f"Path({str(value)!r})" if isinstance(value, PurePath) else repr(value)


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == NONE else value


def _items(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")] if text else []
    return list(value) if isinstance(value, tuple) else value


def _is_option(value: Any, option: Any) -> bool:
    """Whether it is an option or its text; to Python, True is 1 as well."""
    return (type(value) is type(option) and value == option) or (isinstance(value, str) and value == str(option))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            value = float(value)  # "1e6"
    if not _is_number(value) or not math.isfinite(value):
        return value
    number = int(value)
    if abs(number) >= LARGEST:
        raise ValueError("too large")
    return number if number == value else value


def _real(value: Any) -> Any:
    return float(value) if isinstance(value, str) or _is_number(value) else value


def _text(value: Any) -> Any:
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate is no text that can be kept
    return value


def _truth(value: Any) -> Any:
    return TRUTHS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _day(value: Any) -> Any:
    return date.fromisoformat(value.strip()) if isinstance(value, str) else value


def _path(value: Any) -> Any:
    if not isinstance(value, str | PurePath):
        return value
    text = str(_text(str(value)))
    if not text or "\0" in text:
        raise ValueError("no path")
    return Path(text)


def _secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


LEAVES: dict[str, tuple[type, str, Callable[[Any], Any]]] = {  # what it is, in words, and how a text is read
    "int": (int, "a whole number", _whole),
    "float": (float, "a number", _real),
    "str": (str, "a text", _text),
    "bool": (bool, "true or false", _truth),
    "date": (date, "a date like 2026-01-31", _day),
    "Path": (Path, "a path", _path),
    "Secret": (Secret, "a reference, env:NAME or file:/PATH", _secret),
}
