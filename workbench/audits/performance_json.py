"""Audits of predictions, versions, skew and causes as plain JSON: numbers unrounded, the undefined null."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from workbench.audits.calibration import CalibrationAudit
from workbench.audits.cause import CauseAudit
from workbench.audits.predictions import PredictionAudit
from workbench.audits.skew import SkewCheck
from workbench.audits.verdict import Estimate
from workbench.audits.versions import VersionComparison


def prediction_json(audit: PredictionAudit) -> dict[str, Any]:
    """A prediction audit."""
    return {
        "kind": audit.kind,
        "n": audit.n,
        "metrics": {name: _told(found) for name, found in audit.metrics.items()},
        "labels": {
            label: {name: _told(found) for name, found in metrics.items()} for label, metrics in audit.by_label.items()
        },
        "baseline": audit.baseline,
        "calibration": calibration_json(audit.calibration) if audit.calibration else None,
        "more_cases": audit.more,
        "verdict": audit.verdict,
        "sentence": audit.sentence,
    }


def calibration_json(audit: CalibrationAudit) -> dict[str, Any]:
    """A calibration audit, its curve bin by bin."""
    curve = audit.curve
    columns = {"cases": curve.cases, "mean": curve.means, "share": curve.shares, "low": curve.lows, "high": curve.highs}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return {
        "error": _told(audit.error),
        "expected_calibration_error": audit.plain.value,
        "floor": audit.plain.floor,
        "hosmer_lemeshow": audit.hosmer_lemeshow._asdict() if audit.hosmer_lemeshow else None,
        "spiegelhalter": audit.spiegelhalter._asdict() if audit.spiegelhalter else None,
        "curve": [dict(zip(columns, row, strict=True)) for row in rows],
        "more_cases": audit.more,
        "verdict": audit.verdict,
    }


def comparison_json(found: VersionComparison) -> dict[str, Any]:
    """Two versions on the same cases."""
    return {
        "champion": found.champion,
        "challenger": found.challenger,
        "n": found.n,
        "gains": {
            metric: {"value": gain.value, "low": gain.low, "high": gain.high}
            | {"chance_better": found.chance_better(metric)}
            for metric, gain in found.gains.items()
        },
        "mcnemar": found.mcnemar._asdict() if found.mcnemar else None,
        "decides": found.decides,
        "more_cases": found.more,
        "verdict": found.verdict,
        "sentence": found.sentence,
    }


def skew_json(check: SkewCheck) -> dict[str, Any]:
    """A skew check, column by column."""
    return {
        "rows": check.rows,
        "differing": check.differing,
        "columns": [asdict(column) for column in check.columns],
        "more_rows": check.more,
        "verdict": check.verdict,
        "sentence": check.sentence,
    }


def cause_json(audit: CauseAudit) -> dict[str, Any]:
    """A drop and its causes."""
    parts = audit.attribution
    return {
        "measure": audit.measure,
        "before": audit.before,
        "now": audit.now,
        "rows": {"before": audit.rows[0], "now": audit.rows[1]},
        "drop": asdict(audit.drop),
        "causes": [
            {
                "kind": cause.kind,
                "column": cause.column or None,
                "value": cause.value,
                "low": cause.low,
                "high": cause.high,
                "probability": cause.chance,
                "since": cause.since.isoformat() if cause.since else None,
                "words": cause.words,
            }
            for cause in audit.causes
        ],
        "kinds": {kind: audit.of(kind) for kind in ("data quality", "inputs", "relation")},
        "shared": {"before": parts.shared_before, "now": parts.shared_now, "overlap": parts.overlap},
        "segments": [asdict(each) for each in audit.segments],
        "left_out": dict(audit.left_out),
        "more_cases": audit.more,
        "verdict": audit.verdict,
        "sentence": audit.sentence,
    }


def _told(found: Estimate) -> dict[str, Any]:
    return {"n": found.n, "value": found.value, "low": found.low, "high": found.high}
