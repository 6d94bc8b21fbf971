"""What a line of the parameters cell says, read from its syntax tree and never run.

    price: Annotated[float, Field(ge=0)] = 9.5  # of one visit, in USD, at most 100

The annotation gives the type; a comment gives the range and the unit of a number. A range is "in (0, 1)",
"0 to 100", "between 0 and 100", "0 < x <= 1", "at least 1", "above 0", "at most 1,000" or "below 3", or one
side with >=, >, <= or <. A unit is one of `UNITS`, told as "in USD" or by the comment's first word: "seconds to
wait". `Annotated[…, Field(…)]` may say the same in pydantic's words.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from workbench.batch.kinds import LARGEST, LEAVES, ROUNDED, Kind, cut
from workbench.batch.secrets import Secret
from workbench.errors import Misuse

EXAMPLE = "alpha: float = 0.05  # significance level, in (0, 1)"
UNITS = (
    *("ms", "milliseconds", "s", "seconds", "minutes", "hours", "days", "weeks", "months", "years"),
    *("%", "percent", "USD", "EUR", "GBP", "dollars", "euros", "cents"),
    *("bytes", "kB", "MB", "GB", "TB", "rows", "people", "users", "visits", "requests"),
)
# a number is read whole or not at all: of "1/3", "2026-01-01" or "10k" the beginning would be another limit
BEFORE, AFTER = r"(?<![\w.,/-])", r"(?!\w|[.,]\w|-\d|\s*(?:[/^]|\*\*))"
FLOAT = r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
NUMBER = rf"{BEFORE}(-?(?:\d{{1,3}}(?:[,_]\d{{3}})+(?:\.\d+)?|{FLOAT})){AFTER}"
BARE = rf"(-?(?!0\d){FLOAT})"  # where a comma stands between two of them: (0,1)
RANGE = re.compile(rf"\bin ([\[(])\s*(?:{NUMBER}\s*,\s+{NUMBER}|{BARE}\s*,{BARE})\s*([\])])")
BETWEEN = re.compile(rf"\bbetween {NUMBER} and {NUMBER}|{NUMBER} to {NUMBER}")
CHAIN = re.compile(rf"{NUMBER}\s*(<=|<|≤)\s*\w+\s*(<=|<|≤)\s*{NUMBER}")
ONE_SIDED = {
    "ge": re.compile(rf"(?:\bat least|(?<![<>=-])(?:>=|≥))\s*{NUMBER}"),
    "gt": re.compile(rf"(?:\babove|(?<![<>=-])>)\s*{NUMBER}"),
    "le": re.compile(rf"(?:\bat most|(?<![<>=-])(?:<=|≤))\s*{NUMBER}"),
    "lt": re.compile(rf"(?:\bbelow|(?<![<>=-])<)\s*{NUMBER}"),
}
UNIT = re.compile(rf"(?:\A|\bin )({'|'.join(UNITS)})(?!\w)")
NUMBERS = ("int", "float")
LENGTHS = ("min_length", "max_length")
FIELDS = {  # what a Field may say, and by which types
    **dict.fromkeys(ROUNDED, (int, float)),
    **dict.fromkeys(LENGTHS, (int,)),
    "description": (str,),
}
PLAIN = {"date": date, "Path": Path, "Secret": Secret}  # what a default may call


def bounds_of(comment: str) -> dict[str, float]:
    """The range that a comment states.

    >>> bounds_of("share of the rows, in (0, 1]"), bounds_of("a title")
    ({'gt': 0.0, 'le': 1.0}, {})
    """
    if found := RANGE.search(comment):
        opened, *ends, closed = (group for group in found.groups() if group is not None)
        low, high = map(_number, ends)
        return {"gt" if opened == "(" else "ge": low, "lt" if closed == ")" else "le": high}
    if found := BETWEEN.search(comment):
        low, high = (_number(group) for group in found.groups() if group is not None)
        return {"ge": low, "le": high}
    if found := CHAIN.search(comment):
        low, high = _number(found[1]), _number(found[4])
        return {"gt" if found[2] == "<" else "ge": low, "lt" if found[3] == "<" else "le": high}
    return {name: _number(found[1]) for name, pattern in ONE_SIDED.items() if (found := pattern.search(comment))}


def unit_of(comment: str) -> str:
    """The unit that a comment states, or an empty text.

    >>> unit_of("most that is spent, in USD, at least 0"), unit_of("seconds to wait, 1 to 60"), unit_of("a share")
    ('USD', 'seconds', '')
    """
    found = UNIT.search(comment)
    return found[1] if found else ""


def literal(node: ast.expr, where: str, shown: str = "") -> Any:
    """A plain value: a literal, `date(2026, 1, 1)`, `Path("x")` or `Secret("env:X")`, alone or in a list.

    Args:
        node: The expression.
        where: The line, for messages.
        shown: What a message says in its place; by default the expression itself.

    Raises:
        Misuse: It is more than that.
    """
    if isinstance(node, ast.List):
        return [literal(item, where, shown) for item in node.elts]
    hint = f"a default is a number, a text, a list, date(…), Path(…) or Secret(…): {EXAMPLE}"
    try:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            arguments = [ast.literal_eval(argument) for argument in node.args]
            if node.func.id in PLAIN:
                return PLAIN[node.func.id](*arguments)
        return ast.literal_eval(node)
    except Misuse as error:
        raise Misuse(f"{where}: {error.message}", hint=error.hint) from None
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError) as error:
        raise Misuse(f"{where}: {shown or cut(ast.unparse(node))} is no plain value", hint=hint) from error


def inferred(value: Any, where: str) -> Kind:
    """The type of a default that was given none.

    Raises:
        Misuse: It cannot be told.
    """
    items = value if isinstance(value, list) and value else [value]
    leaf = "Path" if isinstance(items[0], Path) else type(items[0]).__name__
    if leaf not in LEAVES:
        raise Misuse(f"{where}: the type cannot be told from {cut(repr(value))}", hint=f"write it down: {EXAMPLE}")
    return Kind(leaf, listed=isinstance(value, list))


def kind_of(node: ast.expr, where: str) -> Kind:
    """The type an annotation names, of the few that a parameter may have.

    Raises:
        Misuse: It names another.
    """
    if isinstance(node, ast.Name) and node.id in LEAVES:
        return Kind(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        if len(sides) == 1:
            return replace(kind_of(sides[0], where), optional=True)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Optional":
            return replace(kind_of(node.slice, where), optional=True)
        if node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            inner, *metadata = node.slice.elts
            return _limited(kind_of(inner, where), metadata, where)
        if node.value.id == "Literal":
            nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            options = tuple(literal(option, where) for option in nodes)
            if all(isinstance(option, str | int | float) for option in options):
                return Kind("Literal", options=options)
        if node.value.id == "list":
            inner_kind = kind_of(node.slice, where)
            if not (inner_kind.listed or inner_kind.optional or inner_kind.lengths or inner_kind.leaf == "Secret"):
                return replace(inner_kind, listed=True)
    types = ", ".join(LEAVES)
    hint = f"a type is {types}, Literal[…], list[…] of them, Annotated[…, Field(…)], or one of these | None"
    raise Misuse(f"{where}: {ast.unparse(node)} is no type that a parameter may have", hint=hint)


def description_of(node: ast.expr | None, where: str) -> str:
    """What the `Field(description=…)` of an annotation says, or an empty text.

    Raises:
        Misuse: A `Field` says more than is understood.
    """
    calls = [inside for inside in ast.walk(node) if isinstance(inside, ast.Call)] if node is not None else []
    return str(_fields(calls, where).get("description", ""))


def type_name(node: ast.expr) -> str:
    """A type as it is written, without the limits that `Annotated[…]` adds to it.

    >>> type_name(ast.parse("Annotated[float, Field(gt=0)] | None", mode="eval").body)
    'float | None'
    """
    return ast.unparse(_Bare().visit(copy.deepcopy(node)))


class _Bare(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self.visit(node.slice.elts[0])
        return self.generic_visit(node)


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def _limited(kind: Kind, metadata: Sequence[ast.expr], where: str) -> Kind:
    """A type with the limits that the rest of `Annotated[…]` sets.

    Raises:
        Misuse: They are not understood, or do not suit the type.
    """
    said = _fields(metadata, where)
    bounds = {name: float(said[name]) for name in ROUNDED if name in said}
    lengths = {name: said[name] for name in LENGTHS if name in said}
    if bounds and kind.leaf not in NUMBERS:
        raise Misuse(f"{where}: {', '.join(bounds)} is for numbers only", hint=f"leave it out: {EXAMPLE}")
    if lengths and not (kind.listed or kind.leaf == "str"):
        raise Misuse(f"{where}: {', '.join(lengths)} is for lists and texts only", hint=f"leave it out: {EXAMPLE}")
    return replace(kind, bounds={**kind.bounds, **bounds}, lengths={**kind.lengths, **lengths})


def _fields(calls: Sequence[ast.expr], where: str) -> dict[str, Any]:
    """What calls like `Field(gt=0, description="…")` say.

    Raises:
        Misuse: One is another call, or says more than is understood.
    """
    said: dict[str, Any] = {}
    for call in calls:
        told = f"{where}: {cut(ast.unparse(call))}"
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Field"):
            raise Misuse(f"{told} is no Field(…)", hint="write Annotated[float, Field(gt=0, lt=1)]")
        values = {str(keyword.arg): literal(keyword.value, where) for keyword in call.keywords}
        if call.args or not all(_is_understood(name, value) for name, value in values.items()):
            raise Misuse(
                f"{told} says more than is understood", hint=f"it may give {', '.join(FIELDS)}, as plain values"
            )
        said |= values
    return said


def _is_understood(name: str, value: Any) -> bool:
    if type(value) not in FIELDS.get(name, ()):
        return False
    return isinstance(value, str) or (0 if name in LENGTHS else -LARGEST) <= value < LARGEST


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
