"""What a pass found as tables, for notebooks and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.monitoring.incidents import Incident
from workbench.monitoring.passes import Looked, Pass

if TYPE_CHECKING:
    import pandas as pd


def standings_table(done: Pass) -> pd.DataFrame:
    """A line a model, worst first: how it is, why, and since when."""
    import pandas as pd

    rows = [(line.model, line.version, line.state, line.sentence, line.since, line.requests) for line in done.standings]
    return pd.DataFrame(rows, columns=["model", "version", "state", "why", "since", "requests"]).set_index("model")


def signals_table(looked: Looked) -> pd.DataFrame:
    """Each measure of a model with its bounds and what it is held against, those that fail first."""
    import pandas as pd

    order = {"fail": 0, "not enough evidence": 1, "pass": 2}
    rows = [
        (signal.key, signal.verdict, signal.value, signal.low, signal.high, signal.target, signal.since)
        for signal in sorted(looked.watched.signals, key=lambda signal: order[signal.verdict])
    ]
    columns = ["signal", "verdict", "value", "low", "high", "target", "since"]
    return pd.DataFrame(rows, columns=columns).set_index("signal")


def incidents_table(found: Sequence[Incident]) -> pd.DataFrame:
    """Incidents with who has them."""
    import pandas as pd

    rows = [(one.id, one.model, one.state, one.gravity, one.opened_at, one.sentence, one.by) for one in found]
    columns = ["incident", "model", "state", "gravity", "opened", "what", "by"]
    return pd.DataFrame(rows, columns=columns).set_index("incident")
