"""Stopping rules, looks and plans as tables for people: rounded in words, nothing recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.experiments.stopping.planning import Characteristics, Reach, percent, share

if TYPE_CHECKING:
    import pandas as pd

    from workbench.experiments.stopping.sequential import SequentialResult
    from workbench.stats.comparison import Better


def looks(result: SequentialResult) -> pd.DataFrame:
    """One row a look: what was seen, what the rule asked for, what it said."""
    import pandas as pd

    rows = [
        {
            "day": step.day,
            "difference": result.said(step.estimate),
            "its error": result.said(step.error),
            "better from": _bound(result, step.better_from),
            "worse from": _bound(result, step.worse_from),
            "not worth going on until": "" if step.futile_until is None else _bound(result, step.futile_until),
            "the rule says": step.decision if k <= result.at else "(after the stop)",
        }
        for k, step in enumerate(result.steps)
    ]
    table = pd.DataFrame(rows, index=pd.Index([step.number for step in result.steps], name="look"))
    return table if any(step.futile_until is not None for step in result.steps) else table.iloc[:, [0, 1, 2, 3, 4, 6]]


def rules(found: Sequence[Characteristics]) -> pd.DataFrame:
    """One row a rule: how often it ships nothing, what it finds, and how long it takes."""
    import pandas as pd

    rows = []
    for each in found:
        row = {
            "rule": each.rule.text,
            "ships a change that does nothing": share(each.nothing.better),
            "calls it better or worse": share(each.nothing.better + each.nothing.worse),
            "days where nothing changed": f"{each.nothing.mean_duration(each.days):.1f}",
        }
        for effect, at in zip(each.effects, each.rows, strict=True):
            named = percent(effect, each.traffic.better)
            row |= {
                f"finds {named}": share(at.better),
                f"days at {named}": f"{at.mean_duration(each.days):.1f}",
                f"{named} is then shown as": ""
                if at.inflation is None
                else percent(effect * at.inflation, each.traffic.better),
            }
        rows.append(row)
    return pd.DataFrame(rows).set_index("rule")


def plan(rows: Sequence[Reach], *, better: Better = "higher") -> pd.DataFrame:
    """Days against the smallest effect that they find, and which way it goes."""
    import pandas as pd

    table = [
        {
            "days": row.days,
            "units": f"{row.units:,.0f}",
            "smallest effect found": "none" if row.effect is None else percent(row.effect, better),
            "days on average, at that effect": "" if row.mean_days is None else f"{row.mean_days:.1f}",
        }
        for row in rows
    ]
    return pd.DataFrame(table).set_index("days")


def _bound(result: SequentialResult, value: float) -> str:
    return result.said(value) if np.isfinite(value) else "never"
