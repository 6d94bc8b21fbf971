"""The score cube: how often each group, label and score came together, the score in a thousand bins.

All that depends on a score and a threshold is in it: rates at every threshold, calibration, ranks.
A case whose label is not known yet is counted too, on a page of its own; when labels arrive, `settle`
moves those cases over. Cubes of days and shards add. Groups are few and rows many, so a cube of ten
groups has 30,000 numbers, most of them zero, whatever the rows.

>>> cube = ScoreCube.scan({"sex": ["f", "m", "m"]}, score=[0.25, 0.9, 0.4], label=[0, 1, None])
>>> cube.at(0.5).cells
{('f',): (1, 0, 0, 0), ('m',): (0, 0, 0, 1)}
>>> cube.waiting
1
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
from workbench.data.counts import CountCube
from workbench.data.digests import digest_sources, steady
from workbench.errors import Misuse

BINS = 1000  # thresholds lie on thousandths
NO, YES, WAITING = 0, 1, 2  # pages of the table
MOST_GROUPS = 10_000  # of a cube, whose groups take 24 kB each while it is counted
ROUNDING = 1e-9  # bins below which a score counts as on its bin's edge: 0.57 is in bin 570


@dataclass(frozen=True, eq=False)
class ScoreCube:
    """Counts by group, label and bin of the score."""

    attributes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]  # one value an attribute, sorted
    table: npt.NDArray[np.int64]  # by group; label 0, 1 or waiting; bin, from 0 up
    sources: tuple[str, ...] = ()  # digests of what was scanned, sorted

    @classmethod
    def scan(
        cls,
        groups: Mapping[str, Any],
        *,
        score: npt.ArrayLike,
        label: npt.ArrayLike | None = None,
        bins: int = BINS,
        source: str = "",
    ) -> ScoreCube:
        """Count in one pass.

        Args:
            groups: One list an attribute, one value a case; values are taken as texts.
            score: Probability of yes, in [0, 1], one a case.
            label: What was true, 0 or 1, one a case, missing where it is not known; None: nowhere yet.
            bins: Equal steps that the score is counted in.
            source: Digest of the data, kept as the cube's origin.

        Raises:
            Misuse: The lengths differ, a score is no number in [0, 1], or a label is neither 0, 1 nor missing.
        """
        scores = np.asarray(score, dtype=float)
        if scores.ndim != 1 or not scores.size or not ((scores >= 0) & (scores <= 1)).all():
            raise Misuse("a score is no number in [0, 1]; it must be the probability of yes")
        page = np.full(len(scores), WAITING, np.uint8) if label is None else _pages(label)
        columns = coded_all(groups)
        lengths = {len(scores), len(page), *(len(column.codes) for column in columns.values())}
        if len(lengths) != 1 or not columns:
            raise Misuse(f"groups, label and score have the lengths {sorted(lengths)}; they need one and the same")
        place, names = crossed(list(columns.values()), most=MOST_GROUPS)
        place *= 3
        place += page
        place *= bins
        place += np.minimum((scores * bins + ROUNDING).astype(np.int64), bins - 1)
        table = np.bincount(place, minlength=len(names) * 3 * bins).reshape(-1, 3, bins)
        return cls._gathered(tuple(columns), names, table, (source,) if source else ())

    @classmethod
    def read(
        cls,
        source: Any,
        groups: Sequence[str],
        *,
        score: str,
        label: str | None = None,
        bins: int = BINS,
        digest: str = "",
    ) -> ScoreCube:
        """Count the columns of a table; see `CountCube.read`.

        Raises:
            Misuse: The table cannot be read, lacks a column, or holds a score or label that is none.
        """
        numbers = [score] if label is None else [label, score]
        with steady(source):
            known = given(source, [*groups, *numbers], digest)
            rows = [] if known.columns is not None else counted(source, groups, numbers, bins=bins)
        if (columns := known.columns) is not None:
            labels = None if label is None else columns[label]
            named = {name: columns[name] for name in groups}
            return cls.scan(named, score=columns[score], label=labels, bins=bins, source=known.digest)
        cells: dict[tuple[str, ...], npt.NDArray[np.int64]] = {}
        for row in rows:
            group = tuple(UNKNOWN if value is None else value for value in row[: len(groups)])
            if len(cells) >= MOST_GROUPS and group not in cells:
                raise Misuse(f"there are more than {MOST_GROUPS:,} groups", hint="name columns of few values")
            page = WAITING if label is None else int(_pages([row[-3]])[0])
            if row[-2] is None:
                raise Misuse(f"the score {score!r} is no number in [0, 1]; it must be the probability of yes")
            cells.setdefault(group, np.zeros((3, bins), np.int64))[page, int(row[-2])] += row[-1]
        if not cells:
            raise Misuse("the data has no row", hint="give a table with rows")
        origin = (known.digest,) if known.digest else ()
        return cls._gathered(tuple(groups), list(cells), np.array(list(cells.values())), origin)

    @property
    def bins(self) -> int:
        """Steps that the score is counted in."""
        return int(self.table.shape[2])

    @property
    def total(self) -> int:
        """Cases counted."""
        return int(self.table.sum())

    @property
    def waiting(self) -> int:
        """Cases whose label is not known."""
        return int(self.table[:, WAITING].sum())

    @property
    def labelled(self) -> npt.NDArray[np.int64]:
        """Counts by group, label and bin, of the cases whose label is known."""
        return self.table[:, :WAITING]

    @property
    def data_digest(self) -> str:
        """Digest of what was scanned: the one source's, or that of all of them together."""
        return digest_sources(self.sources)

    def at(self, threshold: float) -> CountCube:
        """The count cube of saying yes from a threshold on, over the labelled cases.

        Args:
            threshold: On an edge of the bins, or else the next edge above counts; in [0, 1), and from 1 on nobody
                gets a yes (a score of exactly 1 lies in the last bin).
        """
        first = int(np.ceil(threshold * self.bins - 1e-6))
        no, yes = self.labelled[:, :, :first].sum(axis=2), self.labelled[:, :, first:].sum(axis=2)
        cells = np.stack([no[:, 0], yes[:, 0], no[:, 1], yes[:, 1]], axis=1).tolist()
        kept = {group: tuple(cell) for group, cell in zip(self.groups, cells, strict=True) if any(cell)}
        return CountCube(self.attributes, kept, self.sources)

    def by(self, attributes: Iterable[str]) -> ScoreCube:
        """The cube over fewer attributes.

        Raises:
            Misuse: It does not have one of them.
        """
        wanted, places = places_of(attributes, self.attributes)
        names = [tuple(group[place] for place in places) for group in self.groups]
        return self._gathered(wanted, names, self.table, self.sources)

    def __add__(self, other: ScoreCube) -> ScoreCube:
        if (self.attributes, self.bins) != (other.attributes, other.bins):
            raise Misuse(
                f"a cube by {self.attributes} in {self.bins} bins and one by {other.attributes} in {other.bins} "
                "do not add"
            )
        together = np.concatenate([self.table, other.table])
        sources = tuple(sorted(self.sources + other.sources))
        return self._gathered(self.attributes, [*self.groups, *other.groups], together, sources)

    def settle(self, arrived: ScoreCube) -> ScoreCube:
        """The cube once labels have arrived for some of its waiting cases.

        Args:
            arrived: A cube of those cases alone, with their labels.

        Raises:
            Misuse: They are not among the waiting cases.
        """
        gone = arrived.table.copy()
        gone[:, WAITING] = -arrived.labelled.sum(axis=1)
        settled = self + ScoreCube(arrived.attributes, arrived.groups, gone, arrived.sources)
        if (settled.table < 0).any():
            raise Misuse("labels have arrived for cases that do not wait for one", hint="were they settled before?")
        return settled

    def as_json(self) -> str:
        """The cube as JSON text: for each group and label the bins that hold cases, and how many."""
        cells = [
            [list(group), [[np.flatnonzero(page).tolist(), page[page > 0].tolist()] for page in pages]]
            for group, pages in zip(self.groups, self.table, strict=True)
        ]
        content = {"attributes": self.attributes, "bins": self.bins, "cells": cells, "sources": self.sources}
        content["unknown"] = UNKNOWN
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ScoreCube:
        """The cube that `as_json` wrote.

        Raises:
            Misuse: The text is no cube.
        """
        try:
            content = json.loads(text)
            table = np.zeros((len(content["cells"]), 3, int(content["bins"])), np.int64)
            for row, (_, pages) in enumerate(content["cells"]):
                for page, (places, cases) in enumerate(pages):
                    table[row, page, places] = cases
            names = [read_group(group, content) for group, _ in content["cells"]]
            return cls._gathered(tuple(content["attributes"]), names, table, tuple(content["sources"]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Misuse(f"the text is no score cube: {error}") from error

    @classmethod
    def _gathered(
        cls,
        attributes: tuple[str, ...],
        names: Sequence[tuple[str, ...]],
        table: npt.NDArray[np.int64],
        sources: tuple[str, ...],
    ) -> ScoreCube:
        """Groups sorted, those of one name added, those without a case left out."""
        seen = np.flatnonzero(np.abs(table).sum(axis=(1, 2))).tolist()
        groups = sorted({names[row] for row in seen})
        place = {name: i for i, name in enumerate(groups)}
        gathered = np.zeros((len(groups), *table.shape[1:]), np.int64)
        for row in seen:
            gathered[place[names[row]]] += table[row]
        return cls(attributes, tuple(groups), gathered, sources)


def _pages(label: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """0, 1, or `WAITING` where there is no label.

    Raises:
        Misuse: A label is something else.
    """
    found = np.asarray(label, dtype=float)
    missing = np.isnan(found)
    if not (missing | (found == 0) | (found == 1)).all():
        raise Misuse("a label is neither 0, 1 nor missing")
    return np.where(missing, WAITING, found).astype(np.uint8)
