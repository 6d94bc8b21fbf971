"""Tables that a scan can ask, whatever they are: files and frames here, warehouses in `warehouses`.

DuckDB reads Parquet and CSV files, pandas frames and anything that hands out an Arrow stream (polars,
Arrow tables and readers), with no copy of the table. Rules:

- the same data gives the same sums to the last bit: each query runs on one thread;
- a Parquet file, which is large where time matters, is asked in two halves side by side, cut always
  at the same place, by row or by unit; halves add up like any two scans;
- no name is looked up outside the database: nothing but `given` can be read.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from math import prod
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from workbench.data.csv_files import open_csv, refuse_twins
from workbench.data.digests import digest_file, digest_frame
from workbench.data.refused import told
from workbench.data.statements import Kind, Plan, quoted, statement
from workbench.errors import Misuse

if TYPE_CHECKING:
    import duckdb

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
}
PARQUET = {".parquet", ".pq"}
CSV = {".csv", ".tsv", ".txt", ".gz"}
WHOLE = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")} | {
    "INTEGER",
    "UINTEGER",
    "BOOLEAN",
}
RANGES = """SELECT name, min(low), max(high) FROM (
  SELECT path_in_schema AS name, TRY_CAST(stats_min_value AS BIGINT) AS low, TRY_CAST(stats_max_value AS BIGINT) AS high
  FROM parquet_metadata(?)
) GROUP BY name HAVING count(low) = count(*) AND count(high) = count(*)"""
ROW = "file_row_number"  # DuckDB's own column of a Parquet file

LEVELS = 4096  # combinations of whole numbers that are cheaper to count one by one than to multiply row by row

Answer = Mapping[str, Sequence[Any]]  # columns by their name in the SQL


class Table(Protocol):
    """What can be asked for the moments of its columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What is known of their types."""

    def spelled(self, sql: str) -> str:
        """A query of `statements` in the words of this database."""

    def ask(self, sql: str) -> Answer:
        """What it answers to a query of `statements`."""

    def scan(self, plan: Plan) -> Answer:
        """What it answers to a plan's query: one row a cell, or several that add up to it."""

    def digest(self, sql: str, answer: Answer) -> str:
        """Digest of what was scanned; may be asked after a scan only."""

    def close(self) -> None:
        """Leave it, as it was found."""


class Local:
    """A table that DuckDB reads in this process, as `given`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, content: Callable[[], str]) -> None:
        self._con = con
        self._content = content
        found = self.ask("DESCRIBE given")
        types = dict(zip(found["column_name"], found["column_type"], strict=True))
        self.columns = tuple(types)
        known = {name: kind_of(kind) for name, kind in types.items()}
        self.kinds: dict[str, Kind] = {name: kind for name, kind in known.items() if kind is not None}

    def spelled(self, sql: str) -> str:
        """The query as it is: it is in DuckDB's words."""
        return sql

    def ask(self, sql: str) -> Answer:
        """What DuckDB answers.

        Raises:
            Misuse: The table cannot be read as asked.
        """
        return _asked(self._con, sql)

    def scan(self, plan: Plan) -> Answer:
        """One row a cell."""
        return self.ask(statement(plan, kinds=self.kinds))

    def digest(self, sql: str, answer: Answer) -> str:  # noqa: ARG002  (the content itself is at hand)
        """SHA-256 of the file, or of the frame's content."""
        return self._content()

    def close(self) -> None:
        """Leave the table."""
        self._con.close()


class Parquet(Local):
    """A Parquet file, read by two threads, each with a database of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(_parquet(path), partial(digest_file, path))
        self._path = path

    def scan(self, plan: Plan) -> Answer:
        """One row a cell and half, or one a combination of small whole numbers in these."""
        if plan.cluster is not None or (plan.unit is None and ROW in self.columns):
            return super().scan(plan)
        if plan.unit is not None:
            halves = [f"hash({quoted(plan.unit)}) % 2 = {half}" for half in (0, 1)]
        else:
            middle = self.ask("SELECT count(*) // 2 AS middle FROM given")["middle"][0]
            halves = [f"{ROW} < {middle}", f"{ROW} >= {middle}"]

        levels = self._levels(plan)

        def half(place: int) -> Answer:
            with closing(_database() if place else self._con.cursor()) as con:
                _view(con, self._path, numbered=plan.unit is None)
                return _asked(con, statement(plan, kinds=self.kinds, only=halves[place], levels=levels))

        first, second = side_by_side(partial(half, 0), partial(half, 1))
        return {name: [*values, *second[name]] for name, values in first.items()}

    def _levels(self, plan: Plan) -> tuple[int, ...]:
        """The measures that hold few whole numbers, as the file's own statistics say, where all cells are an arm."""
        if plan.unit is not None or plan.segments or plan.day is not None:
            return ()
        with told(self._con):
            found = self._con.execute(RANGES, [glob.escape(str(self._path))]).fetchall()
        ranges = {name: high - low + 2 for name, low, high in found if self.kinds.get(name) == "whole"}
        sizes = [ranges.get(measure.column, LEVELS + 1) for measure in plan.measures]
        chosen: list[int] = []
        for j in sorted(range(len(sizes)), key=sizes.__getitem__):
            if prod(sizes[i] for i in [*chosen, j]) <= LEVELS:
                chosen.append(j)
        return tuple(chosen)


