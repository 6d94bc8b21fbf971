"""One typed parameter of a notebook: its type, its range, and how a value given for it is read.

A type is int, float, str, bool, date, Path, Literal[…], a list of one of them, or one of them or None.
Texts are read as a command line gives them: "0.1", "2026-01-31", "a,b" or '["a", "b"]', "none".

>>> alpha = Parameter("alpha", float, 0.05, "significance level", line=1, bounds=Bounds(0, 1, True, True))
>>> alpha.type_name, alpha.bounds.words, alpha.needs
('float', 'in (0, 1)', 'a number in (0, 1)')
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

NEEDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    date: "a date like 2026-01-31",
    Path: "a path",
    type(None): "none",
}
NONE_WORDS = {"", "none", "null"}


@dataclass(frozen=True)
class Bounds:
    """The range a number must lie in; an open end does not belong to it."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def words(self) -> str:
        """The range as a person would say it, or an empty text where there is none.

        >>> Bounds(0, 1, low_open=True).words, Bounds(low=1).words, Bounds(high=5, high_open=True).words
        ('in (0, 1]', 'at least 1', 'below 5')
        """
        if self.low is not None and self.high is not None:
            opening, closing = "(" if self.low_open else "[", ")" if self.high_open else "]"
            return f"in {opening}{self.low:g}, {self.high:g}{closing}"
        if self.low is not None:
            return f"{'above' if self.low_open else 'at least'} {self.low:g}"
        return f"{'below' if self.high_open else 'at most'} {self.high:g}" if self.high is not None else ""

    @property
    def constraints(self) -> dict[str, float]:
        """The range as pydantic's gt, ge, lt and le."""
        low, high = "gt" if self.low_open else "ge", "lt" if self.high_open else "le"
        return {name: end for name, end in ((low, self.low), (high, self.high)) if end is not None}


@dataclass(frozen=True)
class Parameter:
    """One parameter, as its line in the parameters cell declares it."""

    name: str
    type: Any  # float, list[str], Literal["a", "b"], int | None, …
    default: Any  # of that type, within the range
    help: str  # the comment: meaning, unit, range
    line: int  # in the cell, from 1
    bounds: Bounds = Bounds()

    @property
    def type_name(self) -> str:
        """The type as it is written: "float", "list[str]", "Literal['a', 'b']", "int | None"."""
        return written(self.type)

    @property
    def needs(self) -> str:
        """What a value must be, in words."""
        return needed(self.type, self.bounds)


def written(kind: Any) -> str:
    """A type as it is written in the cell."""
    if get_origin(kind) in {Union, types.UnionType}:
        return " | ".join(written(part) for part in get_args(kind))
    if get_origin(kind) is list:
        return f"list[{written(get_args(kind)[0])}]"
    if get_origin(kind) is Literal:
        return f"Literal[{', '.join(repr(option) for option in get_args(kind))}]"
    return "None" if kind is type(None) else str(kind.__name__)


def needed(kind: Any, bounds: Bounds = Bounds()) -> str:  # noqa: B008  frozen
    """What a value of a type, within a range, must be, in words.

    >>> needed(list[int], Bounds(low=1)), needed(Literal["a", "b"]), needed(date | None)
    ('a list, each a whole number at least 1', 'one of a, b', 'a date like 2026-01-31 or none')
    """
    if get_origin(kind) in {Union, types.UnionType}:
        return " or ".join(needed(part, bounds) for part in get_args(kind))
    if get_origin(kind) is list:
        return f"a list, each {needed(get_args(kind)[0], bounds)}"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(option) for option in get_args(kind))
    return f"{NEEDS[kind]} {bounds.words}".strip() if kind in {int, float} else NEEDS[kind]


def checked(kind: Any, bounds: Bounds) -> Any:
    """The pydantic type that reads and checks values of a type within a range."""
    from pydantic import BeforeValidator, Field

    if get_origin(kind) in {Union, types.UnionType}:
        parts = tuple(checked(part, bounds) for part in get_args(kind))
        return Annotated[Union[parts], BeforeValidator(_none)]
    if get_origin(kind) is list:
        return Annotated[list[checked(get_args(kind)[0], bounds)], BeforeValidator(_items)]  # type: ignore[misc]
    if get_origin(kind) is Literal:
        options = get_args(kind)
        return Annotated[kind, BeforeValidator(lambda value: _option(value, options))]
    if kind is float:
        return Annotated[float, Field(allow_inf_nan=False, **bounds.constraints), BeforeValidator(_number)]  # type: ignore[arg-type]
    if kind is int:
        return Annotated[int, Field(**bounds.constraints), BeforeValidator(_number)]  # type: ignore[arg-type]
    if kind is date:
        return Annotated[date, BeforeValidator(_date)]
    if kind is str:
        return Annotated[str, Field(strict=True)]
    return Annotated[Path, BeforeValidator(_path)] if kind is Path else kind


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")  # noqa: TRY004  pydantic reports ValueError only
    return value


def _date(value: Any) -> Any:
    """Dates only in ISO form; pydantic alone would take "20260101" for seconds since 1970."""
    if isinstance(value, str):
        return date.fromisoformat(value.strip())
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError("no date")  # noqa: TRY004
    return value


def _path(value: Any) -> Any:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("no path")
    return value


def _none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in NONE_WORDS else value


def _items(value: Any) -> Any:
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    if value.strip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",")] if value.strip() else []


def _option(value: Any, options: tuple[Any, ...]) -> Any:
    """The option that a text from the command line stands for."""
    if isinstance(value, str) and value not in options:
        return next((option for option in options if str(option) == value), value)
    return value
