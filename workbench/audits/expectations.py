"""What a table should look like: stated by people, or learned from a reference's profile.

Every expectation is a rule with the largest share of rows that may break it. A share of 0 is a fact
about the rows at hand: one that breaks it is one too many. What is learned leaves room: a column may
miss a little more than it did, and its range is where all but 1 % of the reference lie, so that one
outlier there does not widen it.

>>> rules = Expectations.from_json('{"columns": {"age": {"low": 0, "high": 120, "missing": 0.02}}}')
>>> rules.columns["age"].high, rules.duplicates
(120, 0.01)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import reduce
from typing import Any

import numpy as np

from workbench.data import Categories, ColumnProfile, Histogram, Profile
from workbench.data.counting import OTHER
from workbench.errors import Misuse

MISSING, DUPLICATES = 0.05, 0.01  # largest shares where nothing else is said
SLACK = 0.01  # share of rows that may break a rule beyond what the reference did
TAIL = 0.005  # of the reference, beyond either end of a learned range
KINDS = {"integer", "number", "truth", "time", "text"}


@dataclass(frozen=True)
class ColumnRule:
    """What one column should be."""

    kind: str | None = None  # "integer", "number", "truth", "time" or "text"; None: any
    missing: float = MISSING  # largest share of rows without a value, in [0, 1]
    low: float | None = None  # in the column's unit; of moments, seconds since 1970
    high: float | None = None
    outside: float = 0.0  # largest share of values outside, in [0, 1]
    categories: tuple[str, ...] | None = None  # None: any
    unknown: float = 0.0  # largest share of values that are none of these, in [0, 1]
    unique: bool = False  # every row its own value


@dataclass(frozen=True)
class Expectations:
    """What a table should be."""

    columns: Mapping[str, ColumnRule] = field(default_factory=dict)
    missing: float = MISSING  # of columns that have no rule of their own
    duplicates: float = DUPLICATES  # largest share of rows that repeat an earlier one
    time: str | None = None  # the column that says when a row happened
    fresh_hours: float | None = None  # greatest age of the newest row
    retention_days: float | None = None  # greatest age that a row may reach

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that should be unique."""
        return tuple(name for name, rule in self.columns.items() if rule.unique)

    @classmethod
    def learned(cls, reference: Profile, *, slack: float = SLACK) -> Expectations:
        """What a reference was like, with room for chance.

        Args:
            reference: A profile of data that were good.
            slack: Share of rows that may break a rule beyond what the reference did, in [0, 1].
        """
        kinds = reference.schema
        return cls({name: _learned(each, kinds.get(name), slack) for name, each in reference.columns.items()})

    def with_key(self, name: str) -> Expectations:
        """The same, with one more column that should be unique."""
        return replace(self, columns=dict(self.columns) | {name: replace(self.rule(name), unique=True)})

    def rule(self, name: str) -> ColumnRule:
        """A column's rule: its own, or what is said of all."""
        return self.columns.get(name, ColumnRule(missing=self.missing))

    def as_json(self) -> str:
        """The expectations as JSON text, to be read and edited."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Expectations:
        """The expectations of a JSON text; what it leaves out has its default.

        Raises:
            Misuse: The text is no JSON object, a name is unknown, or a value is out of range.
        """
        try:
            told = json.loads(text)
        except ValueError as error:
            raise Misuse(f"the expectations are no JSON: {error}") from error
        stated = _checked(cls, told, "expectations")
        rules = {}
        for name, rule in stated.pop("columns", {}).items():
            given = _checked(ColumnRule, rule, f"the column {name!r}")
            if "categories" in given:
                given["categories"] = tuple(given["categories"])
            rules[name] = ColumnRule(**given)
        return cls(columns=rules, **stated)


def expected(
    stated: str | None = None,
    reference: Profile | None = None,
    *,
    keys: Sequence[str] = (),
    **table: float | str | None,
) -> Expectations:
    """What is expected of a table: learned, stated on top of that column by column, and completed.

    Args:
        stated: Expectations as JSON text; their columns replace what was learned of these.
        reference: What the rest is learned from.
        keys: Columns that should be unique.
        table: Rules of the table, by the names of `Expectations`; None leaves one as it is.

    Raises:
        Misuse: What is stated cannot be read.
    """
    rules = Expectations() if reference is None else Expectations.learned(reference)
    free = {name: ColumnRule(each.kind, each.missing) for name, each in rules.columns.items() if name in keys}
    rules = replace(rules, columns=dict(rules.columns) | free)  # a key has new values by its nature
    if stated is not None:
        told = Expectations.from_json(stated)
        rules = replace(told, columns=dict(rules.columns) | dict(told.columns))
    rules = replace(rules, **{name: value for name, value in table.items() if value is not None})  # type: ignore[arg-type]
    return reduce(Expectations.with_key, keys, rules)


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("missing", "outside", "unknown", "duplicates"), (_share, "a share in [0, 1]")),
    **dict.fromkeys(("low", "high", "fresh_hours", "retention_days"), (_number, "a number")),
    "kind": (lambda value: isinstance(value, str) and value in KINDS, f"one of {', '.join(sorted(KINDS))}"),
    "categories": (_names, "a list of texts"),
    "unique": (lambda value: isinstance(value, bool), "true or false"),
    "time": (lambda value: isinstance(value, str), "the name of a column"),
    "columns": (lambda value: isinstance(value, dict), "an object with a rule for each column"),
}


def _checked(kind: type, told: Any, where: str) -> dict[str, Any]:
    """A JSON object whose names and values are those of a class of rules; null leaves a default.

    Raises:
        Misuse: One of them is not.
    """
    if not isinstance(told, dict):
        raise Misuse(f"{where} is {told!r}; it must be a JSON object")
    known = {each.name for each in fields(kind)}
    given = {name: value for name, value in told.items() if value is not None}
    for name, value in given.items():
        if name not in known:
            raise Misuse(f"{where} has no rule {name!r}", hint=f"there are: {', '.join(sorted(known))}")
        fits, form = FORMS[name]
        if not fits(value):
            raise Misuse(f"{where}: {name} is {value!r}; it must be {form}")
    return given


def _learned(column: ColumnProfile, kind: str | None, slack: float) -> ColumnRule:
    rows = column.n + column.nulls
    missing = min(1.0, (column.nulls / rows if rows else 0.0) + slack)
    if isinstance(column, Categories):
        open_ended = OTHER in column.counts or not column.counts
        return ColumnRule(kind, missing, categories=None if open_ended else tuple(column.counts), unknown=slack)
    if not column.n or kind == "time":  # what comes next is later
        return ColumnRule(kind, missing)
    low, high = _middle(column)
    outside = column.outside(low, high) / column.n
    return ColumnRule(kind, missing, low, high, min(1.0, outside + slack))


def _middle(column: Histogram) -> tuple[float, float]:
    """Where all but the tails lie, on values of the column."""
    values, share = column.values(), np.cumsum(column.counts) / column.n
    first, last = (int(np.searchsorted(share, tail)) for tail in (TAIL, 1.0 - TAIL))
    return float(values[first]), float(values[min(last, len(values) - 1)])