class Stream(Local):
    """An Arrow stream, which can be read once: what is asked twice is kept."""

    _kept = False

    def scan(self, plan: Plan) -> Answer:
        """One row a cell."""
        if plan.cluster is not None and not self._kept:
            wanted = ", ".join(quoted(name) for name in dict.fromkeys(plan.columns))
            with told(self._con):
                self._con.execute(f"CREATE TEMP TABLE kept AS SELECT {wanted} FROM given")  # noqa: S608  (quoted)
                self._con.unregister("given")
                self._con.execute("CREATE TEMP VIEW given AS SELECT * FROM kept")
            self._kept = True
        return super().scan(plan)


@contextmanager
def opened(source: Any) -> Iterator[Table]:
    """The table behind a source, ready to be asked.

    Args:
        source: A path, a frame, an Arrow stream, or whatever `warehouses.connected` takes.

    Raises:
        Misuse: There is no such file, it is of no known kind, or has one name for two columns.
    """
    if isinstance(source, str | Path):
        table: Table = _file(Path(source))
    elif hasattr(source, "iloc") and hasattr(source, "columns"):
        refuse_twins([str(name) for name in source.columns])
        table = Local(_registered(source), partial(digest_frame, source))
    elif hasattr(source, "__arrow_c_stream__") and not hasattr(source, "get_backend"):
        from workbench.data.arrow_digests import Digested

        stream = Digested(source)
        table = Stream(_registered(stream.reader()), stream.digest)
    else:
        from workbench.data.warehouses import connected

        table = connected(source)
    with closing(table):
        yield table


def kind_of(kind: str) -> Kind | None:
    """What DuckDB's name of a type says of a column, where that matters."""
    if kind in WHOLE:
        return "whole"
    if kind.startswith("TIMESTAMP"):
        return "zoned" if kind.endswith("ZONE") else "moment"
    return "text" if kind == "VARCHAR" else None


def columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Answer:
    """An answer's columns, from its rows."""
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def side_by_side(one: Callable[[], Answer], other: Callable[[], Answer]) -> tuple[Answer, Answer]:
    """What two jobs return; the second runs in a thread of its own.

    Raises:
        BaseException: Whatever one of them raised.
    """
    found: list[Answer] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(other())
        except BaseException as error:  # noqa: BLE001  (raised again where it is heard)
            failed.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        first = one()
    finally:
        thread.join()
    if failed:
        raise failed[0]
    return first, found[0]


def _file(path: Path) -> Local:
    if not path.is_file():
        raise Misuse(f"there is no file {path}", hint="give the path of a Parquet or CSV file, or a data frame")
    kind = path.suffix.lower()
    if kind in PARQUET:
        return Parquet(path)
    if kind in CSV:
        return Local(_csv(path), partial(digest_file, path))
    raise Misuse(f"{path.name} is of no known kind", hint="give a .parquet or .csv file")


def _database() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config=SETTINGS)


def _parquet(path: Path) -> duckdb.DuckDBPyConnection:
    con = _database()
    _view(con, path)
    return con


def _view(con: duckdb.DuckDBPyConnection, path: Path, *, numbered: bool = False) -> None:
    with told(con):
        con.read_parquet(glob.escape(str(path)), file_row_number=numbered).create_view("given", replace=True)


def _csv(path: Path) -> duckdb.DuckDBPyConnection:
    con = _database()
    open_csv(con, path)
    return con


def _registered(table: Any) -> duckdb.DuckDBPyConnection:
    con = _database()
    with told(con):
        con.register("given", table)
    return con


def _asked(con: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    with told(con):
        found = con.execute(sql)
        return columns([column[0] for column in found.description], found.fetchall())
