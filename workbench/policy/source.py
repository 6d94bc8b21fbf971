r"""A policy: a named Rego module with the digest of its text.

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
from pathlib import Path
from typing import Any

from workbench.errors import Misuse

PACKAGE = re.compile(r"^\s*package\s+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:#.*)?$", re.MULTILINE)
PLAIN_ALLOW = re.compile(r"^\s*allow\s*(?::=|=)\s*([^\n{}]+)$", re.MULTILINE)
COMPARISON = re.compile(r"^input((?:\.[A-Za-z_]\w*)+)\s*(>=|<=|==|>|<)\s*(-?\d+(?:\.\d+)?)$")
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Comparison:
    """A test a policy makes in the open: a field of the input against a number."""

    field: tuple[str, ...]  # path in the input
    operator: str  # one of >= <= == > <
    limit: float

    def __str__(self) -> str:
        return f"input.{'.'.join(self.field)} {self.operator} {self.limit:g}"

    def found_in(self, document: Mapping[str, Any]) -> Any:
        """The input's value at the field, or None where it has none."""
        value: Any = document
        for name in self.field:
            value = value.get(name) if isinstance(value, Mapping) else None
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
            source = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse(f"the policy {path} cannot be read: {error}", hint="give the path of a .rego file") from error
        return cls.parse(path.stem, source)

    def comparisons(self) -> list[Comparison]:
        """The tests of a plain `allow := input.a.b >= 0.85`, so that a denial can name its number."""
        found = []
        for rule in PLAIN_ALLOW.findall(self.source):
            match = COMPARISON.match(rule.split("#")[0].strip())
            if match:
                found.append(Comparison(tuple(match[1][1:].split(".")), match[2], float(match[3])))
        return found
