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
import json
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Union

from workbench.errors import Misuse

TAG = "parameters"
PLAIN = {"int": int, "float": float, "str": str, "bool": bool, "date": date, "Path": Path, "None": None, "list": list}
NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
RANGE = re.compile(rf"\bin ([\[(])\s*{NUMBER}\s*,\s*{NUMBER}\s*([\])])")
LEAST = re.compile(rf"\bat least {NUMBER}")
ABOVE = re.compile(rf"\babove {NUMBER}")
MOST = re.compile(rf"\bat most {NUMBER}")
BETWEEN = re.compile(rf"(?<![\w.]){NUMBER} to {NUMBER}\b")
EXAMPLE = "alpha: float = 0.05  # significance level, in (0, 1)"


@dataclass(frozen=True)
class Parameter:
    """One parameter, as its line in the cell declares it."""

    name: str
    kind: Any  # a Python type, e.g. float, list[str], Literal["a", "b"]
    default: Any
    help: str  # the comment
    line: int  # in the cell, from 1
    bounds: Mapping[str, float]  # of gt, ge, lt, le

    @property
    def type_name(self) -> str:
        """The type as it is written: "float", "list[str]", "Literal['a', 'b']"."""
        name = self.kind.__name__ if isinstance(self.kind, type) and not hasattr(self.kind, "__args__") else str(self.kind)
        return name.replace("typing.", "").replace("NoneType", "None")

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


class Parameters:
    """All parameters of one notebook."""

    def __init__(self, notebook: str, declared: list[Parameter]) -> None:
        self.notebook = notebook
        self._declared = {parameter.name: parameter for parameter in declared}

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._declared.values())

    def __len__(self) -> int:
        return len(self._declared)

    def validate(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with their values: the given ones checked, the others by default.

        Args:
            given: Values by name; texts are read as the command line gives them ("0.1", "a,b").

        Returns:
            Values of the declared types, in the order of the cell.

        Raises:
            Misuse: A name is unknown or a value does not fit; all of it is said at once.
        """
        problems = [self._unknown(name) for name in given if name not in self._declared]
        values: dict[str, Any] = {}
        for parameter in self:
            if parameter.name not in given:
                values[parameter.name] = parameter.default
                continue
            try:
                values[parameter.name] = _read_value(parameter, given[parameter.name])
            except ValueError as error:
                problems.append(f"{parameter.name} is {given[parameter.name]!r}; it must be {error}")
        if problems:
            raise Misuse("; ".join(problems), hint=f"workbench params {self.notebook}")
        return values

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema."""
        schema: dict[str, Any] = _model(list(self)).model_json_schema()
        return {**schema, "title": Path(self.notebook).stem}

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, n=1)
        more = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(self._declared) or 'none'}"
        return f"{name} is no parameter of {self.notebook}{more}"


def read(notebook: Path) -> Parameters:
    """What a notebook takes.

    Raises:
        Misuse: The file is no notebook, has no parameters cell, or its cell holds more than typed
            assignments of plain values.
    """
    return declared(cells_of(notebook), notebook.name)


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """A notebook's cells as the file has them.

    Raises:
        Misuse: The file cannot be read, or is no notebook.
    """
    try:
        content = json.loads(notebook.read_text("utf-8"))
        cells = content["cells"]
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            raise TypeError("its cells are no list")  # noqa: TRY301
    except OSError as error:
        raise Misuse(f"{notebook} cannot be read: {error.strerror}", hint="give the path of a notebook") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misuse(f"{notebook} is no notebook: {error}", hint="open it in JupyterLab and save it again") from error
    return cells


def declared(cells: list[dict[str, Any]], name: str) -> Parameters:
    """The parameters that a notebook's cells declare.

    Raises:
        Misuse: There is no parameters cell, or it holds more than typed assignments of plain values.
    """
    tagged = [cell for cell in cells if TAG in cell.get("metadata", {}).get("tags", [])]
    if not tagged:
        raise Misuse(
            f"{name} has no parameters cell",
            hint=f'tag its first code cell "{TAG}" and declare each parameter on a line: {EXAMPLE}',
        )
    source = tagged[0].get("source", "")
    return Parameters(name, list(_declarations("".join(source), name)))


