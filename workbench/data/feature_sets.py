"""Feature sets: which columns a model reads, under a name and a version.

>>> credit = FeatureSet("loan-credit", 1, (Column("hrat", "share of income for housing, percent"),))
>>> credit.label
'loan-credit@1'
>>> credit.check(["hrat", "age"])
Traceback (most recent call last):
    ...
workbench.errors.Misuse: the feature set loan-credit@1 has no column 'age'
hint: leave it out; the columns are hrat
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from workbench.errors import Misuse
from workbench.ledger import digest


@dataclass(frozen=True)
class Column:
    """One feature."""

    name: str
    meaning: str  # in words, with its unit


@dataclass(frozen=True)
class FeatureSet:
    """A named, versioned list of features; all models of a kind read the same."""

    name: str
    version: int  # from 1; a change of columns is a new version
    columns: tuple[Column, ...]

    @property
    def label(self) -> str:
        """Name and version, as it is recorded: "loan-credit@1"."""
        return f"{self.name}@{self.version}"

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    @property
    def digest(self) -> str:
        """SHA-256 over name, version and columns, in hex."""
        return digest(asdict(self))

    def check(self, found: Iterable[str]) -> None:
        """See that these columns are the feature set's, in any order.

        Raises:
            Misuse: A column is missing or does not belong; the message names it.
        """
        names = list(found)
        missing = [name for name in self.names if name not in names]
        extra = [name for name in names if name not in self.names]
        if missing:
            near = difflib.get_close_matches(missing[0], extra, n=1)
            hint = f"is it the column {near[0]!r}?" if near else f"it needs {', '.join(self.names)}"
            raise Misuse(f"the column {missing[0]!r} of the feature set {self.label} is missing", hint=hint)
        if extra:
            hint = f"leave it out; the columns are {', '.join(self.names)}"
            raise Misuse(f"the feature set {self.label} has no column {extra[0]!r}", hint=hint)
