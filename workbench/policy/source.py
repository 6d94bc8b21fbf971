r"""A policy: a named Rego module with the digest of its text, and the tests it makes in the open.

The text is read only as far as a person needs it explained: which package it is, and which numbers it
compares in plain sight. What it means is the engine's to say.

>>> policy = Policy.parse("seed", "package model\nallow := input.metrics.fairness >= 0.85")
>>> policy.package
'model'
>>> [str(test) for test in policy.comparisons()]
['input.metrics.fairness >= 0.85']
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.errors import Misuse

PACKAGE = re.compile(r"^\s*package\s+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:#.*)?$", re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'("(?:\\.|[^"\\\n])*"|`[^`]*`)|#[^\n]*')
ALLOW = re.compile(  # allow := …   allow if …   allow if { … }   allow { … }
    r"^[ \t]*allow[ \t]*(?:(?::=|=)[ \t]*(?:true[ \t]*)?)?(?:if\b[ \t]*)?(?:\{([^{}]*)\}|([^\n{}]+))$", re.MULTILINE
)
PATH, NUMBER = r"input(?:\.[A-Za-z_]\w*)+", r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
COMPARISON = re.compile(rf"({PATH})\s*(>=|<=|==|>|<)\s*({NUMBER})|({NUMBER})\s*(>=|<=|==|>|<)\s*({PATH})")
TURNED = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "=="}
MOST_BYTES = 1_000_000
NOTHING = object()


@dataclass(frozen=True)
class Comparison:
    """A test a policy makes in the open: a field of the input against a number."""

    field: tuple[str, ...]  # path in the input
    operator: str  # one of >= <= == > <
    limit: float

    def __str__(self) -> str:
        return f"input.{'.'.join(self.field)} {self.operator} {self.limit:g}"

    def found_in(self, document: Mapping[str, Any], otherwise: Any = None) -> Any:
        """The input's value at the field, or `otherwise` where it has none."""
        value: Any = document
        for name in self.field:
            if not isinstance(value, Mapping) or name not in value:
                return otherwise
            value = value[name]
        return value


@dataclass(frozen=True)
class Policy:
    """A policy as it is asked and as it is recorded."""

    name: str
    source: str
    package: str  # as in Rego, e.g. "model" or "company.lending"
    digest: str  # SHA-256 of the source, hex

    @classmethod
    def parse(cls, name: str, source: str) -> Policy:
        """A policy from its text.

        Raises:
            Misuse: The text names no package, or is too large.
        """
        if len(source) > MOST_BYTES:
            raise Misuse(f"the policy {name} has {len(source)} characters; at most {MOST_BYTES} are read")
        package = PACKAGE.search(source)
        if package is None:
            raise Misuse(f"the policy {name} names no package", hint='its first line should read "package NAME"')
        return cls(name, source, package.group(1), hashlib.sha256(source.encode()).hexdigest())

    @classmethod
    def load(cls, path: Path) -> Policy:
        """A policy from a .rego file; its name is the file's.

        Raises:
            Misuse: The file cannot be read or names no package.
        """
        try:
            with path.open("rb", buffering=0) as file:
                return _parsed(path.stem, file.read())
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse(
                f"the policy {path} cannot be read: {error}",
                hint="give the path of a .rego file; workbench init puts a workspace's policies back",
            ) from error

    def comparisons(self) -> tuple[Comparison, ...]:
        """The plain tests of its `allow` rules, so that a denial can name the number.

        Taken are `input.a.b >= 0.85` and `0.85 <= input.a.b` that stand alone: the whole of
        `allow := …` or `allow if …`, or a line of a body in braces. Anything else is left to the engine.
        """
        return _comparisons(self.source)


@lru_cache(maxsize=64)
def _parsed(name: str, content: bytes) -> Policy:
    source = content.decode("utf-8-sig")  # an editor's byte order mark is no part of the rules
    return Policy.parse(name, source.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=64)
def _comparisons(source: str) -> tuple[Comparison, ...]:
    found = []
    for body, line in ALLOW.findall(without_comments(source)):
        for statement in re.split(r"[;\n]", body or line):
            match = COMPARISON.fullmatch(statement.strip())
            if match and match[1]:
                found.append(Comparison(tuple(match[1].split(".")[1:]), match[2], float(match[3])))
            elif match:
                found.append(Comparison(tuple(match[6].split(".")[1:]), TURNED[match[5]], float(match[4])))
    return tuple(found)


def without_comments(source: str) -> str:
    """The text without its comments; signs of a comment inside a string are none.

    >>> without_comments('x := "# no" # yes')
    'x := "# no" '
    """
    return COMMENT_OR_TEXT.sub(lambda found: found[1] or "", source)
