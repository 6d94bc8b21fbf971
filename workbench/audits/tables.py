"""Audits as tables for a reader: data frames of text, intervals beside the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.audits.drift import DriftAudit, DriftWatch
from workbench.audits.fairness import FairnessAudit
from workbench.audits.performance import PerformanceAudit
from workbench.audits.quality import QualityAudit
from workbench.audits.verdict import Estimate

if TYPE_CHECKING:
    import pandas as pd

RATES = {
    "selection_rate": "selection rate",
    "fpr": "FPR",
    "fnr": "FNR",
    "precision": "precision",
    "accuracy": "accuracy",
}
UNDEFINED = "undefined"


def rates_table(audit: FairnessAudit) -> pd.DataFrame:
    """One row a group: its cases and its rates with their intervals; TPR and TNR are FNR and FPR from one."""
    import pandas as pd

    rows = [
        {"by": each.name, "group": group.name, "cases": f"{group.n:,}" + ("" if group.compared else ", not compared")}
        | {called: told(group.rates[metric]) for metric, called in RATES.items()}
        for each in audit.by
        for group in each.groups
    ]
    return pd.DataFrame(rows).set_index(["by", "group"])


def distances_table(audit: FairnessAudit) -> pd.DataFrame:
    """One row an attribute and distance: value, interval, probability of the target, verdict."""
    import pandas as pd

    rows = [
        {
            "by": each.name,
            "distance": name.replace("_", " "),
            "value": told(found),
            "target": f"{'≥' if name == 'disparate_impact' else '≤'} {found.target:g}" if found.target else "",
            "probability": UNDEFINED if found.probability is None else f"{found.probability:.3f}",
            "would do": f"{found.needed:.3f}" if found.needed is not None else "",
            "verdict": each.verdict if name == "disparate_impact" else "",
        }
        for each in audit.by
        for name, found in each.aggregates.items()
    ]
    return pd.DataFrame(rows).set_index(["by", "distance"])


def performance_table(audits: dict[str, PerformanceAudit]) -> pd.DataFrame:
    """One row a metric, one column an audit, and what saying always yes reaches."""
    import pandas as pd

    columns = {name: {metric: told(found) for metric, found in each.metrics.items()} for name, each in audits.items()}
    frame = pd.DataFrame(columns)
    always = next(iter(audits.values())).always_yes
    frame["always yes"] = [f"{always[metric]:.3f}" if metric in always else "" for metric in frame.index]
    return frame.rename_axis("metric")


def drift_table(audit: DriftAudit) -> pd.DataFrame:
    """One row a column, most drifted first; nulls and new categories where there are any."""
    import pandas as pd

    rows = [
        {
            "column": each.column,
            "PSI": f"{each.psi:.3f}",
            "noise": f"{each.noise:.3f}",
            "true PSI": interval(each.low, each.high),
            "p, adjusted": f"{each.p:.3f}",
            "KS": f"{each.distances['ks']:.3f}" if "ks" in each.distances else "",
            "Jensen-Shannon": f"{each.distances['jensen_shannon']:.3f}",
            "Wasserstein": f"{each.distances['wasserstein']:.3f}" if "wasserstein" in each.distances else "",
            "nulls": f"{100 * each.nulls_before:.1f}\u00a0%\u00a0→\u00a0{100 * each.nulls_now:.1f}\u00a0%",
            "new": ", ".join(each.new_categories[:3]),
            "verdict": {"fail": "drifted", "pass": "no drift"}.get(each.verdict, each.verdict),
        }
        for each in audit.columns
    ]
    frame = pd.DataFrame(rows).set_index("column")
    without_nulls = not any(each.nulls_before or each.nulls_now for each in audit.columns)
    without_new = not any(each.new_categories for each in audit.columns)
    return frame.drop(columns=["nulls"] * without_nulls + ["new"] * without_new)


def quality_table(audit: QualityAudit) -> pd.DataFrame:
    """One row a check, the gravest first."""
    import pandas as pd

    rows = [
        {
            "column": check.column or "(table)",
            "check": check.name,
            "verdict": check.verdict,
            "found": check.sentence,
            "P(within limit)": "" if check.probability is None else f"{check.probability:.3f}",
            "more rows": "no number"
            if check.more_cases is None
            else f"{check.more_cases:,}"
            if check.more_cases
            else "",
        }
        for check in audit.checks
    ]
    return pd.DataFrame(rows).set_index(["column", "check"])


def watch_table(watch: DriftWatch) -> pd.DataFrame:
    """One row a window, in the order of time: its rows, verdict, and the column that changed most."""
    import pandas as pd

    rows = [
        {
            "window": place,
            "rows": f"{audit.rows_now:,}",
            "verdict": {"fail": "drifted", "pass": "no drift"}.get(audit.verdict, audit.verdict),
            "changed most": audit.columns[0].column,
            "PSI": f"{audit.columns[0].psi:.3f}",
            "noise": f"{audit.columns[0].noise:.3f}",
        }
        for place, audit in enumerate(watch.audits, start=1)
    ]
    return pd.DataFrame(rows).set_index("window")


def told(found: Estimate) -> str:
    """An estimate as a cell shows it."""
    if found.value is None:
        return UNDEFINED
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} {interval(found.low, found.high)}"


def interval(low: float, high: float) -> str:
    """An interval as a cell shows it."""
    return f"[{low:.3f},\u00a0{high:.3f}]"  # a space that does not break the line
