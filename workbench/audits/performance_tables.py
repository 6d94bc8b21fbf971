"""Predictions, versions and causes as tables for a reader: data frames of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.audits.calibration import CalibrationAudit
from workbench.audits.cause import CauseAudit
from workbench.audits.predictions import PredictionAudit
from workbench.audits.skew import SkewCheck
from workbench.audits.tables import interval, told
from workbench.stats.calibration import HypothesisTest

if TYPE_CHECKING:
    import pandas as pd


def label_table(audit: PredictionAudit) -> pd.DataFrame:
    """One row a label: its cases, precision, recall and F1 with their intervals."""
    import pandas as pd

    rows = [
        {"label": label, "cases": f"{metrics['recall'].n:,}"} | {name: told(found) for name, found in metrics.items()}
        for label, metrics in audit.by_label.items()
    ]
    return pd.DataFrame(rows, columns=["label", "cases", "precision", "recall", "f1"]).set_index("label")


def calibration_table(audits: Mapping[str, CalibrationAudit]) -> pd.DataFrame:
    """One row an audit: how far probabilities are off, and the tests that every one of them is true."""
    import pandas as pd

    rows = [
        {
            "probability": name,
            "error": told(each.error),
            "plain error": f"{each.plain.value:.3f}, {each.plain.floor:.3f} by chance",
            "Hosmer-Lemeshow": _test(each.hosmer_lemeshow),
            "Spiegelhalter's z": _test(each.spiegelhalter),
            "verdict": each.verdict,
        }
        for name, each in audits.items()
    ]
    columns = ["probability", "error", "plain error", "Hosmer-Lemeshow", "Spiegelhalter's z", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("probability")


def cause_table(audit: CauseAudit) -> pd.DataFrame:
    """One row a cause, dearest first: what it cost, with its interval, since when, and what happened."""
    import pandas as pd

    rows = [
        {
            "cause": cause.column or "changed relation",
            "kind": cause.kind,
            "cost": f"{cause.value:+.4f} [{cause.low:+.4f},\u00a0{cause.high:+.4f}]",
            "shown": "yes" if cause.shown else "no",
            "since": f"{cause.since:%Y-%m-%d}" if cause.since else "",
            "what happened": cause.words,
        }
        for cause in audit.causes
    ]
    return pd.DataFrame(rows).set_index("cause")


def segment_table(audit: CauseAudit) -> pd.DataFrame:
    """One row a segment of the column that says most of where the relation changed, on equal inputs."""
    import pandas as pd

    rows = [
        {
            "column": each.column,
            "segment": each.segment,
            "cases": f"{each.rows[0]:,} → {each.rows[1]:,}",
            "loss before": f"{each.before:.4f}",
            "loss now": f"{each.now:.4f}",
            "change": f"{each.change:+.4f} {interval(each.low, each.high)}",
        }
        for each in audit.segments
    ]
    names = ["column", "segment", "cases", "loss before", "loss now", "change"]
    return pd.DataFrame(rows, columns=names).set_index(["column", "segment"])


def skew_table(check: SkewCheck) -> pd.DataFrame:
    """One row a column, most often differing first."""
    import pandas as pd

    rows = [
        {
            "column": each.column,
            "rows that differ": f"{each.differing:,}",
            "share": f"{each.share:.2%} [{each.low:.2%},\u00a0{each.high:.2%}]",
            "largest": "" if each.largest is None else f"{each.largest:.4g}",
            "how": each.how,
            "example": each.example,
        }
        for each in check.columns
    ]
    return pd.DataFrame(rows).set_index("column")


def metric_table(audit: PredictionAudit) -> pd.DataFrame:
    """One row a metric: its value with its interval."""
    import pandas as pd

    rows = [{"metric": name.replace("_", " "), "value": told(found)} for name, found in audit.metrics.items()]
    return pd.DataFrame(rows).set_index("metric")


def _test(found: HypothesisTest | None) -> str:
    return "says nothing" if found is None else f"{found.statistic:.2f}, p {found.p_value:.3f}"
