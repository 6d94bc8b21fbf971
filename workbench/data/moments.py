"""The moment cube: what one scan of an experiment's data leaves, a few kilobytes that add.

One cell is one segment × day × arm. It holds how many units fell there, the means, centred squares
and cross-products of all measures (covariates are measures too), and the moments of the positive
values' logarithms. Rules:

- where a unit's rows repeat (visits, years), they are made one number a unit before anything is
  counted; a unit lies in exactly one cell, its day is its first one; a cap is for that one number;
- where units come in clusters (families, shops), the cube also knows how far the clusters' sums
  scatter, so that a mean's error can respect them; all units of a cluster have the cluster's first
  day, so that each look at the days until then holds whole clusters;
- no raw sum of squares anywhere, no row of data, no unit's name;
- `+` adds days and shards (which must not share units) exactly, and refuses the same data twice;
  where there are clusters, `plus` asks whether the shards share none, which a cube cannot know.

>>> import pandas as pd
>>> rows = pd.DataFrame({"arm": ["a", "a", "b", "b"], "spend": [0.0, 4.0, 2.0, 6.0]})
>>> cube = MomentCube.scan(rows, arm="arm", measures=[Measure("spend", "spend")])
>>> cube.sample("spend", "b").mean
4.0
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data import moment_files
from workbench.data.cells import Cell, Series, day_order, in_order, sample_of
from workbench.data.scans import Measure, Plan, cap_at, scan, scan_sql
from workbench.data.spanning import Parts, across_of, gathered
from workbench.errors import Misuse
from workbench.stats.clusters import clustered_covariance
from workbench.stats.moments import Floats, Logs, Moments, Sample, merged, merged_logs, stacked

__all__ = ["Cell", "Measure", "MomentCube", "Plan", "Series", "cap_at", "scan_sql"]

EMPTY = Sample(n=0.0, mean=0.0, m2=0.0)


@dataclass(frozen=True, eq=False)
class MomentCube:
    """Additive moments of an experiment, one row a cell."""

    measures: tuple[Measure, ...]
    segments: tuple[str, ...]  # the columns that segments come from
    unit: str | None  # the column that names a unit; None: every row is one
    cluster: str | None  # the column that names a cluster of units
    cells: tuple[Cell, ...]  # sorted, none twice
    units: Moments
    logs: Logs
    negatives: np.ndarray[Any, np.dtype[np.float64]]  # units below zero, cells × measures
    clusters: Moments | None
    sources: tuple[str, ...]  # full-content digests of what was scanned, sorted; of a warehouse, of its answer
    rows: int  # how many rows of the table that was
    sql: str  # what was asked, in the words of who was asked
    across: Moments | None = None  # clusters counted once, one row a day and arm, where some lie in several segments

    @classmethod
    def scan(
        cls,
        source: Any,
        *,
        arm: str,
        measures: Sequence[Measure],
        unit: str | None = None,
        cluster: str | None = None,
        segments: Sequence[str] = (),
        day: str | None = None,
        arms: Sequence[str] | None = None,
        needed: Sequence[str] = (),
        digest: str | None = None,
    ) -> MomentCube:
        """The cube of a table.

        Args:
            source: The path of a Parquet or CSV file; a pandas or polars frame, an Arrow table or reader;
                a `Warehouse`, whose connection is asked the same query; an Ibis table.
            arm: The column that says which arm a row is in.
            measures: What to measure; covariates as well.
            unit: The column that names the unit (person, visitor); its rows are made one.
            cluster: The column that names what units came in together (family, shop), if any.
            segments: Columns that cut the units into groups; constant within a unit. A cluster that lies in
                several segments is one cluster of its day and arm, and one of each segment.
            day: The column of the day: a number, a date, a moment (its date counts, in UTC where it has a
                zone) or a text. A unit's day is its first; in a cluster, the cluster's first.
            arms: The arms to keep, as text; all by default.
            needed: Arms without which nothing can be compared: of all that is wrong, their absence is told first.
            digest: The source's digest where it is known already.

        Raises:
            Misuse: A column is missing or not a number, a value is missing or too large to be squared, a
                unit is in two arms or segments, a needed arm is not there, or nothing is left.
            EngineError: A warehouse refuses.
        """
        kept = None if arms is None else tuple(arms)
        plan = Plan(arm, tuple(measures), unit, cluster, tuple(segments), day, kept, tuple(needed))
        found = scan(source, plan, digest=digest)
        cube = cls(
            measures=plan.measures,
            segments=plan.segments,
            unit=unit,
            cluster=cluster,
            cells=tuple(Cell(segment, day, arm) for segment, day, arm in found.keys),
            units=found.units,
            logs=found.logs,
            negatives=found.negatives,
            clusters=found.clusters,
            sources=(found.digest,),
            rows=found.rows,
            sql=found.sql,
            across=found.across,
        )
        return cube.regrouped(lambda cell: cell)  # sorts, and adds halves

    @property
    def digest(self) -> str:
        """Digest of what was scanned: the source's own, or one over those of all that was added."""
        if len(self.sources) == 1:
            return self.sources[0]
        return hashlib.sha256("\n".join(self.sources).encode()).hexdigest()

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms there are, sorted."""
        return tuple(sorted({cell.arm for cell in self.cells}))

    @property
    def days(self) -> tuple[str, ...]:
        """The days there are, first to last (`cells.day_order`); one, empty, where no day was scanned."""
        return in_order(cell.day for cell in self.cells)

    @property
    def n(self) -> float:
        """All units."""
        return float(self.units.n.sum())

    @cached_property
    def by_arm(self) -> MomentCube:
        """One cell an arm: segments and days added up."""
        return replace(self, segments=()).regrouped(lambda cell: Cell((), "", cell.arm))

    @cached_property
    def by_segment(self) -> MomentCube:
        """One cell a segment and arm: days added up."""
        return self.regrouped(lambda cell: Cell(cell.segment, "", cell.arm))

    @cached_property
    def by_day(self) -> MomentCube:
        """One cell a day and arm: segments added up."""
        return replace(self, segments=()).regrouped(lambda cell: Cell((), cell.day, cell.arm))

    @cached_property
    def up_to_day(self) -> MomentCube:
        """One cell a day and arm that holds all units until then, that day's too; of clusters, those met until then."""
        daily, days = self.by_day, self.days
        pairs = [
            (row, Cell((), day, cell.arm))
            for row, cell in enumerate(daily.cells)
            for day in days[days.index(cell.day) :]
        ]
        return daily._gathered([row for row, _ in pairs], [cell for _, cell in pairs])

    def counts(self) -> dict[str, float]:
        """Units, by arm."""
        return {cell.arm: float(n) for cell, n in zip(self.by_arm.cells, self.by_arm.units.n, strict=True)}

    def cluster_counts(self) -> dict[str, float]:
        """Clusters by arm; units where there are no clusters."""
        if self.by_arm.clusters is None:
            return self.counts()
        pairs = zip(self.by_arm.cells, self.by_arm.clusters.n, strict=True)
        return {cell.arm: float(n) for cell, n in pairs}

    def sample(self, measure: str, arm: str) -> Sample:
        """One measure in one arm, all that a posterior needs.

        Raises:
            Misuse: There is no such measure or arm.
        """
        j, row = self._places([measure], arm)
        return self.by_arm._sample(j[0], row)

    def moments(self, measures: Sequence[str], arm: str) -> tuple[float, Floats, Floats]:
        """Several measures in one arm, for ratios and regressions on covariates.

        Args:
            measures: Their names, in the order that is wanted.
            arm: The arm.

        Returns:
            Units; means; and the covariance matrix of one unit's numbers, so that it divided by the
            units is that of the means. Where units come in clusters it is the clusters', as it is.

        Raises:
            Misuse: There is no such measure or arm.
        """
        j, row = self._places(measures, arm)
        n = float(self.by_arm.units.n[row])
        covariance = self.by_arm.units.scatter[row][np.ix_(j, j)] / max(n - 1, 1.0)
        if self.by_arm.clusters is not None:
            covariance = clustered_covariance(self.by_arm.clusters, row, j, n, covariance)
        return n, self.by_arm.units.mean[row, j], covariance

    def segment_samples(self, measure: str, arm: str) -> dict[tuple[str, ...], Sample]:
        """One measure in one arm, by segment; segments in which the arm has no unit are left out.

        Raises:
            Misuse: There is no such measure or arm.
        """
        j = self._places([measure], arm)[0][0]
        part = self.by_segment
        return {cell.segment: part._sample(j, row) for row, cell in enumerate(part.cells) if cell.arm == arm}

    def series(self, measure: str, arm: str) -> Series:
        """One measure in one arm over the days, day by day and up to each day.

        Raises:
            Misuse: There is no such measure or arm.
        """
        j = self._places([measure], arm)[0][0]
        parts = []
        for part in (self.by_day, self.up_to_day):
            found = {cell.day: part._sample(j, row) for row, cell in enumerate(part.cells) if cell.arm == arm}
            parts.append(tuple(found.get(day, EMPTY) for day in self.days))
        return Series(self.days, *parts)

    def _places(self, measures: Sequence[str], arm: str) -> tuple[list[int], int]:
        """Where these measures and this arm stand in `by_arm`.

        Raises:
            Misuse: There is no such measure or arm.
        """
        names = [m.name for m in self.measures]
        if absent := [measure for measure in measures if measure not in names]:
            raise Misuse(f"there is no measure {absent[0]!r}; the cube has {names}")
        if arm not in self.arms:
            raise Misuse(f"there is no arm {arm!r}; the cube has {list(self.arms)}")
        return [names.index(measure) for measure in measures], self.arms.index(arm)

    def samples(self, measure: str) -> dict[Cell, Sample]:
        """One measure in every cell as it stands.

        Raises:
            Misuse: There is no such measure.
        """
        names = [m.name for m in self.measures]
        if measure not in names:
            raise Misuse(f"there is no measure {measure!r}; the cube has {names}")
        return {cell: self._sample(names.index(measure), row) for row, cell in enumerate(self.cells)}

    def only(self, keep: Callable[[Cell], bool]) -> MomentCube:
        """The cells that are wanted."""
        return self._at([i for i, cell in enumerate(self.cells) if keep(cell)])

    def regrouped(self, place: Callable[[Cell], Cell]) -> MomentCube:
        """Cells put where `place` says; those that meet become one."""
        return self._gathered(range(len(self.cells)), [place(cell) for cell in self.cells])

    def _gathered(self, rows: Sequence[int], targets: Sequence[Cell]) -> MomentCube:
        """These rows, each put where its target says; a row may go to several."""
        cells = tuple(sorted(set(targets), key=lambda cell: (cell.segment, day_order(cell.day), cell.arm)))
        at = {cell: i for i, cell in enumerate(cells)}
        groups = np.array([at[target] for target in targets], dtype=np.int64)
        own = self._at(rows)
        units = merged(own.units, groups, len(cells))
        logs = merged_logs(own.logs, groups, len(cells))
        negatives = np.zeros((len(cells), len(self.measures)))
        np.add.at(negatives, groups, own.negatives)
        new = replace(own, cells=cells, units=units, logs=logs, negatives=negatives)
        if own.clusters is None:
            return new
        parts = Parts(own.units, own.logs, own.clusters)
        clusters, across = gathered(
            own.cells, parts, own.across, targets, cells, parts._replace(units=units, logs=logs)
        )
        return replace(new, clusters=clusters, across=across)

    def _at(self, rows: Sequence[int]) -> MomentCube:
        """These rows, a row as often as it is named."""
        take = np.asarray(rows, dtype=np.int64)
        cells = tuple(self.cells[i] for i in rows)
        return replace(
            self,
            cells=cells,
            units=Moments(*(part[take] for part in self.units)),
            logs=Logs(*(part[take] for part in self.logs)),
            negatives=self.negatives[take],
            clusters=None if self.clusters is None else Moments(*(part[take] for part in self.clusters)),
            across=across_of(self.across, self.cells, cells),
        )

    def __add__(self, other: MomentCube) -> MomentCube:
        """Both cubes' units together; the two must not share units. Where these come in clusters, see `plus`.

        Raises:
            Misuse: The cubes measure different things, hold the same data, or have clusters.
        """
        return self.plus(other)

    def plus(self, other: MomentCube, *, disjoint_clusters: bool = False) -> MomentCube:
        """Both cubes' units together; the two must share neither units nor clusters.

        Args:
            other: Another day or shard of the same experiment.
            disjoint_clusters: Whether it is known that no cluster has units in both.

        Raises:
            Misuse: The cubes measure different things or hold the same data, or have clusters of which
                nothing is known.
        """
        for name in ("measures", "segments", "unit", "cluster"):
            if getattr(self, name) != getattr(other, name):
                raise Misuse(f"cubes of different {name} do not add: {getattr(self, name)}, {getattr(other, name)}")
        if twice := set(self.sources) & set(other.sources):
            raise Misuse(f"the data {sorted(twice)[0][:12]}… is in both cubes; added, it would count twice")
        clusters = None
        if self.clusters is not None and other.clusters is not None:
            if not disjoint_clusters:
                raise Misuse(
                    f"cubes with clusters do not add by themselves: one {self.cluster!r} in both would count as two",
                    hint="scan both together; or, where none is in both: one.plus(other, disjoint_clusters=True)",
                )
            clusters = stacked([self.clusters, other.clusters])
        logs = Logs(*(np.concatenate(pair) for pair in zip(self.logs, other.logs, strict=True)))
        joined = replace(
            self,
            cells=self.cells + other.cells,
            units=stacked([self.units, other.units]),
            logs=logs,
            negatives=np.concatenate([self.negatives, other.negatives]),
            clusters=clusters,
            sources=tuple(sorted(self.sources + other.sources)),
            rows=self.rows + other.rows,
        )
        if self.across is not None or other.across is not None:
            joined = replace(joined, across=self.by_day.plus(other.by_day, disjoint_clusters=True).clusters)
        return joined.regrouped(lambda cell: cell)

    def as_json(self) -> str:
        """The cube as text, every number to its last bit."""
        return moment_files.as_json(self)

    @classmethod
    def from_json(cls, text: str) -> MomentCube:
        """The cube that `as_json` wrote.

        Raises:
            Misuse: The text is no cube.
        """
        return cls._read(moment_files.from_json(text))

    def as_parquet(self) -> bytes:
        """The cube as a Parquet file, one row a cell, SQL and digests in its metadata; the same cube, the same bytes.

        `record.file("cube.parquet", cube.as_parquet())` logs it with a run.
        """
        return moment_files.as_parquet(self)

    def to_parquet(self, path: Path) -> None:
        """Write `as_parquet` into a file."""
        path.write_bytes(self.as_parquet())

    @classmethod
    def from_parquet(cls, path: Path) -> MomentCube:
        """The cube in a file that holds `as_parquet`.

        Raises:
            Misuse: The file is no cube.
        """
        return cls._read(moment_files.from_parquet(path))

    @classmethod
    def _read(cls, fields: dict[str, Any]) -> MomentCube:
        return cls(**{**fields, "cells": tuple(Cell(*place) for place in fields["cells"])})

    def _sample(self, j: int, row: int) -> Sample:
        return sample_of(self.units, self.logs, self.negatives, self.clusters, row, j)
