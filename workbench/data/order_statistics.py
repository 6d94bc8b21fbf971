"""Order statistics of one measure by arm: the values at given ranks, sorted once in DuckDB.

Quantiles cannot be told from moments, so this is the one thing that needs the data beside the cube.
A unit's rows are made one first, as in the scan; nothing but the asked values leaves the database.

>>> import pandas as pd
>>> rows = pd.DataFrame({"arm": ["a", "a", "a", "b", "b"], "seconds": [3.0, 1.0, 2.0, 9.0, 8.0]})
>>> order_statistics(rows, Measure("seconds", "seconds"), arm="arm", ranks={"a": [1, 2], "b": [2]})
{'a': [1.0, 2.0], 'b': [9.0]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.scans import SETTINGS, WITHIN, Measure, quoted, register
from workbench.errors import Misuse


def order_statistics(
    source: Any, measure: Measure, *, arm: str, ranks: Mapping[str, Sequence[int]], unit: str | None = None
) -> dict[str, list[float]]:
    """The values at some ranks of each arm, in the order of the ranks that were asked.

    Args:
        source: What the cube was scanned from: a frame or the path of a Parquet or CSV file.
        measure: What is sorted.
        arm: The column that says which arm a row is in.
        ranks: By arm, places from 1 in ascending order of the units' values.
        unit: The column that names the unit; its rows are made one.

    Raises:
        Misuse: The source cannot be read, or an arm has fewer units than a rank asks for.
    """
    import duckdb

    value = f"CAST({quoted(measure.column)} AS DOUBLE)"
    rows = f"SELECT CAST({quoted(arm)} AS VARCHAR) AS arm, {value} AS x FROM given"  # noqa: S608  (names are quoted)
    if unit is not None:
        rows = (
            f"SELECT min(CAST({quoted(arm)} AS VARCHAR)) AS arm, {WITHIN[measure.within]}({value}) AS x "  # noqa: S608
            f"FROM given GROUP BY {quoted(unit)}"
        )
    placed = f"SELECT arm, x, row_number() OVER (PARTITION BY arm ORDER BY x) AS place FROM ({rows})"  # noqa: S608
    wanted = [[name, place] for name, places in ranks.items() for place in set(places)]
    con = duckdb.connect(config=SETTINGS)
    try:
        register(con, source)
        con.execute("CREATE TEMP TABLE wanted (arm VARCHAR, place BIGINT)")
        con.executemany("INSERT INTO wanted VALUES (?, ?)", wanted)
        found = con.execute(f"SELECT arm, place, x FROM ({placed}) SEMI JOIN wanted USING (arm, place)").fetchall()  # noqa: S608
    except duckdb.Error as error:
        raise Misuse(f"the data could not be sorted: {str(error).splitlines()[0]}") from error
    finally:
        con.close()
    values = {(name, place): float(x) for name, place, x in found}
    if absent := [(name, place) for name, places in ranks.items() for place in places if (name, place) not in values]:
        raise Misuse(
            f"arm {absent[0][0]!r} has no unit of rank {absent[0][1]}", hint="give the data that the cube was made from"
        )
    return {name: [values[name, place] for place in places] for name, places in ranks.items()}
