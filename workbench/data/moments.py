"""The moment cube: what one scan of an experiment's data leaves, a few kilobytes that add.

One cell is one segment × day × arm. It holds how many units fell there, the means, centred squares
and cross-products of all measures (covariates are measures too), and the moments of the positive
values' logarithms. Rules:

- where a unit's rows repeat (visits, years), they are made one number a unit before anything is
  counted; a unit lies in exactly one cell, its day is its first one;
- where units come in clusters (families, shops), the cube also knows how far the clusters' sums
  scatter, so that a mean's error can respect them;
- no raw sum of squares anywhere, no row of data, no unit's name;
- `+` adds days and shards (which must not share units) exactly, and refuses the same data twice.

>>> import pandas as pd
>>> rows = pd.DataFrame({"arm": ["a", "a", "b", "b"], "spend": [0.0, 4.0, 2.0, 6.0]})
>>> cube = MomentCube.scan(rows, arm="arm", measures=[Measure("spend", "spend")])
>>> cube.sample("spend", "b").mean
4.0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.scans import Measure, Scanned, scan
from workbench.errors import Misuse
from workbench.stats.clusters import design_effect, places, recentred, residual_squares
from workbench.stats.moments import Logs, Moments, Sample, merged, merged_logs, stacked

__all__ = ["Cell", "Measure", "MomentCube"]

FORMAT = "workbench.moments/1"


@dataclass(frozen=True, order=True)
class Cell:
    """Where a unit is counted."""

    segment: tuple[str, ...]  # one value a segment column
    day: str  # ISO date or the day column's text; "" where there are no days
    arm: str


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
    sources: tuple[str, ...]  # full-content digests of what was scanned, sorted
    rows: int  # how many rows of the table that was
    sql: str  # what was asked of DuckDB

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
        digest: str | None = None,
    ) -> MomentCube:
        """The cube of a table.

        Args:
            source: A pandas or polars frame, an Arrow table, or the path of a Parquet or CSV file.
            arm: The column that says which arm a row is in.
            measures: What to measure; covariates as well.
            unit: The column that names the unit (person, visitor); its rows are made one.
            cluster: The column that names what units came in together (family, shop), if any.
            segments: Columns that cut the units into groups; constant within a unit.
            day: The column of the day.
            arms: The arms to keep, as text; all by default.
            digest: The source's digest where it is known already.

        Raises:
            Misuse: A column is missing or not a number, a value is missing, a unit is in two arms
                or segments, or nothing is left.
        """
        found = scan(source, arm, tuple(measures), unit, cluster, tuple(segments), day, arms)
        return cls._of(found, tuple(measures), tuple(segments), unit, cluster, digest or _digest(source))

    @classmethod
    def _of(
        cls,
        found: Scanned,
        measures: tuple[Measure, ...],
        segments: tuple[str, ...],
        unit: str | None,
        cluster: str | None,
        digest: str,
    ) -> MomentCube:
        cells = tuple(Cell(segment, day, arm) for segment, day, arm in found.keys)
        cube = cls(
            measures,
            segments,
            unit,
            cluster,
            cells,
            found.units,
            found.logs,
            found.negatives,
            found.clusters,
            (digest,),
            found.rows,
            found.sql,
        )
        return cube.regrouped(lambda cell: cell)  # sorts

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
    def n(self) -> float:
        """All units."""
        return float(self.units.n.sum())

    @cached_property
    def by_arm(self) -> MomentCube:
        """One cell an arm: segments and days added up."""
        whole = replace(self, segments=())
        return whole.regrouped(lambda cell: Cell((), "", cell.arm))

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
        total = self.by_arm
        names = [m.name for m in self.measures]
        if measure not in names:
            raise Misuse(f"there is no measure {measure!r}; the cube has {names}")
        if arm not in self.arms:
            raise Misuse(f"there is no arm {arm!r}; the cube has {list(self.arms)}")
        return total._sample(names.index(measure), [cell.arm for cell in total.cells].index(arm))

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
        rows = [i for i, cell in enumerate(self.cells) if keep(cell)]
        return replace(
            self,
            cells=tuple(self.cells[i] for i in rows),
            units=Moments(*(part[rows] for part in self.units)),
            logs=Logs(*(part[rows] for part in self.logs)),
            negatives=self.negatives[rows],
            clusters=None if self.clusters is None else Moments(*(part[rows] for part in self.clusters)),
        )

    def regrouped(self, place: Callable[[Cell], Cell]) -> MomentCube:
        """Cells put where `place` says; those that meet become one."""
        targets = [place(cell) for cell in self.cells]
        cells = tuple(sorted(set(targets)))
        at = {cell: i for i, cell in enumerate(cells)}
        groups = np.array([at[target] for target in targets], dtype=np.int64)
        units = merged(self.units, groups, len(cells))
        logs = merged_logs(self.logs, groups, len(cells))
        negatives = np.zeros((len(cells), len(self.measures)))
        np.add.at(negatives, groups, self.negatives)
        clusters = self.clusters
        if clusters is not None:
            to = Moments(units.n[groups], units.mean[groups], units.scatter[groups])
            new = Logs(logs.n[groups], logs.mean[groups], logs.scatter[groups])
            share = self.logs.n / np.maximum(self.units.n[:, None], 1.0)
            told = recentred(clusters, self.units.mean, share, self.logs.mean, to, new)
            clusters = merged(told, groups, len(cells))
        return replace(self, cells=cells, units=units, logs=logs, negatives=negatives, clusters=clusters)

    def __add__(self, other: MomentCube) -> MomentCube:
        """Both cubes' units together; the two must not share units.

        Raises:
            Misuse: The cubes measure different things, or hold the same data.
        """
        for name in ("measures", "segments", "unit", "cluster"):
            if getattr(self, name) != getattr(other, name):
                raise Misuse(f"cubes of different {name} do not add: {getattr(self, name)}, {getattr(other, name)}")
        if twice := set(self.sources) & set(other.sources):
            raise Misuse(f"the data {sorted(twice)[0][:12]}… is in both cubes; added, it would count twice")
        clusters = None
        if self.clusters is not None and other.clusters is not None:
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
        return joined.regrouped(lambda cell: cell)

    def as_json(self) -> str:
        """The cube as text, every number to its last bit."""
        return json.dumps({"format": FORMAT, **self._head(), "rows": self._rows()}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> MomentCube:
        """The cube that `as_json` wrote.

        Raises:
            Misuse: The text is no cube.
        """
        try:
            body = json.loads(text)
            if body["format"] != FORMAT:
                raise Misuse(f"the format is {body['format']!r}; it must be {FORMAT!r}")
            return cls._from_rows(body, body["rows"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise Misuse(f"this is no moment cube: {error!r}") from error

    def to_parquet(self, path: Path) -> None:
        """Write the cube, one row a cell, its head in the file's metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        head = {b"workbench": json.dumps({"format": FORMAT, **self._head()}).encode()}
        pq.write_table(pa.Table.from_pylist(self._rows()).replace_schema_metadata(head), path)

    @classmethod
    def from_parquet(cls, path: Path) -> MomentCube:
        """The cube that `to_parquet` wrote.

        Raises:
            Misuse: The file is no cube.
        """
        import pyarrow.parquet as pq

        table = pq.ParquetFile(path).read()
        head = (table.schema.metadata or {}).get(b"workbench")
        if head is None:
            raise Misuse(f"{path} holds no moment cube")
        return cls._from_rows(json.loads(head), table.to_pylist())

    def _sample(self, j: int, row: int) -> Sample:
        n, n_log = float(self.units.n[row]), float(self.logs.n[row, j])
        m2, m2_log = float(self.units.scatter[row, j, j]), float(self.logs.scatter[row, j])
        effects = (1.0, 1.0, 1.0)
        groups = None
        if self.clusters is not None:
            groups = float(self.clusters.n[row])
            square = (m2, n_log * (n - n_log) / max(n, 1.0), m2_log)
            weight = (n, n, n_log)
            effects = tuple(  # type: ignore[assignment]
                design_effect(groups, residual_squares(self.clusters, row, place), w, s)
                for place, w, s in zip(places(j), weight, square, strict=True)
            )
        return Sample(
            n=n,
            mean=float(self.units.mean[row, j]),
            m2=m2,
            n_positive=n_log,
            mean_log=float(self.logs.mean[row, j]),
            m2_log=m2_log,
            n_negative=float(self.negatives[row, j]),
            clusters=groups,
            deff_mean=effects[0],
            deff_share=effects[1],
            deff_log=effects[2],
        )

    def _head(self) -> dict[str, Any]:
        return {
            "measures": [asdict(measure) for measure in self.measures],
            "segments": list(self.segments),
            "unit": self.unit,
            "cluster": self.cluster,
            "sources": list(self.sources),
            "rows": self.rows,
            "sql": self.sql,
        }

    def _rows(self) -> list[dict[str, Any]]:
        parts = {"units": self.units, "logs": self.logs, "clusters": self.clusters}
        rows = []
        for i, cell in enumerate(self.cells):
            row: dict[str, Any] = {"segment": list(cell.segment), "day": cell.day, "arm": cell.arm}
            for name, part in parts.items():
                for field, values in () if part is None else part._asdict().items():
                    row[f"{name}_{field}"] = np.asarray(values[i]).ravel().tolist()
            rows.append({**row, "negatives": self.negatives[i].tolist()})
        return rows

    @classmethod
    def _from_rows(cls, head: dict[str, Any], rows: list[dict[str, Any]]) -> MomentCube:
        def part(name: str, components: int) -> Moments:
            n = np.array([row[f"{name}_n"][0] for row in rows])
            mean = np.array([row[f"{name}_mean"] for row in rows])
            scatter = np.array([row[f"{name}_scatter"] for row in rows])
            return Moments(n, mean, scatter.reshape(len(rows), components, components))

        k = len(head["measures"])
        logs = Logs(*(np.array([row[f"logs_{field}"] for row in rows]) for field in Logs._fields))
        return cls(
            measures=tuple(Measure(**measure) for measure in head["measures"]),
            segments=tuple(head["segments"]),
            unit=head["unit"],
            cluster=head["cluster"],
            cells=tuple(Cell(tuple(row["segment"]), row["day"], row["arm"]) for row in rows),
            units=part("units", k),
            logs=logs,
            negatives=np.array([row["negatives"] for row in rows]),
            clusters=part("clusters", 1 + 3 * k) if head["cluster"] is not None else None,
            sources=tuple(head["sources"]),
            rows=head["rows"],
            sql=head["sql"],
        )


def _digest(source: Any) -> str:
    """Full-content digest of a source."""
    from workbench.data.digests import digest_file, digest_frame

    if isinstance(source, str | Path):
        return digest_file(Path(source))
    frame = source.to_pandas() if hasattr(source, "to_pandas") else source
    return digest_frame(frame)
