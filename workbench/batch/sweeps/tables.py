"""Runs listed in a file: CSV or Parquet, a column a parameter, a row a run.

An empty cell is left out, so that the run has the notebook's default.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.batch.sweeps.axes import MOST_RUNS
from workbench.errors import Misuse

HINT = "the first line names parameters, each further line is a run: seed,depth"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The runs that a file lists, their values as the file has them.

    Raises:
        Misuse: The file cannot be read, or is no such table.
    """
    try:
        rows = _parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else _csv(path)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror or error}", hint="give the path of a CSV file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise Misuse(f"{path} is no CSV file: {error}", hint=HINT) from error
    return [{name: value for name, value in row.items() if value is not None and value != ""} for row in rows]


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        names = [name.strip() for name in next(lines, [])]
        _check_names(path, names)
        rows = []
        for number, line in enumerate(itertools.islice((line for line in lines if line), MOST_RUNS + 1), start=1):
            if len(line) != len(names):
                raise Misuse(
                    f"{path}, row {number}, has {len(line)} cells; the first line names {len(names)}",
                    hint="put a value with a comma in it into quotes",
                )
            rows.append(dict(zip(names, line, strict=True)))
    return rows


def _parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        with path.open("rb") as file:
            table = pq.read_table(file)
    except ArrowException as error:
        raise Misuse(f"{path} is no Parquet file: {error}", hint="give a Parquet or CSV file") from error
    _check_names(path, table.column_names)
    found: list[dict[str, Any]] = table.slice(0, MOST_RUNS + 1).to_pylist()
    return found


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names or not all(names):
        raise Misuse(f"{path} has a column without a name", hint=HINT)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise Misuse(f"{path} has the column {twice[0]} more than once", hint="keep one of them")
