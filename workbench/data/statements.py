"""The one query behind a moment cube, in DuckDB's SQL; `warehouses` says it in other dialects.

Rules:

- names of columns and values of arms come from outside and are never trusted: they appear in the
  innermost SELECT only, as quoted identifiers and quoted literals; everything computed from them has
  a name of ours;
- numbers are read as DOUBLE before any arithmetic (an int8 cannot overflow); variances and
  covariances are the database's own one-pass ones (Welford's in DuckDB, Youngs and Cramer's in
  PostgreSQL), which keep their digits at large means; nothing is a raw sum of squares;
- what an aggregate would swallow in silence (a missing arm or number, a unit in two arms) is counted
  in the same pass;
- a day is the smallest of its column's own type (2 before 10) and only then named by a text; a moment
  counts by its date, in UTC where it has a zone; where units come in clusters, all of a cluster's units
  have the cluster's first day, so that no cluster lies in two days.

>>> print(statement(Plan("group", (Measure("spend", "spend"),))).splitlines()[0])
WITH lines AS (
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from workbench.errors import Misuse

Within = Literal["sum", "mean", "max", "min"]
WITHIN = {"sum": "sum", "mean": "avg", "max": "max", "min": "min"}
# a truth value that cannot be read as a number; a number always finite; a moment, without and with a zone; a text
Kind = Literal["truth", "whole", "moment", "zoned", "text"]
SIGNS = {"above": ">", "below": "<"}
NONE = "(none)"  # the segment or day of those that have none


@dataclass(frozen=True)
class Measure:
    """One number a unit."""

    name: str  # as it is called in results
    column: str  # where it is read
    within: Within = "sum"  # how a unit's rows become one number
    cap: float | None = None  # a unit's number above this counts as this (winsorised); None: as it is
    logs: bool = True  # keep the moments of positive values' logarithms, which amounts need; False: scanned faster


@dataclass(frozen=True)
class Plan:
    """What is asked of a table; `MomentCube.scan` says what the parts mean."""

    arm: str
    measures: tuple[Measure, ...]
    unit: str | None = None
    cluster: str | None = None
    segments: tuple[str, ...] = ()
    day: str | None = None
    arms: tuple[str, ...] | None = None
    needed: tuple[str, ...] = ()  # arms that must be there; looked for before anything else is refused

    def __post_init__(self) -> None:
        names = [m.name for m in self.measures]
        if not names or len(set(names)) != len(names):
            raise Misuse(f"measures are {names}; give at least one, none twice")
        if self.cluster is not None and self.unit is None:
            raise Misuse(
                "a cluster column was given without a unit column", hint="name the unit that lies in the cluster"
            )
        for measure in self.measures:
            check_within(measure.within)
            if measure.cap is not None and not isfinite(measure.cap):
                raise Misuse(f"cap is {measure.cap}; it must be a finite number", hint="leave it out for no cap")
        if self.arms is not None and not self.arms:
            raise Misuse("the list of arms is empty; name at least one, or leave it out for all")

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read, sorted."""
        others = (c for c in (self.unit, self.cluster, self.day) if c is not None)
        return tuple(sorted({self.arm, *(m.column for m in self.measures), *self.segments, *others}))

    @property
    def keys(self) -> tuple[str, ...]:
        """What cells are named by in the SQL."""
        return (*(f"s{i}" for i in range(len(self.segments))), "day", "arm")


def check_within(within: str) -> None:
    """Refuse a rule that makes no number of a unit's rows.

    Raises:
        Misuse: It is none of those known.
    """
    if within not in WITHIN:
        raise Misuse(f"within is {within!r}; it must be one of {sorted(WITHIN)}")


