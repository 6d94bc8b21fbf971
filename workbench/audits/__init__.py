"""Audits: fairness, performance, drift and data quality, each from an additive summary, with one of three verdicts.

A verdict is *pass* (shown), *fail* (refuted) or *not enough evidence*; the last is never a pass.
`tables` and `pictures` show what an audit found; `out_of_fold` scores every case without having seen it.
"""

from __future__ import annotations

from workbench.audits.drift import ColumnDrift, DriftAudit, DriftWatch, SchemaChange, audit_drift, watch_drift
from workbench.audits.expectations import ColumnRule, Expectations
from workbench.audits.fairness import AttributeAudit, FairnessAudit, GroupRates, audit_fairness
from workbench.audits.mitigation import reweighing
from workbench.audits.out_of_fold import fitted, out_of_fold
from workbench.audits.performance import PerformanceAudit, audit_performance
from workbench.audits.quality import Check, QualityAudit, audit_quality
from workbench.audits.verdict import Estimate, Verdict, verdict_of, worst

__all__ = [
    "AttributeAudit",
    "Check",
    "ColumnDrift",
    "ColumnRule",
    "DriftAudit",
    "DriftWatch",
    "Estimate",
    "Expectations",
    "FairnessAudit",
    "GroupRates",
    "PerformanceAudit",
    "QualityAudit",
    "SchemaChange",
    "Verdict",
    "audit_drift",
    "audit_fairness",
    "audit_performance",
    "audit_quality",
    "fitted",
    "out_of_fold",
    "reweighing",
    "verdict_of",
    "watch_drift",
    "worst",
]
