"""Leaves: which decision is made in which circumstances, as conditions that are data and not code.

A condition names attributes and what they must be: a value, or operators as GrowthBook and MongoDB
write them. The first leaf whose condition holds is taken; where none does, or an attribute is
absent or of another kind, it is the default leaf.

>>> eu = Leaf("eu", {"region": {"$in": ["DE", "FR"]}, "age": {"$gte": 18}})
>>> find = finder((eu,))
>>> find({"region": "DE", "age": 40}), find({"region": "DE"}), find(None)
('eu', 'default', 'default')
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import Misuse

DEFAULT = "default"  # the leaf of whoever fits nowhere else
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}
CHOICES = ("$in", "$nin")
OPERATORS = ("$eq", "$ne", *ORDERS, *CHOICES)

Context = Mapping[str, Any]
Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Leaf:
    """One set of circumstances, with weights of its own."""

    name: str
    condition: Mapping[str, Any] = field(default_factory=dict)  # attribute to value, or to operators with values

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise Misuse(f"a leaf is called {self.name!r}; give it a name")
        if not isinstance(self.condition, Mapping):
            raise Misuse(f"the condition of leaf {self.name!r} is {self.condition!r}; it must be an object")
        for attribute, wanted in self.condition.items():
            _check(self.name, attribute, wanted)


def finder(leaves: tuple[Leaf, ...]) -> Callable[[Context | None], str]:
    """The name of the leaf for a context.

    Where all conditions ask one attribute for values, that is one look into a dictionary; otherwise
    the leaves are tried in order.
    """
    asked = {attribute for leaf in leaves for attribute in leaf.condition}
    values = [_values(leaf) for leaf in leaves]
    if len(asked) == 1 and all(each is not None for each in values):
        known: dict[Any, str] = {}
        for leaf, each in zip(leaves, values, strict=True):
            for value in each or ():
                known.setdefault(value, leaf.name)
        return _looked_up(asked.pop(), known)
    return _tried([(leaf.name, _tests(leaf)) for leaf in leaves])


def _looked_up(attribute: str, known: Mapping[Any, str]) -> Callable[[Context | None], str]:
    def find(context: Context | None) -> str:
        try:
            return known.get(context.get(attribute), DEFAULT) if context else DEFAULT
        except TypeError:  # a list or an object is no value of ours
            return DEFAULT

    return find


def _tried(compiled: list[tuple[str, list[tuple[str, Test]]]]) -> Callable[[Context | None], str]:
    def find(context: Context | None) -> str:
        for name, tests in compiled if context else ():
            try:
                if all(attribute in context and test(context[attribute]) for attribute, test in tests):  # type: ignore[operator,index]
                    return name
            except TypeError:  # "old" is neither above 18 nor below it
                continue
        return DEFAULT

    return find


def _check(leaf: str, attribute: Any, wanted: Any) -> None:
    """Refuse what is no condition.

    Raises:
        Misuse: An attribute, operator or value is not one.
    """
    hint = f'a condition looks like {{"region": "DE"}} or {{"age": {{"$gte": 18}}}}; operators: {", ".join(OPERATORS)}'
    if not (isinstance(attribute, str) and attribute) or attribute.startswith("$"):
        raise Misuse(f"leaf {leaf!r} asks for the attribute {attribute!r}", hint=hint)
    for name, value in _operators(wanted).items():
        if name not in OPERATORS:
            raise Misuse(f"leaf {leaf!r} asks {attribute} for {name!r}, which is no operator", hint=hint)
        single = [value] if name not in CHOICES else value
        if (
            not isinstance(single, list | tuple)
            or not single
            or not all(isinstance(v, str | int | float) for v in single)
        ):
            raise Misuse(f"leaf {leaf!r} compares {attribute} with {value!r}; values are texts and numbers", hint=hint)


def _operators(wanted: Any) -> Mapping[str, Any]:
    return wanted if isinstance(wanted, Mapping) and wanted else {"$eq": wanted}


def _values(leaf: Leaf) -> tuple[Any, ...] | None:
    """The values that a leaf asks for, where it asks for nothing but values of one attribute."""
    if len(leaf.condition) != 1:
        return None
    (wanted,) = leaf.condition.values()
    asked = _operators(wanted)
    if set(asked) == {"$eq"}:
        return (asked["$eq"],)
    return tuple(asked["$in"]) if set(asked) == {"$in"} else None


def _tests(leaf: Leaf) -> list[tuple[str, Test]]:
    return [
        (attribute, _test(name, value))
        for attribute, wanted in leaf.condition.items()
        for name, value in _operators(wanted).items()
    ]


def _test(name: str, value: Any) -> Test:
    if name in ORDERS:
        order = ORDERS[name]
        return lambda x: order(x, value)
    chosen = frozenset(value) if name in CHOICES else frozenset([value])
    return (lambda x: x in chosen) if name in {"$eq", "$in"} else (lambda x: x not in chosen)