def quoted(name: str) -> str:
    """A column's name as an SQL identifier, whatever it holds.

    >>> quoted('a"; drop table x --')
    '"a""; drop table x --"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as an SQL literal of DuckDB, where a backslash is a plain sign.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def statement(
    plan: Plan, *, kinds: Mapping[str, Kind] | None = None, only: str = "", levels: Collection[int] = ()
) -> str:
    """The query that gives one row a cell of the table called `given`.

    Args:
        plan: What is asked.
        kinds: What is known of columns' types.
        only: A further condition on the rows, ours.
        levels: Numbers of measures that hold few different numbers, where rows are units: a cell comes in
            parts, one a combination of these, in which they do not vary.

    Returns:
        One SELECT. A cell's row holds its `keys`; `n` units of `lines` rows; the faults `unnamed`, `split`
        (where units have rows of their own) and `fault0`, …; for each segment column `blank0`, the rows
        that have none; for each measure `mean0`, `above0` (units above zero), `below0`, `log0` and
        `spread0` (mean and variance of logarithms); for each pair
        `cov0_1`; and where there are clusters `torn`, `clusters`, and of the clusters' vectors `v0`, `w0_1`.
    """
    logs = [
        f"ln(CASE WHEN x{j} > 0 THEN x{j} END) AS l{j}"
        for j, m in enumerate(plan.measures)
        if m.logs and j not in levels
    ]
    ctes = [
        ("lines", _lines(plan, kinds or {}, only)),
        ("numbers", _units(plan)),
        ("units", f"SELECT {', '.join(['*', *_day(plan), *logs])}\nFROM numbers"),
        ("cells", _cells(plan, levels)),
    ]
    keys = ", ".join(plan.keys)
    final = "SELECT *\nFROM cells"
    if plan.cluster is not None:
        ctes += _clusters(plan)
        final = f"SELECT *\nFROM cells JOIN clustered USING ({keys}) CROSS JOIN faults"
    return "WITH " + ", ".join(f"{name} AS (\n{body}\n)" for name, body in ctes) + f"\n{final}"


def cap_statement(
    column: str, share: float, unit: str | None, within: Within, *, kinds: Mapping[str, Kind] | None = None
) -> str:
    """The query for a quantile of units' numbers in the table called `given`: `cap`, `n` units, `fault` of them bad."""
    lines = f"SELECT {_number(column, kinds or {})} AS x, {quoted(unit) if unit else '0'} AS unit\nFROM given"
    units = "SELECT x, CASE WHEN x IS NULL THEN 1 ELSE 0 END AS fault\nFROM lines"
    if unit is not None:
        units = (
            f"SELECT {WITHIN[within]}(x) AS x, CASE WHEN count(x) < count(*) THEN 1 ELSE 0 END AS fault\n"
            "FROM lines\nGROUP BY unit"
        )
    final = f"SELECT quantile_cont(x, {share!r}) AS cap, count(*) AS n, sum(fault) AS fault\nFROM units"
    return f"WITH lines AS (\n{lines}\n), units AS (\n{units}\n)\n{final}"


def rank_statement(plan: Plan, ranks: Mapping[str, Sequence[int]], *, kinds: Mapping[str, Kind] | None = None) -> str:
    """The query for the values `x` at some places of each arm, units sorted by the plan's first measure."""
    places = [
        f"arm = {literal(arm)} AND place IN ({', '.join(str(int(place)) for place in sorted(set(wanted)))})"
        for arm, wanted in ranks.items()
    ]
    told = {"arm": "CAST(arm AS VARCHAR)", "x": "x0", "place": "row_number() OVER (PARTITION BY arm ORDER BY x0)"}
    placed = f"SELECT {_told(told)}\nFROM units"
    ctes = [("lines", _lines(plan, kinds or {}, "")), ("units", _units(plan)), ("placed", placed)]
    parts = ", ".join(f"{name} AS (\n{body}\n)" for name, body in ctes)
    return f"WITH {parts}\nSELECT arm, place, x\nFROM placed\nWHERE {' OR '.join(places)}"


def _lines(plan: Plan, kinds: Mapping[str, Kind], only: str) -> str:
    """The columns that are read, by names of ours, numbers as numbers: what is not finite is missing."""
    segments, arm = [quoted(name) for name in plan.segments], quoted(plan.arm)
    read, day = [*segments, arm], _dated(plan.day, kinds)
    if plan.unit is not None:  # else cells are made of the keys as they are, and only then named by texts
        read = _texts(read)
    told = [f"{value} AS {key}" for value, key in zip(read, _constant(plan), strict=True)]
    told += [f"{day} AS {'day' if plan.unit is None else 'since'}"]
    told += [f"CASE WHEN {name} IS NULL THEN 1 ELSE 0 END AS blank{i}" for i, name in enumerate(segments)]
    told += [f"{quoted(plan.unit)} AS unit"] if plan.unit is not None else []
    told += [f"{quoted(plan.cluster)} AS cluster"] if plan.cluster is not None else []
    told += [f"{_number(m.column, kinds)} AS x{j}" for j, m in enumerate(plan.measures)]
    wanted = (
        [f"CAST({quoted(plan.arm)} AS VARCHAR) IN ({', '.join(map(literal, plan.arms))})"]
        if plan.arms is not None
        else []
    )
    wanted += [only] if only else []
    where = f"\nWHERE {' AND '.join(wanted)}" if wanted else ""
    return f"SELECT {', '.join(told)}\nFROM given{where}"


