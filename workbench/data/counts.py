"""The count cube: how often each group, label and prediction came together; all fairness starts here.

Group metrics are functions of this small table, and drawing rows again is drawing its cells again, so
nothing else of the data is needed. Cubes of days, shards and late labels add. A missing group is a
group of its own, "(unknown)": nobody drops out of an audit unseen.

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
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.data.coding import UNKNOWN, coded_all, crossed, places_of, read_group
from workbench.data.count_scans import counted, given
from workbench.data.digests import digest_sources, steady
from workbench.errors import Misuse
from workbench.ledger import digest

Cell = tuple[int, int, int, int]  # true negatives, false positives, false negatives, true positives
EMPTY: Cell = (0, 0, 0, 0)


@dataclass(frozen=True)
class CountCube:
    """Counts by group; a group is a tuple of one value an attribute, in the attributes' order."""

    attributes: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Cell]  # groups that were seen, sorted
    sources: tuple[str, ...] = ()  # digests of what was scanned, sorted

    @classmethod
    def scan(
        cls,
        groups: Mapping[str, npt.ArrayLike],
        *,
        label: npt.ArrayLike,
        prediction: npt.ArrayLike,
        source: str = "",
    ) -> CountCube:
        """Count in one pass.

        Args:
            groups: One list an attribute, one value a case; values are taken as texts.
            label: What was true, 0 or 1, one a case.
            prediction: What was answered, 0 or 1, one a case.
            source: Digest of the data, kept as the cube's origin.

        Raises:
            Misuse: The lengths differ, there is no attribute, or a label or prediction is not 0 or 1.
        """
        truth, answer = binary("label", label), binary("prediction", prediction)
        columns = coded_all(groups)
        lengths = {len(truth), len(answer), *(len(column.codes) for column in columns.values())}
        if len(lengths) != 1 or not columns:
            raise Misuse(f"groups, label and prediction have the lengths {sorted(lengths)}; they need one and the same")
        place, names = crossed(list(columns.values()))
        place <<= 2
        place += (truth << 1) | answer
        table = np.bincount(place, minlength=len(names) * 4).reshape(-1, 4)
        cells: dict[tuple[str, ...], Cell] = {}
        for number in np.flatnonzero(table.sum(axis=1)):
            cells[names[number]] = _added(cells.get(names[number], EMPTY), table[number])
        return cls(tuple(columns), dict(sorted(cells.items())), (source,) if source else ())

    @classmethod
    def read(cls, source: Any, groups: Sequence[str], *, label: str, prediction: str, digest: str = "") -> CountCube:
        """Count the columns of a table.

        Args:
            source: A Parquet or CSV file, a DuckDB relation, or a table of pandas, polars or Arrow.
            groups: Columns of attributes, one or more.
            label: Column that holds what was true: 0 or 1, false or true.
            prediction: Column that holds what was answered, likewise.
            digest: Of the data; by default a file's own.

        Raises:
            Misuse: The table cannot be read, changed meanwhile, lacks a column, or a label or prediction is not
                0 or 1.
        """
        with steady(source):
            known = given(source, [*groups, label, prediction], digest)
            rows = [] if known.columns is not None else counted(source, groups, [label, prediction])
        if known.columns is not None:
            columns = known.columns
            named = {name: columns[name] for name in groups}
            return cls.scan(named, label=columns[label], prediction=columns[prediction], source=known.digest)
        return cls.from_rows(groups, rows, source=known.digest)

    @classmethod
    def from_rows(cls, groups: Sequence[str], rows: Iterable[Sequence[Any]], *, source: str = "") -> CountCube:
        """The cube of a warehouse's answer to `count_sql`: group values, label, prediction, cases.

        Raises:
            Misuse: A label or prediction is not 0 or 1, or there is no row.

        >>> CountCube.from_rows(["sex"], [("f", 1, 0, 12), ("f", 1, 1, 30)]).cells
        {('f',): (0, 0, 12, 30)}
        """
        cells: dict[tuple[str, ...], Cell] = {}
        for *values, truth, answer, cases in rows:
            place = 2 * int(binary("label", [truth])[0]) + int(binary("prediction", [answer])[0])
            group = tuple(UNKNOWN if value is None else str(value) for value in values)
            cells[group] = _added(cells.get(group, EMPTY), [int(cases) * (place == i) for i in range(4)])
        if not cells:
            raise Misuse("the data has no row", hint="give a table with rows")
        return cls(tuple(groups), dict(sorted(cells.items())), (source,) if source else ())

    @property
    def total(self) -> int:
        """Cases counted."""
        return sum(sum(cell) for cell in self.cells.values())

    @property
    def digest(self) -> str:
        """SHA-256 of the cube, in hex."""
        return digest(self._content())

    @property
    def data_digest(self) -> str:
        """Digest of what was scanned: the one source's, or that of all of them together."""
        return digest_sources(self.sources)

    def __add__(self, other: CountCube) -> CountCube:
        if self.attributes != other.attributes:
            raise Misuse(f"a cube by {self.attributes} and one by {other.attributes} do not add")
        groups = sorted({*self.cells, *other.cells})
        cells = {group: _added(self.cells.get(group, EMPTY), other.cells.get(group, EMPTY)) for group in groups}
        return CountCube(self.attributes, cells, tuple(sorted(self.sources + other.sources)))

    def by(self, attributes: Iterable[str]) -> CountCube:
        """The cube over fewer attributes.

        Raises:
            Misuse: It does not have one of them.
        """
        wanted, places = places_of(attributes, self.attributes)
        cells: dict[tuple[str, ...], Cell] = {}
        for group, cell in self.cells.items():
            part = tuple(group[place] for place in places)
            cells[part] = _added(cells.get(part, EMPTY), cell)
        return CountCube(wanted, dict(sorted(cells.items())), self.sources)

    def without(self, value: str) -> CountCube:
        """The cube without the groups that have this value in any attribute."""
        cells = {group: cell for group, cell in self.cells.items() if value not in group}
        return CountCube(self.attributes, cells, self.sources)

    def counts(self) -> npt.NDArray[np.int64]:
        """The cells as an array by group, label and prediction, groups in the order of `cells`."""
        return np.array(list(self.cells.values()), dtype=np.int64).reshape(-1, 2, 2)

    def as_json(self) -> str:
        """The cube as JSON text."""
        return json.dumps(self._content(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> CountCube:
        """The cube that `as_json` wrote.

        Raises:
            Misuse: The text is no cube.
        """
        try:
            content = json.loads(text)
            cells = {read_group(group, content): _added(EMPTY, cell) for group, cell in content["cells"]}
            return cls(tuple(content["attributes"]), cells, tuple(content["sources"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Misuse(f"the text is no count cube: {error}") from error

    def _content(self) -> dict[str, Any]:
        cells = [[list(group), list(cell)] for group, cell in self.cells.items()]
        return {"attributes": list(self.attributes), "cells": cells, "sources": list(self.sources), "unknown": UNKNOWN}


def binary(name: str, values: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Zeros and ones, one a case, from numbers or truths.

    Raises:
        Misuse: There is something else among them, or nothing at all.
    """
    found = np.asarray(values)
    if found.ndim != 1 or found.size == 0:
        raise Misuse(f"{name} has the shape {found.shape}; it needs one number a case")
    if found.dtype.kind in "bui" and found.min() >= 0 and found.max() <= 1:
        return found.astype(np.uint8)
    if found.dtype == object:
        import pandas as pd

        found = found.copy()
        found[pd.isna(found)] = None
    zeros_and_ones = (found == 0) | (found == 1)
    if not zeros_and_ones.all():
        odd = found[~zeros_and_ones][0]
        missing = odd is None or odd != odd
        late = "a case without a label waits for it: leave it out as yet" if missing else ""
        raise Misuse(f"{name} holds {odd}; it must hold 0 and 1 only", hint=late)
    return found.astype(np.uint8)


def _added(one: Iterable[int], other: Iterable[int]) -> Cell:
    tn, fp, fn, tp = (int(a) + int(b) for a, b in zip(one, other, strict=True))
    return tn, fp, fn, tp
