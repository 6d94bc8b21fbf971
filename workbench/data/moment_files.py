"""How a moment cube is written down: one row a cell as JSON or Parquet, every number to its last bit.

The head (measures with their caps, columns, sources, SQL) stands beside the rows, in Parquet as the
file's metadata. The same cube gives the same bytes, so that a file's digest is the cube's. Files from
before there were caps are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.scans import Measure
from workbench.errors import Misuse
from workbench.stats.moments import Floats, Logs, Moments

if TYPE_CHECKING:
    from workbench.data.moments import MomentCube

FORMAT = "workbench.moments/1"


def as_json(cube: MomentCube) -> str:
    """The cube as text."""
    return json.dumps({**_head(cube), "rows": _rows(cube)}, allow_nan=False)


def from_json(text: str) -> dict[str, Any]:
    """The fields of the cube that `as_json` wrote, cells as tuples.

    Raises:
        Misuse: The text is no cube.
    """
    try:
        body = json.loads(text)
        rows = body["rows"]
    except (KeyError, TypeError, ValueError) as error:
        raise Misuse(f"this is no moment cube: {error!r}") from error
    return _fields(body, rows)


def as_parquet(cube: MomentCube) -> bytes:
    """The cube as a Parquet file's bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = {b"workbench": json.dumps(_head(cube), allow_nan=False).encode()}
    file = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(_rows(cube)).replace_schema_metadata(head), file)
    return bytes(file.getvalue())


def from_parquet(path: Path) -> dict[str, Any]:
    """The fields of the cube that `as_parquet` wrote, cells as tuples.

    Raises:
        Misuse: The file is no cube.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
        head = json.loads((table.schema.metadata or {})[b"workbench"])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Misuse(f"{path} holds no moment cube: {error!r}") from error
    return _fields(head, table.to_pylist())


def _head(cube: MomentCube) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "measures": [asdict(measure) for measure in cube.measures],
        "segments": list(cube.segments),
        "unit": cube.unit,
        "cluster": cube.cluster,
        "sources": list(cube.sources),
        "lines": cube.rows,
        "sql": cube.sql,
        "across": None if cube.across is None else {k: part.tolist() for k, part in cube.across._asdict().items()},
    }


def _rows(cube: MomentCube) -> list[dict[str, Any]]:
    parts = {"units": cube.units, "logs": cube.logs, "clusters": cube.clusters}
    rows = []
    for i, cell in enumerate(cube.cells):
        row: dict[str, Any] = {"segment": list(cell.segment), "day": cell.day, "arm": cell.arm}
        for name, part in parts.items():
            for field, values in () if part is None else part._asdict().items():
                row[f"{name}_{field}"] = np.asarray(values[i]).ravel().tolist()
        rows.append({**row, "negatives": cube.negatives[i].tolist()})
    return rows


def _fields(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A cube's fields, from its head and rows.

    Raises:
        Misuse: One is missing, or is something else.
    """
    try:
        if head["format"] == FORMAT:
            return _read(head, rows)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Misuse(f"this is no moment cube: {error!r}") from error
    raise Misuse(f"the format is {head['format']!r}; it must be {FORMAT!r}")


def _read(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def part(name: str, components: int) -> Moments:
        n = np.array([row[f"{name}_n"][0] for row in rows])
        mean = np.array([row[f"{name}_mean"] for row in rows])
        scatter = np.array([row[f"{name}_scatter"] for row in rows])
        return Moments(n, mean, scatter.reshape(len(rows), components, components))

    across = None if head.get("across") is None else Moments(**_arrays(head["across"]))
    if across is not None and len(across.n) != len({(row["day"], row["arm"]) for row in rows}):
        raise ValueError("its clusters are not those of days; scan the data again")  # as they were once written
    k = len(head["measures"])
    lines = head.get("lines", head.get("rows"))  # older files: by another name, and not in JSON
    return {
        "measures": tuple(Measure(**measure) for measure in head["measures"]),
        "segments": tuple(head["segments"]),
        "unit": head["unit"],
        "cluster": head["cluster"],
        "cells": tuple((tuple(row["segment"]), row["day"], row["arm"]) for row in rows),
        "units": part("units", k),
        "logs": Logs(*(np.array([row[f"logs_{field}"] for row in rows]) for field in Logs._fields)),
        "negatives": np.array([row["negatives"] for row in rows]),
        "clusters": part("clusters", 1 + 3 * k) if head["cluster"] is not None else None,
        "sources": tuple(head["sources"]),
        "rows": lines if isinstance(lines, int) else int(sum(row["units_n"][0] for row in rows)),
        "sql": head["sql"],
        "across": across,
    }


def _arrays(parts: Mapping[str, Any]) -> dict[str, Floats]:
    return {name: np.array(part, dtype=np.float64) for name, part in parts.items()}
