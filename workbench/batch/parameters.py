"""Typed parameters: what a notebook takes, read from its `parameters` cell and checked before a kernel starts.

    alpha: float = 0.05  # significance level, in (0, 1)
    since: date = date(2026, 1, 1)  # first day
    metric: Literal["visits", "spend"] = "visits"  # what is compared

The cell is read from its syntax tree and never run. The comment is the help; a range in it
("in (0, 1)", "at least 1", "above 0", "0 to 100") is checked like the type. One source serves the
validation, the command line, forms and MLflow.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from workbench.batch.kinds import WORDS, Kind, plain
from workbench.batch.notebook import TAG, content_of, is_tagged
from workbench.errors import Misuse

EXAMPLE = "alpha: float = 0.05  # significance level, in (0, 1)"
IMPORTS = {"__future__", "datetime", "pathlib", "typing"}  # what an annotation or a default needs
MOST_SHOWN = 60  # characters of a wrong value in a message
NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
RANGE = re.compile(rf"\bin ([\[(])\s*{NUMBER}\s*,\s*{NUMBER}\s*([\])])")
BETWEEN = re.compile(rf"(?<![\w.]){NUMBER} to {NUMBER}\b")
ONE_SIDED = {
    "ge": re.compile(rf"\bat least {NUMBER}"),
    "gt": re.compile(rf"\babove {NUMBER}"),
    "le": re.compile(rf"\bat most {NUMBER}"),
    "lt": re.compile(rf"\bbelow {NUMBER}"),
}


@dataclass(frozen=True)
class Parameter:
    """One parameter, as its line in the cell declares it."""

    name: str
    type_name: str  # as it is written: "float", "list[str]", "Literal['a', 'b'] | None"
    kind: Kind
    default: Any
    help: str  # the comment
    line: int  # in the cell, from 1


class Parameters:
    """All parameters of one notebook."""

    def __init__(self, notebook: str, declared: list[Parameter]) -> None:
        self.notebook = notebook
        self._declared = {parameter.name: parameter for parameter in declared}

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._declared.values())

    def __len__(self) -> int:
        return len(self._declared)

    def validate(self, given: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
        """All parameters with their values: the given ones checked, the others by default.

        Args:
            given: Values by name; texts are read as the command line gives them ("0.1", "a,b").
            where: The notebook as a command takes it, for the hint; by default its name.

        Returns:
            Values of the declared types, in the order of the cell.

        Raises:
            Misuse: A name is unknown or a value does not fit; all of it is said at once.
        """
        problems = [self._unknown(name) for name in given if name not in self._declared]
        values = {parameter.name: parameter.default for parameter in self}
        for name in (name for name in given if name in values):
            try:
                values[name] = self._declared[name].kind.read(given[name])
            except ValueError as error:
                problems.append(f"{name} is {_shown(given[name])}; it must be {error}")
        if problems:
            raise Misuse("; ".join(problems), hint=f"workbench params {where or self.notebook}")
        return values

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema."""
        properties = {p.name: {**p.kind.schema, "description": p.help, "default": plain(p.default)} for p in self}
        title = Path(self.notebook).stem
        return {"title": title, "type": "object", "additionalProperties": False, "properties": properties}

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, n=1)
        more = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(self._declared) or 'none'}"
        return f"{_shown(name)} is no parameter of {self.notebook}{more}"


def read(path: Path) -> Parameters:
    """What a notebook takes.

    Raises:
        Misuse: The file is no notebook, has no parameters cell, or its cell holds more than typed
            assignments of plain values.
    """
    return declared(content_of(path)["cells"], path.name)


def declared(cells: list[dict[str, Any]], name: str) -> Parameters:
    """The parameters that a notebook's cells declare.

    Raises:
        Misuse: There is no parameters cell, or it holds more than typed assignments of plain values.
    """
    tagged = [cell for cell in cells if is_tagged(cell, TAG)]
    if not tagged:
        raise Misuse(
            f"{name} has no parameters cell",
            hint=f'tag its first code cell "{TAG}" and declare each parameter on a line: {EXAMPLE}',
        )
    found = list(_declarations("".join(tagged[0]["source"]), name))
    names = [parameter.name for parameter in found]
    for parameter in found:
        if names.count(parameter.name) > 1:
            raise Misuse(f"the parameters cell of {name} declares {parameter.name} twice", hint="keep one of them")
    return Parameters(name, found)


