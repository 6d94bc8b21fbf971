"""The same scan on a warehouse: the one DuckDB query, transpiled by sqlglot, run where the data lies.

A warehouse is reached through a connection that is handed in: DBAPI (psycopg, pg8000, snowflake, …),
a SQLAlchemy engine or connection, or an Ibis table. Nothing is opened, committed or closed here but
the connections that an engine itself gives out. Rules:

- the table's name, or the query that stands for it, is parsed in the warehouse's own dialect and taken
  in as a tree; only a name or one reading SELECT is taken;
- the statement is sent with no parameters, all names quoted; a value of an arm with a backslash, which
  servers read in two ways, is refused;
- PostgreSQL is what it is tested on; other dialects' texts are transpiled and parsed, and not run.

>>> orders = Warehouse(None, "shop.orders", "postgres")
>>> print(orders.spelled('SELECT favg(CAST("spend" AS DOUBLE)) AS m FROM given'))
SELECT
  AVG(CAST("spend" AS DOUBLE PRECISION)) AS m
FROM shop.orders AS given
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.data.sources import Answer, columns, kind_of
from workbench.data.statements import Kind, Plan, statement
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from sqlglot import exp

DIALECTS = {"postgresql": "postgres"}  # what SQLAlchemy calls them, where sqlglot has another name
# PostgreSQL's numbers of types, which its drivers give as a column's type code
KINDS: dict[int, Kind] = {16: "truth", 25: "text", 1042: "text", 1043: "text", 1114: "moment", 1184: "zoned"}
DIGITS = 10  # that the digest of an answer takes of each number: the last ones depend on the order of rows


@dataclass(frozen=True, eq=False)
class Warehouse:
    """A table, or a query that stands for one, behind a connection."""

    connection: Any  # DBAPI or SQLAlchemy; None: its SQL can be written, and nothing be asked
    table: str  # its name as the warehouse writes it, or one SELECT
    dialect: str = ""  # sqlglot's name of the SQL that is spoken there; needed but for SQLAlchemy

    def __post_init__(self) -> None:
        if not self.dialect:
            name = getattr(getattr(self.connection, "dialect", None), "name", "")
            if not isinstance(name, str) or not name:
                raise Misuse("the warehouse's dialect is not known", hint="name it: dialect='postgres'")
            object.__setattr__(self, "dialect", DIALECTS.get(name, name))
        _ = self._given  # a table that cannot be read is refused now

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, from a query that gives no row."""
        return tuple(name for name, _ in self._described)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What is known of columns' types: PostgreSQL's, DuckDB's; elsewhere nothing."""
        known: dict[str, Kind | None] = {}
        if self.dialect == "postgres":
            known = {name: KINDS.get(code) for name, code in self._described}
        if self.dialect == "duckdb":
            known = {name: kind_of(str(code)) for name, code in self._described}
        return {name: kind for name, kind in known.items() if kind is not None}

    def spelled(self, sql: str) -> str:
        """A query of `statements` in this dialect, over this table.

        Raises:
            Misuse: A value holds a backslash.
        """
        import sqlglot
        from sqlglot import exp

        tree = sqlglot.parse_one(sql, read="duckdb")
        if any("\\" in text.this for text in tree.find_all(exp.Literal) if text.is_string):
            raise Misuse("a value holds a backslash, which servers read in two ways", hint="name arms without one")
        for call in list(tree.find_all(exp.Anonymous)):
            if call.name.lower() == "favg":
                call.replace(exp.Avg(this=call.expressions[0]))
        for table in list(tree.find_all(exp.Table)):
            if table.name == "given":
                table.replace(self._given.copy())
        return tree.sql(dialect=self.dialect, pretty=True)

    def ask(self, sql: str) -> Answer:
        """What the warehouse answers to a query of `statements`.

        Raises:
            EngineError: It does not.
        """
        described, rows = self._run(self.spelled(sql))
        return columns([name.lower() for name, _ in described], rows)

    def scan(self, plan: Plan) -> Answer:
        """One row a cell."""
        return self.ask(statement(plan, kinds=self.kinds))

    def digest(self, sql: str, answer: Answer) -> str:
        """SHA-256 over the statement and what it answered, in hex.

        Not over the data's content, which stays where it is: a change that moves no count, mean or
        (co)variance, to ten digits, is not seen.
        """
        rows = zip(*answer.values(), strict=True)
        told = sorted(json.dumps([_rounded(value) for value in row]) for row in rows)
        return hashlib.sha256("\n".join([sql, *told]).encode()).hexdigest()

    def close(self) -> None:
        """Nothing: the connection is its owner's."""

    @cached_property
    def _described(self) -> list[tuple[str, Any]]:
        return self._run(self.spelled("SELECT * FROM given WHERE 1 = 0"))[0]

    @cached_property
    def _given(self) -> exp.Expr:
        return _parsed(self.table, self.dialect)

    def _run(self, sql: str) -> tuple[list[tuple[str, Any]], list[Sequence[Any]]]:
        """Columns, each with its type code, and rows.

        Raises:
            Misuse: There is no connection.
            EngineError: The warehouse says no.
        """
        if self.connection is None:
            raise Misuse("the warehouse has no connection", hint="give a DBAPI or SQLAlchemy connection")
        try:
            return _fetched(self.connection, sql)
        except Exception as error:  # drivers' errors have no class in common
            hint = "look at its SQL: scan_sql gives it"
            raise EngineError(f"the warehouse refused the scan: {_reason(error)}", hint=hint) from error


