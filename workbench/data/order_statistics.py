"""Order statistics of one measure by arm: the values at given ranks, sorted once by the database.

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

from workbench.data.sources import opened
from workbench.data.statements import Measure, Plan, rank_statement
from workbench.errors import Misuse


def order_statistics(
    source: Any, measure: Measure, *, arm: str, ranks: Mapping[str, Sequence[int]], unit: str | None = None
) -> dict[str, list[float]]:
    """The values at some ranks of each arm, in the order of the ranks that were asked.

    Args:
        source: What the cube was scanned from.
        measure: What is sorted.
        arm: The column that says which arm a row is in.
        ranks: By arm, places from 1 in ascending order of the units' values.
        unit: The column that names the unit; its rows are made one.

    Raises:
        Misuse: The source cannot be read, or an arm has fewer units than a rank asks for.
    """
    plan = Plan(arm, (measure,), unit, arms=tuple(ranks))
    with opened(source) as table:
        found = table.ask(rank_statement(plan, ranks, kinds=table.kinds))
    places = zip(found["arm"], found["place"], found["x"], strict=True)
    values = {(str(name), int(place)): float(x) for name, place, x in places}
    if absent := [(name, place) for name, wanted in ranks.items() for place in wanted if (name, place) not in values]:
        raise Misuse(
            f"arm {absent[0][0]!r} has no unit of rank {absent[0][1]}", hint="give the data that the cube was made from"
        )
    return {name: [values[name, place] for place in wanted] for name, wanted in ranks.items()}