def _declarations(source: str, name: str) -> Iterator[Parameter]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Misuse(f"the parameters cell of {name} does not parse: line {error.lineno}: {error.msg}") from error
    comments = _comments(source)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            continue
        where = f"the parameters cell of {name}, line {node.lineno}"
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            target, value, annotation = node.target.id, node.value, node.annotation
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            target, value, annotation = node.targets[0].id, node.value, None
        else:
            raise Misuse(f"{where}, holds more than an assignment", hint=f"a line looks like: {EXAMPLE}")
        default = _literal(value, where)
        kind = type(default) if annotation is None else _kind(annotation, where)
        text = comments.get(node.end_lineno or node.lineno, "")
        parameter = Parameter(target, kind, default, text, node.lineno, _bounds(text) if _is_number(kind) else {})
        try:
            default = _read_value(parameter, default)
        except ValueError as error:
            raise Misuse(f"{where}: the default of {target} is {default!r}; it must be {error}") from error
        yield Parameter(target, kind, default, text, node.lineno, parameter.bounds)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def _literal(node: ast.expr, where: str) -> Any:
    """A plain value: a literal, `date(2026, 1, 1)` or `Path("x")`; nothing is run."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        arguments = [_literal(argument, where) for argument in node.args]
        if node.func.id in {"date", "Path"}:
            try:
                return date(*arguments) if node.func.id == "date" else Path(*arguments)
            except (TypeError, ValueError) as error:
                raise Misuse(f"{where}: {error}") from error
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        hint = f"a default is a number, a text, a list, date(…) or Path(…): {EXAMPLE}"
        raise Misuse(f"{where}: {ast.unparse(node)} is no plain value", hint=hint) from error


def _kind(node: ast.expr, where: str) -> Any:
    """The type an annotation names, of the few that a parameter may have."""
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Name) and node.id in PLAIN:
        return PLAIN[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_kind(node.left, where), _kind(node.right, where)]  # noqa: UP007
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "list":
            return list[_kind(node.slice, where)]  # type: ignore[misc]
        if node.value.id == "Optional":
            return Union[_kind(node.slice, where), None]  # noqa: UP007
        if node.value.id == "Literal":
            options = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return Literal[tuple(_literal(option, where) for option in options)]
    hint = "a type is int, float, str, bool, date, Path, Literal[…], list[…], or one of them | None"
    raise Misuse(f"{where}: {ast.unparse(node)} is no type that a parameter may have", hint=hint)


def _is_number(kind: Any) -> bool:
    return kind in {int, float} or any(part in {int, float} for part in getattr(kind, "__args__", ()))


def _bounds(text: str) -> dict[str, float]:
    """The range that a comment states."""
    if found := RANGE.search(text):
        low, high = float(found[2]), float(found[3])
        return {"gt" if found[1] == "(" else "ge": low, "lt" if found[4] == ")" else "le": high}
    if found := BETWEEN.search(text):
        return {"ge": float(found[1]), "le": float(found[2])}
    one_sided = (("ge", LEAST), ("gt", ABOVE), ("le", MOST))
    return {name: float(found[1]) for name, pattern in one_sided if (found := pattern.search(text))}


def _read_value(parameter: Parameter, value: Any) -> Any:
    """A value of the parameter's type; ValueError says what it must be."""
    from pydantic import TypeAdapter, ValidationError

    kind = parameter.kind
    if isinstance(value, str) and getattr(kind, "__origin__", None) is list:
        value = _split(value)
    try:
        read = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(_needed(parameter)) from error
    for number in read if isinstance(read, list) else [read]:
        if isinstance(number, int | float) and not isinstance(number, bool) and not _within(number, parameter.bounds):
            raise ValueError(_needed(parameter))
    return read


def _split(text: str) -> Any:
    if text.strip().startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _within(number: float, bounds: Mapping[str, float]) -> bool:
    return (
        number == number  # a NaN is never within
        and number not in {float("inf"), float("-inf")}
        and ("gt" not in bounds or number > bounds["gt"])
        and ("ge" not in bounds or number >= bounds["ge"])
        and ("lt" not in bounds or number < bounds["lt"])
        and ("le" not in bounds or number <= bounds["le"])
    )


def _needed(parameter: Parameter) -> str:
    names = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    names |= {"date": "a date like 2026-01-31", "Path": "a path"}
    kind = parameter.type_name
    if kind.startswith("Literal"):
        return "one of " + ", ".join(str(option) for option in parameter.kind.__args__)
    return " ".join(part for part in (names.get(kind, kind), parameter.range) if part)


def _model(parameters: list[Parameter]) -> Any:
    from typing import Annotated

    from pydantic import ConfigDict, Field, create_model

    fields: dict[str, Any] = {
        p.name: (Annotated[p.kind, Field(description=p.help, **(p.bounds if p.kind in {int, float} else {}))], p.default)
        for p in parameters
    }
    return create_model("Parameters", __config__=ConfigDict(extra="forbid"), **fields)
