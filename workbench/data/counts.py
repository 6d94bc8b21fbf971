"""The count cube: how often each group, label and prediction came together; all fairness starts here.

Group metrics are functions of this small table, and drawing rows again is drawing its cells again, so
nothing else of the data is needed. Cubes of days, shards and late labels add.

>>> cube = CountCube.scan({"race": ["a", "a", "b"]}, label=[1, 0, 1], prediction=[1, 0, 0])
>>> cube.cells[("a",)]
(1, 0, 0, 1)
>>> (cube + cube).total
6
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import Misuse
from workbench.ledger import digest

Cell = tuple[int, int, int, int]  # true negatives, false positives, false negatives, true positives


@dataclass(frozen=True)
class CountCube:
    """Counts by group; groups are tuples of one value an attribute."""

    attributes: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Cell]
    source: str = ""  # digest of what was scanned, hex

    @classmethod
    def scan(
        cls,
        groups: Mapping[str, Sequence[object]],
        *,
        label: Sequence[int] | np.ndarray,
        prediction: Sequence[int] | np.ndarray,
        source: str = "",
    ) -> CountCube:
        """Count in one pass.

        Args:
            groups: One sequence an attribute, one value a case; values are taken as texts.
            label: What was true, 0 or 1, one a case.
            prediction: What was answered, 0 or 1, one a case.
            source: Digest of the data, kept as the cube's origin.

        Raises:
            Misuse: The lengths differ, there is no attribute, or a value is not 0 or 1.
        """
        truth, answer = _binary("label", label), _binary("prediction", prediction)
        lengths = {len(truth), len(answer), *(len(values) for values in groups.values())}
        if len(lengths) != 1 or not groups:
            raise Misuse(f"groups, label and prediction have lengths {sorted(lengths)}; they must be one and the same")
        names = tuple(groups)
        codes = np.zeros(len(truth), dtype=np.int64)
        levels: list[np.ndarray] = []
        for name in names:
            values, code = np.unique(np.asarray([str(value) for value in groups[name]]), return_inverse=True)
            levels.append(values)
            codes = codes * len(values) + code
        shape = [len(values) for values in levels]
        table = np.bincount(codes * 4 + truth * 2 + answer, minlength=int(np.prod(shape)) * 4).reshape(-1, 4)
        cells: dict[tuple[str, ...], Cell] = {}
        for number in np.flatnonzero(table.sum(axis=1)):
            at = np.unravel_index(number, shape)
            group = tuple(str(values[i]) for values, i in zip(levels, at, strict=True))
            cells[group] = _cell(table[number])
        return cls(names, cells, source)

    @property
    def total(self) -> int:
        """Cases counted."""
        return sum(sum(cell) for cell in self.cells.values())

    @property
    def digest(self) -> str:
        """SHA-256 of the cube, hex."""
        return digest(json.loads(self.as_json()))

    def __add__(self, other: CountCube) -> CountCube:
        if self.attributes != other.attributes:
            raise Misuse(f"cubes by {self.attributes} and by {other.attributes} do not add")
        groups = {**self.cells, **other.cells}
        none = (0, 0, 0, 0)
        cells = {
            group: _cell(np.add(self.cells.get(group, none), other.cells.get(group, none))) for group in sorted(groups)
        }
        source = self.source if self.source == other.source else digest(sorted([self.source, other.source]))
        return CountCube(self.attributes, cells, source)

    def by(self, attributes: Iterable[str]) -> CountCube:
        """The cube over fewer attributes.

        Raises:
            Misuse: It does not have one of them.
        """
        wanted = tuple(attributes)
        unknown = [name for name in wanted if name not in self.attributes]
        if unknown or not wanted:
            raise Misuse(f"the cube has no attribute {unknown}; it has {', '.join(self.attributes)}")
        places = [self.attributes.index(name) for name in wanted]
        cells: dict[tuple[str, ...], Cell] = {}
        for group, cell in self.cells.items():
            part = tuple(group[place] for place in places)
            cells[part] = _cell(np.add(cells.get(part, (0, 0, 0, 0)), cell))
        return CountCube(wanted, dict(sorted(cells.items())), self.source)

    def as_json(self) -> str:
        """The cube as JSON text."""
        cells = [[list(group), list(cell)] for group, cell in sorted(self.cells.items())]
        return json.dumps({"attributes": list(self.attributes), "cells": cells, "source": self.source})

    @classmethod
    def from_json(cls, text: str) -> CountCube:
        """The cube that `as_json` wrote."""
        content = json.loads(text)
        cells = {tuple(group): _cell(cell) for group, cell in content["cells"]}
        return cls(tuple(content["attributes"]), cells, content["source"])


def _binary(name: str, values: Sequence[int] | np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        raise Misuse(f"{name} is empty; there is nothing to count")
    if not np.isin(array, (0, 1)).all():
        raise Misuse(f"{name} holds {np.setdiff1d(array, (0, 1))[:3].tolist()}; it must hold 0 and 1 only")
    return array.astype(np.int64)


def _cell(values: Iterable[int]) -> Cell:
    tn, fp, fn, tp = (int(value) for value in values)
    return tn, fp, fn, tp
