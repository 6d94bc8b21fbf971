"""The one scan behind a moment cube: its SQL, and DuckDB's answer as arrays.

Names of columns come from outside and are never trusted: they appear in the SQL as quoted
identifiers only, and everything computed from them has a name of ours. Numbers are read as DOUBLE
before any arithmetic (an int8 cannot overflow); DuckDB's variances and covariances are Welford's,
which keep their digits at large means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.errors import Misuse
from workbench.stats.moments import Floats, Logs, Moments

if TYPE_CHECKING:
    import duckdb

Within = Literal["sum", "mean", "max", "min"]
WITHIN = {"sum": "sum", "mean": "avg", "max": "max", "min": "min"}


# one thread: the same data gives the same sums to the last bit; no name is looked up outside the database
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
}


@dataclass(frozen=True)
class Measure:
    """One number a unit."""

    name: str  # as it is called in results
    column: str  # where it is read
    within: Within = "sum"  # how a unit's rows become one number


@dataclass(frozen=True)
class Scanned:
    """What a scan found, one row a cell."""

    keys: tuple[tuple[tuple[str, ...], str, str], ...]  # segment, day, arm
    units: Moments
    logs: Logs
    negatives: Floats
    clusters: Moments | None
    rows: int  # of the table, in these arms
    sql: str


def scan(
    source: Any,
    arm: str,
    measures: tuple[Measure, ...],
    unit: str | None,
    cluster: str | None,
    segments: tuple[str, ...],
    day: str | None,
    arms: Sequence[str] | None,
) -> Scanned:
    """Scan a table once, as `MomentCube.scan` describes.

    Raises:
        Misuse: The table cannot be read as asked.
    """
    import duckdb

    _check(measures, unit, cluster, arms)
    con = duckdb.connect(config=SETTINGS)
    try:
        columns, kind = register(con, source)
        wanted = {arm, *(m.column for m in measures), *segments, *(c for c in (unit, cluster, day) if c is not None)}
        if absent := sorted(wanted - set(columns)):
            raise Misuse(f"there is no column {', '.join(absent)}", hint=f"the columns are: {', '.join(columns)}")
        con.execute(f"CREATE TEMP {kind} scanned AS SELECT {', '.join(map(quoted, sorted(wanted)))} FROM given")  # noqa: S608  (quoted)
        statements = _statements(arm, measures, unit, cluster, segments, day, arms is not None)
        con.execute(statements[0], [list(arms)] if arms is not None else [])
        _refuse_faults(con, measures, unit, cluster)
        units = con.execute(statements[1]).fetchall()
        groups = con.execute(statements[2]).fetchall() if cluster is not None else None
        counted = con.execute("SELECT sum(rows) FROM units").fetchone()
    except duckdb.Error as error:
        raise Misuse(f"the data could not be scanned: {str(error).splitlines()[0]}") from error
    finally:
        con.close()
    if not units:
        raise Misuse("the data has no row in these arms", hint="look at the arm column's values")
    rows = int(counted[0]) if counted is not None else 0
    return _arrays(units, groups, len(segments), len(measures), rows, ";\n\n".join(statements) + ";")


def quoted(name: str) -> str:
    """A column's name as an SQL identifier, whatever it holds.

    >>> quoted('a"; drop table x --')
    '"a""; drop table x --"'
    """
    return '"' + name.replace('"', '""') + '"'


def register(con: duckdb.DuckDBPyConnection, source: Any) -> tuple[list[str], str]:
    """Make the source readable under the name `given`.

    Returns:
        Its columns, and what to read them through: a CSV file's are read into a table of their own types
        first, or DuckDB would push our casts into its parser, where `True` is no number.

    Raises:
        Misuse: The file is not there, or of no known kind.
    """
    kind = "VIEW"
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_file():
            raise Misuse(f"there is no file {path}", hint="give the path of a Parquet or CSV file, or a data frame")
        if path.suffix.lower() in {".parquet", ".pq"}:
            relation = con.read_parquet(str(path))
        elif path.suffix.lower() in {".csv", ".tsv", ".txt", ".gz"}:
            relation, kind = con.read_csv(str(path), sample_size=-1), "TABLE"
        else:
            raise Misuse(f"{path.name} is of no known kind", hint="give a .parquet or .csv file")
        relation.create_view("given")
    else:
        con.register("given", source)
    return [row[0] for row in con.execute("DESCRIBE given").fetchall()], kind


def _check(measures: tuple[Measure, ...], unit: str | None, cluster: str | None, arms: Sequence[str] | None) -> None:
    names = [m.name for m in measures]
    if not measures or len(set(names)) != len(names):
        raise Misuse(f"measures are {names}; give at least one, none twice")
    if cluster is not None and unit is None:
        raise Misuse("a cluster column was given without a unit column", hint="name the unit that lies in the cluster")
    if odd := [m.within for m in measures if m.within not in WITHIN]:
        raise Misuse(f"within is {odd[0]!r}; it must be one of {sorted(WITHIN)}")
    if arms is not None and not arms:
        raise Misuse("the list of arms is empty; name at least one, or leave it out for all")


def _statements(
    arm: str,
    measures: tuple[Measure, ...],
    unit: str | None,
    cluster: str | None,
    segments: tuple[str, ...],
    day: str | None,
    some_arms: bool,
) -> list[str]:
    """One scan into units; two readings of these."""
    k, s = range(len(measures)), range(len(segments))
    rows = [f"CAST({quoted(arm)} AS VARCHAR) AS arm", f"CAST({quoted(day)} AS VARCHAR) AS day" if day else "'' AS day"]
    rows += [f"coalesce(CAST({quoted(name)} AS VARCHAR), '(none)') AS s{i}" for i, name in enumerate(segments)]
    rows += [f"{quoted(unit)} AS unit"] if unit is not None else []
    rows += [f"{quoted(cluster)} AS cluster"] if cluster is not None else []
    for j, measure in enumerate(measures):
        value = f"CAST({quoted(measure.column)} AS DOUBLE)"
        rows.append(f"CASE WHEN isfinite({value}) THEN {value} END AS x{j}")
    where = "\n  WHERE list_contains(?, CAST(" + quoted(arm) + " AS VARCHAR))" if some_arms else ""
    scanned = f"SELECT {', '.join(rows)}\n  FROM scanned{where}"  # noqa: S608  (names are quoted)
    if unit is None:
        faults = ", ".join(f"x{j} IS NULL AS f{j}" for j in k)
        every = f"SELECT *, 1 AS rows, arm IS NULL AS no_arm, false AS two, {faults}\nFROM (\n  {scanned}\n)"
        first = f"CREATE TEMP TABLE units AS\n{every}"
    else:
        two = " OR ".join(f"min({c}) <> max({c})" for c in ["arm", *(f"s{i}" for i in s)])
        kept = ["unit", "count(*) AS rows", "min(arm) AS arm", "min(day) AS day", *(f"min(s{i}) AS s{i}" for i in s)]
        if cluster is not None:
            kept.append("min(cluster) AS cluster")
            two += " OR min(cluster) <> max(cluster)"
        kept += [f"{WITHIN[measures[j].within]}(x{j}) AS x{j}" for j in k]
        kept += ["bool_or(arm IS NULL OR unit IS NULL) AS no_arm", f"{two} AS two"]
        kept += [f"bool_or(x{j} IS NULL) AS f{j}" for j in k]
        first = f"CREATE TEMP TABLE units AS\nSELECT {', '.join(kept)}\nFROM (\n  {scanned}\n)\nGROUP BY unit"
    keys = ", ".join([*(f"s{i}" for i in s), "day", "arm"])
    pairs = [(i, j) for i in k for j in k if i <= j]
    cell = ["count(*)", *(f"favg(x{j})" for j in k)]
    cell += [f"covar_pop(x{i}, x{j}) * count(*)" for i, j in pairs]
    for j in k:
        above = f"FILTER (x{j} > 0)"
        ln = f"ln(CASE WHEN x{j} > 0 THEN x{j} END)"
        cell += [f"count(*) {above}", f"favg({ln})", f"var_pop({ln}) * count({ln})", f"count(*) FILTER (x{j} < 0)"]
    statements = [first, f"SELECT {keys}, {', '.join(cell)}\nFROM units\nGROUP BY {keys}\nORDER BY {keys}"]
    if cluster is not None:
        statements.append(_cluster_statement(keys, len(measures)))
    return statements


def _cluster_statement(keys: str, k: int) -> str:
    """Each cluster's residuals about its cell's own means, and their moments."""
    window = f"OVER (PARTITION BY {keys})"
    told, summed, names = [], ["count(*) AS v0"], ["v0"]
    for j in range(k):
        ln = f"ln(CASE WHEN x{j} > 0 THEN x{j} END)"
        told += [
            f"x{j} - favg(x{j}) {window} AS r{j}",
            f"CAST(x{j} > 0 AS DOUBLE) - favg(CAST(x{j} > 0 AS DOUBLE)) {window} AS q{j}",
            f"coalesce({ln} - favg({ln}) {window}, 0) AS l{j}",
        ]
        for i, letter in enumerate("rql"):
            names.append(f"v{1 + 3 * j + i}")
            summed.append(f"sum({letter}{j}) AS {names[-1]}")
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    cell = ["count(*)", *(f"favg({v})" for v in names), *(f"covar_pop({a}, {b}) * count(*)" for a, b in pairs)]
    residuals = f"SELECT {keys}, cluster, {', '.join(told)} FROM units"  # noqa: S608  (all names are ours)
    sums = f"SELECT {keys}, {', '.join(summed)}\n  FROM (\n    {residuals}\n  )\n  GROUP BY {keys}, cluster"  # noqa: S608
    cells = f"SELECT {keys}, {', '.join(cell)}"
    return f"{cells}\nFROM (\n  {sums}\n)\nGROUP BY {keys}\nORDER BY {keys}"


def _refuse_faults(
    con: duckdb.DuckDBPyConnection, measures: tuple[Measure, ...], unit: str | None, cluster: str | None
) -> None:
    """Say clearly what a silent aggregate would have swallowed.

    Raises:
        Misuse: A value, arm or name is missing, or a unit or cluster is in two places.
    """
    faults = ", ".join(f"count(*) FILTER (f{j})" for j in range(len(measures)))
    asked = f"SELECT count(*) FILTER (no_arm), count(*) FILTER (two), {faults} FROM units"  # noqa: S608  (ours)
    found = con.execute(asked).fetchone()
    if found is None:
        return
    what = "units" if unit is not None else "rows"
    if found[0]:
        raise Misuse(f"{found[0]} {what} have no arm or no name", hint="fill these columns, or drop such rows")
    if found[1]:
        raise Misuse(
            f"{found[1]} units are in more than one arm, segment or cluster",
            hint="drop them, and find out why assignment was not kept",
        )
    for measure, count in zip(measures, found[2:], strict=True):
        if count:
            raise Misuse(
                f"{count} {what} have no finite number in {measure.column!r}",
                hint="a missing value is no zero: fill or drop such rows before the scan",
            )
    if cluster is not None:
        split = con.execute(
            "SELECT count(*) FROM (SELECT 1 FROM units GROUP BY cluster"
            " HAVING min(arm) <> max(arm) OR count(cluster) < count(*))"
        ).fetchone()
        if split is not None and split[0]:
            raise Misuse(
                f"{split[0]} clusters lie in more than one arm or have no name",
                hint="clusters are what was drawn for an arm; leave the column out if single units were drawn",
            )


def _arrays(
    units: list[tuple[Any, ...]], groups: list[tuple[Any, ...]] | None, s: int, k: int, rows: int, sql: str
) -> Scanned:
    keys = tuple((tuple(row[:s]), str(row[s]), str(row[s + 1])) for row in units)
    start = s + 2
    moments, used = _moments(units, start, k)
    table = np.array([row[used:] for row in units], dtype=object).reshape(len(units), k, 4)
    logs = np.where(table == None, 0.0, table).astype(np.float64)  # noqa: E711  (elementwise)
    clusters = _moments(groups, start, 1 + 3 * k)[0] if groups is not None else None
    return Scanned(keys, moments, Logs(logs[..., 0], logs[..., 1], logs[..., 2]), logs[..., 3], clusters, rows, sql)


def _moments(rows: list[tuple[Any, ...]], start: int, k: int) -> tuple[Moments, int]:
    """Count, means and the upper triangle, as they stand in a row from `start`; and where they end."""
    end = start + 1 + k + k * (k + 1) // 2
    values = np.array([row[start:end] for row in rows], dtype=np.float64)
    scatter = np.zeros((len(rows), k, k))
    upper = np.triu_indices(k)
    scatter[:, upper[0], upper[1]] = values[:, 1 + k :]
    scatter[:, upper[1], upper[0]] = values[:, 1 + k :]
    return Moments(values[:, 0], values[:, 1 : 1 + k], scatter), end