def connected(source: Any) -> Warehouse:
    """The warehouse that a source is.

    Args:
        source: A `Warehouse`, or an Ibis table: its compiled SQL is taken, and its backend's connection.

    Raises:
        Misuse: It is neither.
    """
    if isinstance(source, Warehouse):
        return source
    if hasattr(source, "get_backend") and hasattr(source, "compile"):
        backend = source.get_backend()
        return Warehouse(backend.con, str(source.compile()), DIALECTS.get(backend.name, backend.name))
    raise Misuse(
        f"a {type(source).__name__} cannot be scanned",
        hint="give a path, a pandas or polars frame, an Arrow table, a Warehouse or an Ibis table",
    )


def _parsed(table: str, dialect: str) -> exp.Expr:
    """A table's name, or a SELECT in brackets, under the name `given`.

    Raises:
        Misuse: It is something else.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        found = [tree for tree in sqlglot.parse(table, read=dialect) if tree is not None]
        if len(found) == 1 and isinstance(found[0], exp.Query) and not found[0].find(*_writing()):
            return found[0].subquery("given", copy=False)
        if len(found) == 1 and isinstance(found[0], exp.Column | exp.Dot | exp.Identifier):
            return exp.alias_(exp.to_table(table, dialect=dialect), "given", table=True)
    except (SqlglotError, ValueError) as error:
        raise Misuse(f"{table!r} cannot be read as {dialect}: {str(error).splitlines()[0]}") from error
    raise Misuse(f"{table!r} is neither a table's name nor one SELECT", hint="give shop.orders, or SELECT … FROM …")


def _writing() -> tuple[type[exp.Expr], ...]:
    """What a query that only reads does not hold."""
    from sqlglot import exp

    return exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Into, exp.Lock, exp.Command


def _fetched(connection: Any, sql: str) -> tuple[list[tuple[str, Any]], list[Sequence[Any]]]:
    if hasattr(connection, "exec_driver_sql") or hasattr(connection, "get_execution_options"):
        owned = connection.connect() if not hasattr(connection, "exec_driver_sql") else nullcontext(connection)
        with owned as con, closing(con.exec_driver_sql(sql)) as result:
            return [(column[0], column[1]) for column in result.cursor.description], list(result.fetchall())
    if type(connection).__name__ == "DuckDBPyConnection":  # its cursors do not see what was registered
        found = connection.execute(sql)
        return [(column[0], column[1]) for column in found.description], list(found.fetchall())
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return [(column[0], column[1]) for column in cursor.description], list(cursor.fetchall())


def _reason(error: Exception) -> str:
    """A driver's error in one line; pg8000 gives PostgreSQL's message in a dictionary, as M."""
    fields = error.args[0] if error.args else ""
    told = str(fields["M"] if isinstance(fields, dict) and "M" in fields else error).strip()
    return told.splitlines()[0] if told else type(error).__name__


def _rounded(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else f"{float(value):.{DIGITS - 1}e}"
