"""Typed parameters: what a notebook takes, read from its `parameters` cell and checked before a kernel starts.

    alpha: float = 0.05  # significance level, in (0, 1)
    since: date = date(2026, 1, 1)  # first day
    metric: Literal["visits", "spend"] = "visits"  # what is compared

The cell is read from its syntax tree and never run. The comment is the help; a range in it
("in (0, 1)", "at least 1", "above 0", "0 to 100") is checked like the type, and a unit ("in USD",
"seconds to wait") is shown beside it. One source serves the validation, the command line, forms and
MLflow; of a `Secret` all of them see the reference only.
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.batch.annotations import (
    EXAMPLE,
    NUMBERS,
    bounds_of,
    description_of,
    inferred,
    kind_of,
    literal,
    type_name,
    unit_of,
)
from workbench.batch.kinds import Kind, cut, plain
from workbench.batch.notebook import TAG, content_of, is_tagged
from workbench.errors import Misuse

# modules that an annotation or a default may need
IMPORTS = {"__future__", "datetime", "pathlib", "pydantic", "typing", "workbench"}


@dataclass(frozen=True)
class Parameter:
    """One parameter, as its line in the cell declares it."""

    name: str
    type_name: str  # as it is written, but for limits: "float", "list[str]", "Literal['a', 'b'] | None"
    kind: Kind
    default: Any
    help: str  # the comment, or what a Field describes
    line: int  # in the cell, from 1
    unit: str = ""  # of a number: "USD", "seconds"

    @property
    def described(self) -> dict[str, Any]:
        """The parameter as plain JSON, a field for each thing that a person asks of it."""
        return {
            "name": self.name,
            "type": self.type_name,
            "default": plain(self.default),
            "allowed": self.kind.allowed,
            "unit": self.unit,
            "help": self.help,
        }

    @property
    def schema(self) -> dict[str, Any]:
        """The parameter as JSON Schema."""
        told = {**self.kind.schema, "description": self.help, "default": plain(self.default)}
        return {**told, "x-unit": self.unit} if self.unit else told


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
        values = {parameter.name: copy(parameter.default) for parameter in self}  # a list is the caller's own
        for name in (name for name in given if name in values):
            try:
                values[name] = self._declared[name].kind.read(given[name])
            except ValueError as error:
                problems.append(f"{name} is {_shown(given[name], self._declared[name].kind)}; it must be {error}")
        if problems:
            raise Misuse("; ".join(problems), hint=f"workbench params {where or self.notebook}")
        return values

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema."""
        properties = {p.name: p.schema for p in self}
        title = Path(self.notebook).stem
        return {"title": title, "type": "object", "additionalProperties": False, "properties": properties}

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, n=1)
        more = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(self._declared) or 'none'}"
        return f"{cut(repr(name))} is no parameter of {self.notebook}{more}"


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
    return Parameters(name, list(_declared("".join(tagged[0]["source"]), name)))


@lru_cache(maxsize=64)  # the runs of a sweep read the same cell again and again
def _declared(text: str, name: str) -> tuple[Parameter, ...]:
    found = tuple(_declarations(text, name))
    names = [parameter.name for parameter in found]
    for parameter in found:
        if names.count(parameter.name) > 1:
            raise Misuse(f"the parameters cell of {name} declares {parameter.name} twice", hint="keep one of them")
    return found


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
        secret = any(isinstance(inside, ast.Name) and inside.id == "Secret" for inside in ast.walk(node))
        given = literal(value, where, shown="the default" if secret else "")
        kind = inferred(given, where) if annotation is None else kind_of(annotation, where)
        text = comments.get(node.end_lineno or node.lineno, "") or description_of(annotation, where)
        is_number = kind.leaf in NUMBERS
        kind = replace(kind, bounds=kind.bounds or bounds_of(text)) if is_number else kind
        try:
            default = kind.read(given)
        except ValueError as error:
            raise Misuse(
                f"{where}: the default of {target} is {_shown(given, kind)}; it must be {error}",
                hint="mend the default",
            ) from error
        named = type_name(annotation) if annotation is not None else kind.leaf
        yield Parameter(target, named, kind, default, text, node.lineno, unit_of(text) if is_number else "")


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


def _shown(value: Any, kind: Kind) -> str:
    """A value in a message; what was given for a secret may be the secret itself."""
    return "a value that is not shown" if kind.leaf == "Secret" else cut(repr(value))
