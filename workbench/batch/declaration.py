"""What a parameters cell declares, read from its syntax tree; nothing in it is run.

    alpha: float = 0.05  # significance level, in (0, 1)
    since: date = date(2026, 1, 1)  # first day
    metric: Literal["visits", "spend"] = "visits"  # what is compared

The comment is the help. A range in it is checked like the type: "in (0, 1)", "in [0, 1)", "at least 1",
"at most 9", "above 0", "below 1", "0 to 100".

>>> [found.name for found in declared("n: int = 100  # people, at least 1", "power.ipynb")]
['n']
>>> declared("import os", "power.ipynb")
Traceback (most recent call last):
    ...
workbench.errors.Misuse: line 1 of the parameters cell of power.ipynb is `import os`; it must be an assignment
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, Optional, get_args

from workbench.batch.parameter import NEEDS, Bounds, Parameter, checked
from workbench.errors import Misuse

EXAMPLE = "alpha: float = 0.05  # significance level, in (0, 1)"
TYPES: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "date": date, "Path": Path}
CALLS: dict[str, Any] = {"date": date, "Path": Path}
IMPORTABLE = {"__future__", "datetime", "pathlib", "typing"}  # what the types and defaults may need
NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
INTERVAL = re.compile(rf"\bin ([\[(])\s*{NUMBER}\s*,\s*{NUMBER}\s*([\])])", re.IGNORECASE)
SPAN = re.compile(rf"(?<![\w.-]){NUMBER} to {NUMBER}\b")
LOW = re.compile(rf"\b(at least|above) {NUMBER}", re.IGNORECASE)
HIGH = re.compile(rf"\b(at most|below) {NUMBER}", re.IGNORECASE)


def declared(source: str, notebook: str) -> list[Parameter]:
    """The parameters of a cell, in its order.

    Args:
        source: The cell's text.
        notebook: The notebook's name, for messages.

    Raises:
        Misuse: The cell does not parse, holds more than assignments of plain values, or a default is
            not of its own type and range; the message names the line.
    """
    try:
        tree = ast.parse(source)
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError, ValueError) as error:
        line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        raise Misuse(f"the parameters cell of {notebook} does not parse: {line}", hint=_looks()) from error
    found: dict[str, Parameter] = {}
    for node in tree.body:
        if not _is_ignored(node):
            where = f"line {node.lineno} of the parameters cell of {notebook}"
            parameter = _declaration(node, comments, where)
            if parameter.name in found:
                raise Misuse(f"{where} declares {parameter.name} again", hint="keep one of the two lines")
            found[parameter.name] = parameter
    return list(found.values())


def bounds(text: str) -> Bounds:
    """The range that a comment states, if any.

    >>> bounds("share of users, in (0, 1]")
    Bounds(low=0.0, high=1.0, low_open=True, high_open=False)
    >>> bounds("days, 1 to 90").words, bounds("people, at least 1").words, bounds("a name").words
    ('in [1, 90]', 'at least 1', '')
    """
    if found := INTERVAL.search(text):
        return Bounds(float(found[2]), float(found[3]), found[1] == "(", found[4] == ")")
    if found := SPAN.search(text):
        return Bounds(float(found[1]), float(found[2]))
    low, high = LOW.search(text), HIGH.search(text)
    return Bounds(
        float(low[2]) if low else None,
        float(high[2]) if high else None,
        low_open=bool(low) and low[1].lower() == "above",  # type: ignore[index]
        high_open=bool(high) and high[1].lower() == "below",  # type: ignore[index]
    )


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


def _is_ignored(node: ast.stmt) -> bool:
    """A docstring, or an import of what types and defaults are made of."""
    if isinstance(node, ast.Import):
        return all(alias.name in IMPORTABLE for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in IMPORTABLE
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _declaration(node: ast.stmt, comments: dict[int, str], where: str) -> Parameter:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        if node.value is None:
            raise Misuse(f"{where} gives {node.target.id} no value; it needs a default", hint=_looks())
        name, value, annotation = node.target.id, node.value, node.annotation
        kind = _type(annotation, where)
        default = _literal(value, where)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name, default = node.targets[0].id, _literal(node.value, where)
        kind = _inferred(name, default, where)
    else:
        raise Misuse(f"{where} is `{_shown(node)}`; it must be an assignment", hint=_looks())
    text = comments.get(node.end_lineno or node.lineno, "")
    bare = Parameter(name, kind, default, text, node.lineno, bounds(text) if _has_numbers(kind) else Bounds())
    return replace(bare, default=_default(bare, where))


def _type(node: ast.expr, where: str) -> Any:
    """The type that an annotation names, of the few that a parameter may have."""
    name = _name(node)
    if name in TYPES:
        return TYPES[name]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        if len(sides) == 1:
            return Optional[_type(sides[0], where)]
    if isinstance(node, ast.Subscript):
        outer = _name(node.value)
        if outer == "list":
            return list[_type(node.slice, where)]  # type: ignore[misc]
        if outer == "Optional":
            return Optional[_type(node.slice, where)]
        if outer == "Literal":
            options = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return Literal[tuple(_literal(option, where) for option in options)]
    hint = "a type is int, float, str, bool, date, Path, Literal[…], list[…], or one of them | None"
    raise Misuse(f"{where} has the type {ast.unparse(node)}; no parameter may have it", hint=hint)


def _inferred(name: str, default: Any, where: str) -> Any:
    """The type of a default that stands without an annotation."""
    if type(default) in NEEDS and default is not None:
        return type(default)
    if isinstance(default, list) and default and len({type(item) for item in default}) == 1:
        return list[_inferred(name, default[0], where)]  # type: ignore[misc]
    if isinstance(default, Path):
        return Path
    raise Misuse(f"{where} does not say what {name} may be; it needs a type", hint=_looks())


def _literal(node: ast.expr, where: str) -> Any:
    """A plain value: a literal, `date(2026, 1, 1)`, `Path("x")`, or a list of them."""
    if isinstance(node, ast.List):
        return [_literal(item, where) for item in node.elts]
    if isinstance(node, ast.Call) and _name(node.func) in CALLS and not node.keywords:
        try:
            return CALLS[_name(node.func)](*(_literal(argument, where) for argument in node.args))
        except (TypeError, ValueError) as error:
            raise Misuse(f"{where}: {ast.unparse(node)} is no value: {error}", hint=_looks()) from error
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        hint = f"a default is a number, a text, a list, date(…) or Path(…): {EXAMPLE}"
        raise Misuse(f"{where}: {_shown(node)} is no plain value", hint=hint) from error


def _default(parameter: Parameter, where: str) -> Any:
    """The default in its declared type (0 as a float is 0.0)."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(checked(parameter.type, parameter.bounds)).validate_python(parameter.default)
    except ValidationError as error:
        raise Misuse(
            f"{where}: the default of {parameter.name} is {parameter.default!r}; it must be {parameter.needs}",
            hint="mend the default, or the range in its comment",
        ) from error


def _has_numbers(kind: Any) -> bool:
    return kind in {int, float} or any(_has_numbers(part) for part in _parts(kind))


def _parts(kind: Any) -> Iterator[Any]:
    return (part for part in get_args(kind) if not isinstance(part, str | int | float))


def _name(node: ast.expr) -> str:
    """The last part of a name: "date" of both `date` and `datetime.date`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _shown(node: ast.AST) -> str:
    first, _, rest = ast.unparse(node).partition("\n")
    return f"{first} …" if rest else first[:80]


def _looks() -> str:
    return f"a line looks like: {EXAMPLE}"
