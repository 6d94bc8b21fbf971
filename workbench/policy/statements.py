r"""The statements of a policy's text, one a rule with its body, as they stand at the beginning of a line.

They are read only so far that a rule can be put beside itself under another name, or given another value; what
one means is the engine's to say.

>>> [(one.line, one.name) for one in statements("package m\n\nallow if {\n\tinput.x\n}\n")]
[(3, 'allow')]
>>> renamed(statements("package m\nallow if input.x\n")[0], "fired")
'fired if input.x'
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import Misuse
from workbench.policy.source import without_comments

HEAD = re.compile(r"(?:default[ \t]+)?([A-Za-z_]\w*)")
TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`')
NO_RULE = {"package", "import"}


@dataclass(frozen=True)
class Statement:
    """One rule of a policy, or one body of a rule that has several."""

    name: str
    line: int
    text: str  # without comments
    default: bool

    @property
    def is_function(self) -> bool:
        """Whether it takes arguments."""
        return self.text.startswith(f"{self.name}(")


def statements(source: str) -> list[Statement]:
    """The statements of a text, in their order, but its package and its imports."""
    return [one for one in pieces(source) if one.name not in NO_RULE]


def pieces(source: str) -> list[Statement]:
    """The statements of a text, in their order, its package and its imports among them."""
    code = without_comments(source)
    found, depth, starts = list[Statement](), 0, list[int]()
    at = 0
    for line in without_texts(code).splitlines(keepends=True):
        if depth == 0 and HEAD.match(line):
            starts.append(at)
        depth += sum(line.count(sign) for sign in "{[(") - sum(line.count(sign) for sign in "}])")
        at += len(line)
    for start, end in zip(starts, [*starts[1:], len(code)], strict=True):
        text = code[start:end].rstrip()
        head = HEAD.match(text)
        if head:
            found.append(Statement(head[1], code.count("\n", 0, start) + 1, text, text.startswith("default")))
    return found


def without_texts(code: str) -> str:
    """Code without comments with blanks where its texts are; every place keeps its number.

    >>> without_texts('x := "if {"')
    'x :=       '
    """
    return TEXT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)


def renamed(statement: Statement, name: str) -> str:
    """A statement's text under another name."""
    return statement.text.replace(statement.name, name, 1)


def with_values(source: str, values: Mapping[str, Any]) -> str:
    r"""A policy's text in which some rules have other values; of an object only the keys that are named.

    Every other line keeps its number.

    Raises:
        Misuse: It has no such rule, or one with several bodies.

    >>> print(with_values('package m\nlimits := {"a": 1, "b": 2}', {"limits": {"b": 3}}))
    package m
    limits_as_written := {"a": 1, "b": 2}
    limits := object.union(limits_as_written, {"b": 3})
    """
    known = statements(source)
    for name, value in values.items():
        own = [one for one in known if one.name == name]
        if len(own) != 1 or own[0].is_function or own[0].default:
            raise Misuse(f"there is no rule {name!r} with one value", hint="give one like `limits := {…}`")
        rows = source.split("\n")
        line = own[0].line - 1
        rows[line] = rows[line].replace(name, f"{name}_as_written", 1)
        told = json.dumps(value, ensure_ascii=False)
        set_to = f"object.union({name}_as_written, {told})" if isinstance(value, Mapping) else told
        source = "\n".join(rows).rstrip("\n") + f"\n{name} := {set_to}"
    return source
