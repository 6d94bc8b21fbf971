"""Audits: fairness, performance, drift and data quality, each from an additive summary, with one of three verdicts.

A verdict is *pass* (shown), *fail* (refuted) or *not enough evidence*; the last is never a pass.
`tables` and `pictures` show what an audit found; `out_of_fold` scores every case without having seen it.
"""

from __future__ import annotations

from workbench.audits.by_score import ScoreAudit, audit_scores
from workbench.audits.drift import ColumnDrift, DriftAudit, DriftWatch, SchemaChange, audit_drift, watch_drift
from workbench.audits.expectations import ColumnRule, Expectations
from workbench.audits.fairness import AttributeAudit, FairnessAudit, GroupRates, audit_fairness
from workbench.audits.fairness_json import fairness_json
from workbench.audits.label_free import LabelFree, estimate_unlabelled
from workbench.audits.lattice import Lattice, lattice
from workbench.audits.mitigation import post_processed, reweighing
from workbench.audits.out_of_fold import fitted, out_of_fold
from workbench.audits.performance import PerformanceAudit, audit_performance
from workbench.audits.quality import Check, QualityAudit, audit_quality
from workbench.audits.slices import SliceAudit, bad_slices
from workbench.audits.thresholds import ThresholdTable, explore
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
    "LabelFree",
    "Lattice",
    "PerformanceAudit",
    "QualityAudit",
    "SchemaChange",
    "ScoreAudit",
    "SliceAudit",
    "ThresholdTable",
    "Verdict",
    "audit_drift",
    "audit_fairness",
    "audit_performance",
    "audit_quality",
    "audit_scores",
    "bad_slices",
    "estimate_unlabelled",
    "explore",
    "fairness_json",
    "fitted",
    "lattice",
    "out_of_fold",
    "post_processed",
    "reweighing",
    "verdict_of",
    "watch_drift",
    "worst",
]