def _constant(plan: Plan) -> tuple[str, ...]:
    """The keys that a unit has once: all but the day."""
    return *plan.keys[:-2], "arm"


def _dated(day: str | None, kinds: Mapping[str, Kind]) -> str:
    """The column of the day in its own type, of moments their dates."""
    if day is None:
        return "''"
    zone = {"moment": "", "zoned": " AT TIME ZONE 'UTC'"}.get(kinds.get(day, ""))
    return quoted(day) if zone is None else f"CAST({quoted(day)}{zone} AS DATE)"


def _day(plan: Plan) -> list[str]:
    """The unit's day, from the first of its own rows or of its cluster's; where units are rows, it is there already."""
    if plan.unit is None:
        return []
    since = "since" if plan.cluster is None else "min(since) OVER (PARTITION BY cluster)"
    return [f"coalesce(CAST({since} AS VARCHAR), {literal(NONE)}) AS day"]


def _texts(keys: Sequence[str]) -> list[str]:
    """Keys as texts; the last one, the arm, is missing where it is missing."""
    *others, arm = (f"CAST({key} AS VARCHAR)" for key in keys)
    return [*(f"coalesce({key}, {literal(NONE)})" for key in others), arm]


def _number(column: str, kinds: Mapping[str, Kind]) -> str:
    if kinds.get(column) == "truth":
        return f"CAST(CASE WHEN {quoted(column)} THEN 1 WHEN NOT {quoted(column)} THEN 0 END AS DOUBLE)"
    value = f"CAST({quoted(column)} AS DOUBLE)"
    return value if kinds.get(column) == "whole" else f"CASE WHEN {value} - {value} = 0 THEN {value} END"


def _units(plan: Plan) -> str:
    """One row a unit, winsorised; where units have rows of their own, with what is wrong with them."""
    if plan.unit is None:
        numbers = {f"x{j}": _capped(f"x{j}", measure) for j, measure in enumerate(plan.measures)}
        told = {key: key for key in (*plan.keys, *_blanks(plan))} | numbers
        return f"SELECT {_told(told)}\nFROM lines"
    same = [*_constant(plan), *(["cluster"] if plan.cluster is not None else [])]
    told = {name: f"min({name})" for name in [*same, "since"]}
    told["lines"] = "count(*)"
    told |= {name: f"sum({name})" for name in _blanks(plan)}
    lacks = ["unit IS NULL", *(f"count({name}) < count(*)" for name in same[len(plan.segments) :])]
    told["unnamed"] = f"CASE WHEN {' OR '.join(lacks)} THEN 1 ELSE 0 END"
    told["split"] = f"CASE WHEN {' OR '.join(f'min({c}) <> max({c})' for c in same)} THEN 1 ELSE 0 END"
    for j, measure in enumerate(plan.measures):
        told[f"x{j}"] = _capped(f"{WITHIN[measure.within]}(x{j})", measure)
        told[f"fault{j}"] = f"CASE WHEN count(x{j}) < count(*) THEN 1 ELSE 0 END"
    return f"SELECT {_told(told)}\nFROM lines\nGROUP BY unit"


def _blanks(plan: Plan) -> list[str]:
    return [f"blank{i}" for i in range(len(plan.segments))]


def _told(told: dict[str, str]) -> str:
    return ", ".join(name if value == name else f"{value} AS {name}" for name, value in told.items())


def _capped(value: str, measure: Measure) -> str:
    """A unit's number, winsorised; a missing one stays missing."""
    if measure.cap is None:
        return value
    cap = f"CAST({literal(repr(float(measure.cap)))} AS DOUBLE)"
    return f"CASE WHEN {value} > {cap} THEN {cap} ELSE {value} END"