def _declarations(text: str, name: str) -> Iterator[Parameter]:
    cell = f"the parameters cell of {name}"
    try:
        tree = ast.parse(text)
        comments = _comments(text)
    except SyntaxError as error:
        raise Misuse(
            f"{cell}, line {error.lineno}, does not parse: {error.msg}", hint=f"a line is: {EXAMPLE}"
        ) from error
    except (ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise Misuse(f"{cell} does not parse: {error}", hint=f"a line looks like: {EXAMPLE}") from error
    for node in tree.body:
        where = f"{cell}, line {node.lineno}"
        if _is_import(node, where) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            target, value, annotation = node.target.id, node.value, node.annotation
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            target, value, annotation = node.targets[0].id, node.value, None
        else:
            raise Misuse(f"{where}, holds more than an assignment", hint=f"a line looks like: {EXAMPLE}")
        given = _literal(value, where)
        text = comments.get(node.end_lineno or node.lineno, "")
        kind = _inferred(given, where) if annotation is None else _kind(annotation, where)
        kind = replace(kind, bounds=_bounds(text)) if kind.leaf in {"int", "float"} else kind
        try:
            default = kind.read(given)
        except ValueError as error:
            raise Misuse(
                f"{where}: the default of {target} is {_shown(given)}; it must be {error}", hint="mend the default"
            ) from error
        type_name = ast.unparse(annotation) if annotation is not None else kind.leaf
        yield Parameter(target, type_name, kind, default, text, node.lineno)


def _is_import(node: ast.stmt, where: str) -> bool:
    """Whether it is an import that annotations need; any other import is refused.

    Raises:
        Misuse: It is another import.
    """
    if isinstance(node, ast.ImportFrom) and node.module in IMPORTS:
        return True
    if isinstance(node, ast.Import | ast.ImportFrom):
        raise Misuse(
            f"{where}, imports more than a parameter needs: {ast.unparse(node)}", hint="import it in the next cell"
        )
    return False


def _comments(text: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def _literal(node: ast.expr, where: str) -> Any:
    """A plain value: a literal, `date(2026, 1, 1)` or `Path("x")`, alone or in a list; nothing is run.

    Raises:
        Misuse: It is more than that.
    """
    if isinstance(node, ast.List):
        return [_literal(item, where) for item in node.elts]
    hint = f"a default is a number, a text, a list, date(…) or Path(…): {EXAMPLE}"
    try:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            arguments = [ast.literal_eval(argument) for argument in node.args]
            if node.func.id in {"date", "Path"}:
                return date(*arguments) if node.func.id == "date" else Path(*arguments)
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError) as error:
        raise Misuse(f"{where}: {_cut(ast.unparse(node))} is no plain value", hint=hint) from error


def _inferred(value: Any, where: str) -> Kind:
    """The type of a default that was given none.

    Raises:
        Misuse: It cannot be told.
    """
    items = value if isinstance(value, list) and value else [value]
    leaf = "Path" if isinstance(items[0], Path) else type(items[0]).__name__
    if leaf not in WORDS:
        raise Misuse(f"{where}: the type cannot be told from {_shown(value)}", hint=f"write it down: {EXAMPLE}")
    return Kind(leaf, listed=isinstance(value, list))


def _kind(node: ast.expr, where: str) -> Kind:
    """The type an annotation names, of the few that a parameter may have.

    Raises:
        Misuse: It names another.
    """
    if isinstance(node, ast.Name) and node.id in WORDS:
        return Kind(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        if len(sides) == 1:
            return replace(_kind(sides[0], where), optional=True)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Optional":
            return replace(_kind(node.slice, where), optional=True)
        if node.value.id == "Literal":
            nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            options = tuple(_literal(option, where) for option in nodes)
            if all(isinstance(option, str | int | float) for option in options):
                return Kind("Literal", options=options)
        if node.value.id == "list":
            inner = _kind(node.slice, where)
            if not inner.listed and not inner.optional:
                return replace(inner, listed=True)
    hint = "a type is int, float, str, bool, date, Path, Literal[…], list[…] of them, or one of these | None"
    raise Misuse(f"{where}: {ast.unparse(node)} is no type that a parameter may have", hint=hint)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _bounds(text: str) -> dict[str, float]:
    """The range that a comment states."""
    if found := RANGE.search(text):
        low, high = float(found[2]), float(found[3])
        return {"gt" if found[1] == "(" else "ge": low, "lt" if found[4] == ")" else "le": high}
    if found := BETWEEN.search(text):
        return {"ge": float(found[1]), "le": float(found[2])}
    return {name: float(found[1]) for name, pattern in ONE_SIDED.items() if (found := pattern.search(text))}


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
