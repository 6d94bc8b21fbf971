"""Older rows of the prediction log as Parquet files: moved there by size, deleted by age, read with DuckDB.

A file is written whole under another name, then renamed, and only the transaction that notes it deletes
its rows: killed at any point, every row is in exactly one place. A file that no row notes is left over
from such a death and goes with the next rotation.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from workbench.ledger.sharing import file_mode, folder_mode
from workbench.serving.log_rows import COLUMNS, stamp

SUFFIX = ".parquet"
KINDS = {
    "version": "BIGINT",
    "generation": "BIGINT",
    "score": "DOUBLE",
    "answer": "BIGINT",
    "latency_us": "BIGINT",
    "status": "BIGINT",
    "propensity": "DOUBLE",
}  # of columns that are no text


class Part(NamedTuple):
    """One file."""

    name: str
    rows: int
    first_at: str  # earliest and latest answer in it
    last_at: str


def parts(connection: sqlite3.Connection) -> list[Part]:
    """The files that there are, oldest first."""
    found = connection.execute("SELECT name, rows, first_at, last_at FROM parts ORDER BY first_at, name").fetchall()
    return [Part(*row) for row in found]


def move(connection: sqlite3.Connection, folder: Path, *, most: int) -> Part | None:
    """Move the oldest rows to a file, if there are more than `most`; half of them stay.

    A request's rows stay together. Called under a lock that no other rotation holds.
    """
    count, first = connection.execute("SELECT count(*), min(seq) FROM predictions").fetchone()
    if count <= most:
        return None
    (last,) = connection.execute(
        "SELECT seq FROM predictions ORDER BY seq LIMIT 1 OFFSET ?", (count - most // 2 - 1,)
    ).fetchone()
    (last,) = connection.execute(
        "SELECT max(seq) FROM predictions WHERE seq <= ? + 20000 AND request = "
        "(SELECT request FROM predictions WHERE seq = ?)",
        (last, last),
    ).fetchone()
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM predictions WHERE seq BETWEEN ? AND ? ORDER BY seq",  # noqa: S608
        (first, last),
    ).fetchall()
    times = [row[1] for row in rows]
    part = Part(f"{min(times)[:19].replace(':', '')}-{rows[0][0]}{SUFFIX}", len(rows), min(times), max(times))
    _write(folder / part.name, rows)
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("INSERT INTO parts (name, rows, first_at, last_at) VALUES (?, ?, ?, ?)", part)
        connection.execute("DELETE FROM predictions WHERE seq BETWEEN ? AND ?", (first, last))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return part


def expire(connection: sqlite3.Connection, folder: Path, *, before: datetime) -> list[Part]:
    """Delete files and rows whose answers were all given before a time, with their labels; the files."""
    end = stamp(before)
    old = [part for part in parts(connection) if part.last_at < end]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("DELETE FROM parts WHERE name = ?", [(part.name,) for part in old])
        connection.execute("DELETE FROM predictions WHERE at < ?", (end,))
        connection.execute("DELETE FROM labels WHERE at < ?", (end,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    _sweep(connection, folder)
    return old


def forget(connection: sqlite3.Connection, folder: Path, model: str, *, before: datetime) -> int:
    """Delete a model's rows, and their labels, from before a time, wherever they lie; how many there were.

    A file that holds some is written anew without them, under another name, and noted in the place of the old.
    """
    end, gone, renewed = stamp(before), 0, []
    for part in parts(connection):
        if part.first_at >= end:
            continue
        rows = select([folder / part.name], ", ".join(f'"{name}"' for name in COLUMNS), 'ORDER BY "at", id', ())
        kept = [row for row in rows if (row[2], row[1] < end) != (model, True)]
        if len(kept) == len(rows):
            continue
        gone += len(rows) - len(kept)
        new = None
        if kept:
            times = [row[1] for row in kept]
            name = f"{part.name.removesuffix(SUFFIX)}.{len(kept)}{SUFFIX}"
            new = Part(name, len(kept), min(times), max(times))
            _write(folder / name, kept)
        forgotten = [(row[0],) for row in rows if (row[2], row[1] < end) == (model, True)]
        renewed.append((part, new, forgotten))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for part, new, forgotten in renewed:
            connection.execute("DELETE FROM parts WHERE name = ?", (part.name,))
            connection.executemany("DELETE FROM labels WHERE id = ?", forgotten)
            if new is not None:
                connection.execute("INSERT INTO parts (name, rows, first_at, last_at) VALUES (?, ?, ?, ?)", new)
        old = "SELECT id FROM predictions WHERE model = ? AND at < ?"
        connection.execute(f"DELETE FROM labels WHERE id IN ({old})", (model, end))  # noqa: S608
        gone += connection.execute("DELETE FROM predictions WHERE model = ? AND at < ?", (model, end)).rowcount
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    _sweep(connection, folder)
    return gone


def select(files: Sequence[Path], columns: str, where: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Rows of files that match; a file that retention took meanwhile has none."""
    import duckdb

    there = [str(file) for file in files if file.is_file()]
    if not there:
        return []
    with duckdb.connect() as connection:
        found = f"SELECT * FROM read_parquet(?, union_by_name = true) UNION ALL BY NAME {_NOTHING}"  # noqa: S608
        sql = f"SELECT {columns} FROM ({found}) {where}"  # noqa: S608
        return connection.execute(sql, [there, *values]).fetchall()


def label_hours(files: Sequence[Path], labels: Sequence[tuple[str, str]], low: str) -> list[tuple[Any, ...]]:
    """Model, hour, number of labels and time of the latest, of answers in files that were given at `low` or later."""
    import duckdb
    import pyarrow as pa

    there = [str(file) for file in files if file.is_file()]
    if not there:
        return []
    ids, times = zip(*labels, strict=True)
    with duckdb.connect() as connection:
        connection.register("labels", pa.table({"id": pa.array(ids, pa.string()), "at": pa.array(times, pa.string())}))
        return connection.execute(
            'SELECT p.model, substr(p."at", 1, 13), count(*), max(l."at") '
            "FROM read_parquet(?, union_by_name = true) p JOIN labels l ON l.id = p.id "
            'WHERE p.status = 200 AND p."at" >= ? GROUP BY 1, 2',
            [there, low],
        ).fetchall()


# no row, but every column: older files lack the newest
_NOTHING = "SELECT " + ", ".join(f'NULL::{KINDS.get(name, "VARCHAR")} AS "{name}"' for name in COLUMNS) + " WHERE false"


def _write(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {name: pa.int64() if kind == "BIGINT" else pa.float64() for name, kind in KINDS.items()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    by_name = zip(COLUMNS, zip(*rows, strict=True), strict=True)
    columns = [pa.array(values, kinds.get(name, pa.string())) for name, values in by_name]
    path.parent.mkdir(mode=folder_mode(path.parent.parent), exist_ok=True)
    writing = path.with_suffix(".writing")
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), writing, compression="zstd")
    with writing.open("rb") as written:
        os.fsync(written.fileno())
    writing.chmod(file_mode(path.parent))
    writing.rename(path)


def _sweep(connection: sqlite3.Connection, folder: Path) -> None:
    """Delete files that nothing notes."""
    noted = {part.name for part in parts(connection)}
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.suffix in {SUFFIX, ".writing"} and path.name not in noted:
            path.unlink(missing_ok=True)
