"""Tables that a scan can ask, whatever they are: files and frames here, warehouses in `warehouses`.

DuckDB reads Parquet and CSV files, pandas frames and anything that hands out an Arrow stream (polars,
Arrow tables and readers), with no copy of the table. Rules:

- the same data gives the same sums to the last bit: each query runs on one thread;
- a Parquet file, which is large where time matters, is asked in two halves side by side, cut always
  at the same place, by row or by unit; halves add up like any two scans;
- no name is looked up outside the database: nothing but `given` can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from workbench.data.digests import digest_file, digest_frame
from workbench.data.scan_sql import Kind, Plan, quoted, statement
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
ROW = "file_row_number"  # DuckDB's own column of a Parquet file

Row = Mapping[str, Any]  # by the name in the SQL


class Table(Protocol):
    """What can be asked for the moments of its columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What is known of their types."""

    def spelled(self, sql: str) -> str:
        """A query of `scan_sql` in the words of this database."""

    def ask(self, sql: str) -> list[Row]:
        """What it answers to a query of `scan_sql`."""

    def scan(self, plan: Plan) -> list[Row]:
        """What it answers to a plan's query: one row a cell, or one a cell and part of the table."""

    def digest(self, sql: str, rows: Sequence[Row]) -> str:
        """Digest of what was scanned; may be asked after a scan only."""

    def close(self) -> None:
        """Leave it, as it was found."""


class Local:
    """A table that DuckDB reads in this process, as `given`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, content: Callable[[], str]) -> None:
        self._con = con
        self._content = content
        types = {row["column_name"]: row["column_type"] for row in self.ask("DESCRIBE given")}
        self.columns = tuple(types)
        self.kinds: dict[str, Kind] = {name: "whole" for name, kind in types.items() if kind in WHOLE}

    def spelled(self, sql: str) -> str:
        """The query as it is: it is in DuckDB's words."""
        return sql

    def ask(self, sql: str) -> list[Row]:
        """What DuckDB answers.

        Raises:
            Misuse: The table cannot be read as asked.
        """
        return _asked(self._con, sql)

    def scan(self, plan: Plan) -> list[Row]:
        """One row a cell."""
        return self.ask(statement(plan, kinds=self.kinds))

    def digest(self, sql: str, rows: Sequence[Row]) -> str:  # noqa: ARG002  (the content itself is at hand)
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

    def scan(self, plan: Plan) -> list[Row]:
        """One row a cell and half."""
        if plan.cluster is not None or (plan.unit is None and ROW in self.columns):
            return super().scan(plan)
        if plan.unit is not None:
            halves = [f"hash({quoted(plan.unit)}) % 2 = {half}" for half in (0, 1)]
        else:
            middle = self.ask("SELECT count(*) // 2 AS middle FROM given")[0]["middle"]
            halves = [f"{ROW} < {middle}", f"{ROW} >= {middle}"]

        def half(place: int) -> list[Row]:
            with closing(_parquet(self._path, numbered=plan.unit is None)) as con:
                return _asked(con, statement(plan, kinds=self.kinds, only=halves[place]))

        return [row for part in side_by_side(partial(half, 0), partial(half, 1)) for row in part]


@contextmanager
def opened(source: Any) -> Iterator[Table]:
    """The table behind a source, ready to be asked.

    Args:
        source: A path, a frame, an Arrow stream, or whatever `warehouses.connected` takes.

    Raises:
        Misuse: There is no such file, or it is of no known kind.
    """
    if isinstance(source, str | Path):
        table: Table = _file(Path(source))
    elif hasattr(source, "iloc") and hasattr(source, "columns"):
        table = Local(_registered(source), partial(digest_frame, source))
    elif hasattr(source, "__arrow_c_stream__") and not hasattr(source, "get_backend"):
        from workbench.data.arrow_digests import Digested

        stream = Digested(source)
        table = Local(_registered(stream.reader()), stream.digest)
    else:
        from workbench.data.warehouses import connected

        table = connected(source)
    with closing(table):
        yield table


def side_by_side(one: Callable[[], list[Row]], other: Callable[[], list[Row]]) -> tuple[list[Row], list[Row]]:
    """What two jobs return; the second runs in a thread of its own.

    Raises:
        BaseException: Whatever one of them raised.
    """
    found: list[list[Row]] = []
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


def _parquet(path: Path, *, numbered: bool = False) -> duckdb.DuckDBPyConnection:
    con = _database()
    with _told(con):
        con.read_parquet(str(path), file_row_number=numbered).create_view("given")
    return con


def _csv(path: Path) -> duckdb.DuckDBPyConnection:
    con = _database()
    with _told(con):
        con.read_csv(str(path), sample_size=-1).create_view("parsed")
        # the offset keeps DuckDB from pushing our casts into its parser, where `True` is no number
        con.execute("CREATE VIEW given AS SELECT * FROM parsed OFFSET 0")
    return con


def _registered(table: Any) -> duckdb.DuckDBPyConnection:
    con = _database()
    with _told(con):
        con.register("given", table)
    return con


def _asked(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    with _told(con):
        found = con.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def _told(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """DuckDB's errors in words; after one, the database is closed.

    Raises:
        Misuse: DuckDB raised one.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        con.close()
        raise Misuse(f"the data could not be scanned: {str(error).splitlines()[0]}") from error