def _cells(plan: Plan, levels: Collection[int]) -> str:
    """One row a cell: counts, faults and moments."""
    rows = plan.unit is None
    keys = [f"units.{key}" for key in plan.keys]
    told = dict(zip(plan.keys, _texts(keys) if rows else keys, strict=True)) | {"n": "count(*)"}
    told |= {"lines": "count(*)"} if rows else {"lines": "sum(lines)", "split": "sum(split)"}
    told["unnamed"] = "count(*) - count(arm)" if rows else "sum(unnamed)"
    told |= {name: f"sum({name})" for name in _blanks(plan)}
    for j, measure in enumerate(plan.measures):
        told[f"fault{j}"] = f"count(*) - count(x{j})" if rows else f"sum(fault{j})"
        told |= _level(j) if j in levels else _spread(j, measure)
    for i, j in pairs(len(plan.measures)):
        varies = i not in levels and j not in levels
        told[f"cov{i}_{j}"] = "0" if not varies else f"covar_pop(x{i}, x{j})" if i != j else f"var_pop(x{i})"
    return f"SELECT {_told(told)}\nFROM units\nGROUP BY {', '.join([*keys, *(f'x{j}' for j in levels)])}"


def _spread(j: int, measure: Measure) -> dict[str, str]:
    """A measure's mean, signs and logarithms in a cell."""
    logs = {f"log{j}": f"favg(l{j})", f"spread{j}": f"var_pop(l{j})"} if measure.logs else {}
    above = f"count(l{j})" if measure.logs else f"count(CASE WHEN x{j} > 0 THEN 1 END)"
    return {f"mean{j}": f"favg(x{j})", f"above{j}": above, f"below{j}": f"count(CASE WHEN x{j} < 0 THEN 1 END)"} | logs


def _level(j: int) -> dict[str, str]:
    """The same where all units of the cell's part have one number."""
    signs = {f"{name}{j}": f"CASE WHEN x{j} {sign} 0 THEN count(*) ELSE 0 END" for name, sign in SIGNS.items()}
    return {f"mean{j}": f"x{j}", f"log{j}": f"ln(CASE WHEN x{j} > 0 THEN x{j} END)", f"spread{j}": "0"} | signs


def pairs(count: int) -> list[tuple[int, int]]:
    """All pairs of components, each once, in the order of the upper triangle."""
    return [(i, j) for i in range(count) for j in range(i, count)]


def _clusters(plan: Plan) -> list[tuple[str, str]]:
    """Each cluster's residuals about its cell's own means, their moments, and the clusters that were torn apart."""
    told = {key: f"units.{key}" for key in plan.keys} | {"cluster": "units.cluster"}
    summed = {key: key for key in plan.keys} | {"v0": "count(*)"}
    for j, measure in enumerate(plan.measures):
        above = f"CASE WHEN units.x{j} > 0 THEN 1.0 ELSE 0.0 END"
        told[f"r{1 + 3 * j}"] = f"units.x{j} - cells.mean{j}"
        told[f"r{2 + 3 * j}"] = f"{above} - CAST(cells.above{j} AS DOUBLE) / cells.n"
        told[f"r{3 + 3 * j}"] = f"coalesce(units.l{j} - cells.log{j}, 0.0)" if measure.logs else "0.0"
    size = 1 + 3 * len(plan.measures)
    summed |= {f"v{i}": f"sum(CAST(r{i} AS DOUBLE))" for i in range(1, size)}
    moments = {key: key for key in plan.keys} | {"clusters": "count(*)"}
    moments |= {f"v{i}": f"favg(CAST(v{i} AS DOUBLE))" for i in range(size)}
    moments |= {f"w{i}_{j}": f"covar_pop(v{i}, v{j})" for i, j in pairs(size)}
    keys = ", ".join(plan.keys)
    meet = " AND ".join(f"units.{key} = cells.{key}" for key in plan.keys)
    return [
        ("residuals", f"SELECT {_told(told)}\nFROM units JOIN cells ON {meet}"),
        ("sums", f"SELECT {_told(summed)}\nFROM residuals\nGROUP BY {keys}, cluster"),
        ("clustered", f"SELECT {_told(moments)}\nFROM sums\nGROUP BY {keys}"),
        ("torn_apart", "SELECT cluster\nFROM units\nGROUP BY cluster\nHAVING min(arm) <> max(arm)"),
        ("faults", "SELECT count(*) AS torn\nFROM torn_apart"),
    ]
