"""Counting where the data lies: the one `GROUP BY` behind a cube, and DuckDB's answer to it.

Names of columns come from outside and appear in the SQL as quoted identifiers only. A file is read
column by column and grouped by all threads; counts are whole numbers, so that their order is nothing.
`count_sql` writes the same statement for a warehouse, whose answer `CountCube.from_rows` takes.

>>> print(count_sql("loans", ["race"], ["approved", "answer"]))
SELECT CAST("race" AS VARCHAR(255)) AS g0, "approved" AS c0, "answer" AS c1, count(*) AS cases
FROM "loans"
GROUP BY 1, 2, 3
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.data.csv_files import MISSING, TEXTS, refuse_bytes
from workbench.data.digests import digest_data
from workbench.data.statements import quoted
from workbench.data.tables import PARQUET, parts_of
from workbench.errors import Misuse

if TYPE_CHECKING:
    import duckdb

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
}


class Given(NamedTuple):
    """A source that was looked at."""

    columns: Any  # a table whose columns are had by name; None: DuckDB is to read it
    digest: str  # of the data; "" where nobody has worked it out


def given(source: Any, wanted: Sequence[str], digest: str = "") -> Given:
    """Where the wanted columns are had from.

    Raises:
        Misuse: A column is named twice or is not there, or there is no such file.
    """
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        raise Misuse(f"the column {twice[0]!r} is named for two things", hint="name it for one of them")
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise Misuse(f"there is no file {path}", hint="give the path of a Parquet or CSV file")
        if path.suffix.lower() not in PARQUET + TEXTS and not path.is_dir():
            raise Misuse(f"{path.name} is of no known kind", hint="give a .parquet or .csv file")
        return Given(None, digest or digest_data(path))
    names = getattr(source, "column_names", None)  # Arrow calls its columns differently
    names = list(source.columns if names is None and hasattr(source, "columns") else names or source)
    _refuse_absent(wanted, names)
    return Given(None if type(source).__name__ == "DuckDBPyRelation" else source, digest)


def count_sql(table: str, groups: Sequence[str], counted_columns: Sequence[str]) -> str:
    """The counting statement in standard SQL.

    Args:
        table: The table's name, with its schema's before a dot where it has one.
        groups: Columns of attributes.
        counted_columns: Columns whose values are counted within the groups, such as label and prediction.
    """
    read = ".".join(quoted(part) for part in table.split("."))
    return _statement(read, [f"CAST({quoted(name)} AS VARCHAR(255))" for name in groups], map(quoted, counted_columns))


def counted(source: Any, groups: Sequence[str], numbers: Sequence[str], *, bins: int = 0) -> list[tuple[Any, ...]]:
    """DuckDB's answer: one row a combination, its group values (None: missing), its numbers, its cases.

    Args:
        source: A file or a DuckDB relation.
        groups: Columns of attributes.
        numbers: Columns that hold numbers or truths.
        bins: Where above zero, the last number is a score in [0, 1] and comes back as its bin.

    Raises:
        Misuse: The source cannot be read, or lacks a column.
    """
    import duckdb

    con = None
    try:
        if isinstance(source, str | Path):
            con = duckdb.connect(config=CONFIG)
            relation: Any = _opened(con, Path(source), groups, numbers)
        else:
            relation = source
        kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
        texts = [name for name in numbers if kinds[name] == "VARCHAR"]
        if texts and relation.limit(1).fetchall():  # what has no row is read as texts
            raise Misuse(f"the column {texts[0]!r} holds texts; it must hold numbers", hint="1: yes, 0: no")
        values = [f"CAST({quoted(name)} AS DOUBLE)" for name in numbers]
        if bins:
            score = values[-1]
            values[-1] = f"CASE WHEN {score} BETWEEN 0 AND 1 THEN least({bins - 1}, floor({score} * {bins} + 1e-9)) END"
        rows: list[tuple[Any, ...]] = relation.query(
            "given", _statement("given", [_text(name, kinds[name]) for name in groups], values)
        ).fetchall()
    except duckdb.Error as error:
        raise Misuse(f"the data could not be counted: {str(error).splitlines()[0]}") from error
    finally:
        if con is not None:
            con.close()
    return rows


def _opened(
    con: duckdb.DuckDBPyConnection, path: Path, groups: Sequence[str], numbers: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    """The file's rows; CSV is read as `tables.read_table` reads it: a header, and the same words for what is missing.

    A CSV file's groups are the texts that stand there: "yes" is no truth, and "01" not one.

    Raises:
        Misuse: It is empty, no text in UTF-8, or lacks a column.
    """
    literal = glob.escape(str(path))  # DuckDB would read l1.csv for l[1].csv
    if path.suffix.lower() in PARQUET or path.is_dir():
        relation = con.read_parquet(literal) if path.is_file() else _folder(con, path)
        _refuse_absent([*groups, *numbers], relation.columns)
        return relation
    refuse_bytes(path)
    relation = con.read_csv(literal, sample_size=-1, header=True, na_values=list(MISSING))
    _refuse_absent([*groups, *numbers], relation.columns)
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    if taken := {name: "VARCHAR" for name in groups if kinds[name] != "VARCHAR"}:
        return con.read_csv(literal, sample_size=-1, header=True, na_values=list(MISSING), dtype=taken)
    return relation


def _folder(con: duckdb.DuckDBPyConnection, folder: Path) -> duckdb.DuckDBPyRelation:
    """The rows of a folder's Parquet files; folders called `column=value` in it are columns."""
    parts = parts_of(folder)
    kept = {tuple(name.split("=")[0] for name in part.relative_to(folder).parts[:-1] if "=" in name) for part in parts}
    literals = [glob.escape(str(part)) for part in parts]
    return con.read_parquet(literals, union_by_name=True, hive_partitioning=len(kept) == 1 and kept != {()})


def _statement(table: str, groups: Sequence[str], numbers: Any) -> str:
    named = [f"{text} AS g{i}" for i, text in enumerate(groups)]
    named += [f"{value} AS c{i}" for i, value in enumerate(numbers)]
    by = ", ".join(str(i + 1) for i in range(len(named)))
    return f"SELECT {', '.join(named)}, count(*) AS cases\nFROM {table}\nGROUP BY {by}"


def _text(name: str, kind: str) -> str:
    """A group's value as the text that Python has for it."""
    if kind == "BOOLEAN":
        return f"CASE WHEN {quoted(name)} THEN 'True' WHEN NOT {quoted(name)} THEN 'False' END"
    return f"CAST({quoted(name)} AS VARCHAR)"


def _refuse_absent(wanted: Sequence[str], names: Sequence[str]) -> None:
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, [str(n) for n in names], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are: {', '.join(map(str, names))}"
            raise Misuse(f"there is no column {name!r}", hint=hint)
