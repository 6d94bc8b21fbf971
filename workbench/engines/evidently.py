"""Evidently's drift report, the page that people know; our own numbers decide (`workbench.audits`).

Only its public API is used, and nothing leaves the machine: its usage events are switched off here,
whatever the environment says, and the page has its scripts and fonts inside.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ColumnScore:
    """What Evidently says of one column."""

    method: str  # its choice, e.g. "K-S p_value", "Wasserstein distance (normed)"
    score: float  # a p-value or a distance, by method
    threshold: float
    drifted: bool


@dataclass(frozen=True)
class EvidentlyReport:
    """The report with its own verdicts."""

    html: str  # about 4 MB, complete in itself
    columns: Mapping[str, ColumnScore]

    @property
    def drifted_share(self) -> float:
        """Share of the columns that it calls drifted, in [0, 1]."""
        return sum(column.drifted for column in self.columns.values()) / len(self.columns)


def drift_report(reference: pd.DataFrame, current: pd.DataFrame) -> EvidentlyReport:
    """Evidently's drift preset over the columns of the reference.

    Args:
        reference: One row a case; from a profile, take `Profile.expanded`.
        current: What is compared with it; further columns are left out.

    Raises:
        Misuse: A side has no rows, or a column is missing.
        EngineError: Evidently cannot be imported, or fails.
    """
    missing = [name for name in reference.columns if name not in current.columns]
    if missing or reference.empty or current.empty:
        raise Misuse(
            f"the column {missing[0]!r} is missing" if missing else "the reference or the current side has no rows",
            hint="give both sides the same columns and at least one row",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, at import and in its plots
        try:
            import evidently.telemetry
            from evidently import Report
            from evidently.presets import DataDriftPreset
        except ImportError as error:
            raise EngineError(f"evidently cannot be imported: {error}", hint='pip install "pandas<3.1"') from error
        evidently.telemetry.event_logger.enabled = False
        try:
            run = Report([DataDriftPreset()]).run(current[list(reference.columns)], reference)
            html, told = run.get_html_str(as_iframe=False), json.loads(run.json())
        except (ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
            raise EngineError(f"evidently failed: {error}", hint="the drift audit does not need it") from error
    return EvidentlyReport(html, dict(_scores(told)))


def _scores(told: Mapping[str, Any]) -> list[tuple[str, ColumnScore]]:
    found = []
    for metric in told["metrics"]:
        config = metric["config"]
        if config["type"] == "evidently:metric_v2:ValueDrift":
            method, threshold, score = config["method"], float(config["threshold"]), float(metric["value"])
            drifted = score < threshold if "p_value" in method else score >= threshold
            found.append((config["column"], ColumnScore(method, score, threshold, drifted)))
    return found
