"""What audits and experiments found, as findings: the figures a policy may ask for, the tables behind them.

>>> from workbench.audits import audit_performance
>>> import numpy as np
>>> audit = audit_performance([0, 1, 1, 0], [0.2, 0.9, 0.7, 0.6], 0.5, rng=np.random.default_rng(0))
>>> finding = performance_finding(audit, subject="lending", data_digest="d", run_id="r",
...     at=datetime(2026, 1, 1, tzinfo=UTC))
>>> finding.kind, round(finding.figures["f1"].value, 2)
('performance', 0.8)
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from workbench.audits import DriftAudit, Estimate, FairnessAudit, PerformanceAudit, QualityAudit
from workbench.audits.calibration import CalibrationAudit
from workbench.audits.cause import CauseAudit
from workbench.audits.lattice import Lattice
from workbench.audits.performance_json import calibration_json, cause_json, comparison_json, prediction_json, skew_json
from workbench.audits.predictions import PredictionAudit
from workbench.audits.skew import SkewCheck
from workbench.audits.versions import VersionComparison
from workbench.evidence.finding import Figure, Finding
from workbench.experiments import Analysis, SegmentResult
from workbench.experiments.learned import Learned, prior_json
from workbench.experiments.review import Review

MOST_SHOWN = 20  # comparisons of the lattice that a finding keeps
GATED = ("disparate_impact", "equalized_odds_difference", "demographic_parity_difference")


def fairness_finding(
    audit: FairnessAudit, *, subject: str, run_id: str, at: datetime, lattice: Lattice | None = None
) -> Finding:
    """A fairness audit's finding; figures are named "disparate_impact.race", "disparate_impact.race*sex".

    With a lattice, what it shows is told too: how many comparisons show a difference ("lattice_differences"),
    and those of which most is sure.
    """
    figures = {
        f"{name}.{by.name}": _figure(found)
        for name in GATED
        for by in audit.by
        for found in [by.aggregates[name]]
        if name == "disparate_impact" or len(by.attributes) == 1
    }
    details: dict[str, Any] = {
        "groups": [
            {"by": by.name, "group": list(group.group), "n": group.n, "compared": group.compared}
            | {"pooled_selection_rate": group.pooled}
            | {"rates": {name: _told(found) for name, found in group.rates.items()}}
            for by in audit.by
            for group in by.groups
        ],
        "aggregates": {
            by.name: {name: _told(found) for name, found in by.aggregates.items()}
            | {"verdict": by.verdict, "same_rates": by.same_rates, "more_cases": by.more_cases}
            for by in audit.by
        },
    }
    if lattice is not None:
        figures["lattice_differences"] = Figure(float(lattice.found), n=audit.n)
        details["lattice"] = {
            "sentence": lattice.sentence,
            "compared": len(lattice.comparisons),
            "shown": [_plain(asdict(row)) for row in lattice.comparisons[: min(lattice.found, MOST_SHOWN)]],
        }
    return Finding(
        kind="fairness",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures=figures,
        data_digest=audit.data_digest,
        run_id=run_id,
        at=_moment(at),
        details=details,
    )


def performance_finding(
    audit: PerformanceAudit, *, subject: str, data_digest: str, run_id: str, at: datetime
) -> Finding:
    """A performance audit's finding; figures are named "f1", "auc", "accuracy", ..."""
    return Finding(
        kind="performance",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures={name: _figure(found) for name, found in audit.metrics.items()},
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details={
            "threshold": audit.threshold,
            "confusion": dict(zip(("tn", "fp", "fn", "tp"), audit.confusion, strict=True)),
            "always_yes": dict(audit.always_yes),
            "more_cases": audit.more,
        },
    )


def prediction_finding(audit: PredictionAudit, *, subject: str, data_digest: str, run_id: str, at: datetime) -> Finding:
    """The finding of an audit of given predictions, of the same kind as that of a scored version."""
    return Finding(
        kind="performance",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures={name: _figure(found) for name, found in audit.metrics.items()},
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=prediction_json(audit),
    )


def comparison_finding(
    found: VersionComparison, *, subject: str, data_digest: str, run_id: str, at: datetime
) -> Finding:
    """Two versions on the same cases; figures are the challenger's gains: "gain.accuracy", with P(better)."""
    figures = {
        f"gain.{metric}": Figure(gain.value, gain.low, gain.high, found.chance_better(metric), 0.0, n=found.n)
        for metric, gain in found.gains.items()
    }
    return Finding(
        kind="comparison",
        subject=subject,
        verdict=found.verdict,
        sentence=found.sentence,
        figures=figures,
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=comparison_json(found),
    )


def calibration_finding(
    audit: CalibrationAudit, *, subject: str, data_digest: str, run_id: str, at: datetime
) -> Finding:
    """A calibration audit's finding; its figure is "calibration_error"."""
    return Finding(
        kind="calibration",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures={"calibration_error": _figure(audit.error)},
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=calibration_json(audit),
    )


def skew_finding(check: SkewCheck, *, subject: str, data_digest: str, run_id: str, at: datetime) -> Finding:
    """A skew check's finding; figures are "differing" (share of the rows) and "differing.COLUMN"."""
    figures = {"differing": Figure(check.differing / check.rows, n=check.rows)}
    figures |= {f"differing.{c.column}": Figure(c.share, c.low, c.high, n=check.rows) for c in check.columns}
    return Finding(
        kind="skew",
        subject=subject,
        verdict=check.verdict,
        sentence=check.sentence,
        figures=figures,
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=skew_json(check),
    )


def cause_finding(audit: CauseAudit, *, subject: str, data_digest: str, run_id: str, at: datetime) -> Finding:
    """A drop's finding; figures are "drop" and what each cause cost: "inputs.income", "relation"."""
    rows = audit.rows[1]
    figures = {"drop": Figure(audit.drop.value, audit.drop.low, audit.drop.high, target=audit.tolerance, n=rows)}
    for cause in audit.causes:
        name = f"{cause.kind.replace(' ', '_')}.{cause.column}".rstrip(".")
        figures[name] = Figure(cause.value, cause.low, cause.high, cause.chance, 0.0, n=rows)
    return Finding(
        kind="cause",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures=figures,
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=cause_json(audit),
    )


def drift_finding(audit: DriftAudit, *, subject: str, run_id: str, at: datetime) -> Finding:
    """A drift audit's finding; figures are "drifted_share" and each column's index, noise taken out: "psi.hrat"."""
    figures = {"drifted_share": Figure(audit.drifted_share, n=audit.rows_now)}
    figures |= {f"psi.{c.column}": Figure(c.excess, c.low, c.high, n=audit.rows_now) for c in audit.columns}
    return Finding(
        kind="drift",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures=figures,
        data_digest=audit.data_digest,
        run_id=run_id,
        at=_moment(at),
        details={
            "rows_before": audit.rows_before,
            "columns": [_plain(asdict(c)) for c in audit.columns],
            "schema": audit.schema.sentence,
            "large": audit.large,
        },
    )


def quality_finding(audit: QualityAudit, *, subject: str, run_id: str, at: datetime) -> Finding:
    """A data-quality audit's finding; figures are "failed_checks", "missing.income", "range.age", "duplicates", ..."""
    figures = {"failed_checks": Figure(len(audit.failed), target=0, n=audit.profile.rows)}
    figures |= {
        f"{check.name}.{check.column}" if check.column else check.name: Figure(
            check.value, check.low, check.high, check.probability, target=check.limit, n=check.n
        )
        for check in audit.checks
        if check.value is not None
    }
    return Finding(
        kind="quality",
        subject=subject,
        verdict=audit.verdict,
        sentence=audit.sentence,
        figures=figures,
        data_digest=audit.data_digest,
        run_id=run_id,
        at=_moment(at),
        details={"rows": audit.profile.rows, "checks": [asdict(check) for check in audit.checks]},
    )


def experiment_finding(analysis: Analysis, *, run_id: str, at: datetime) -> Finding:
    """An experiment's finding: each arm's effect, with the probability that it is better than the control."""
    return Finding(
        kind="experiment",
        subject=f"experiment/{analysis.name}",
        verdict=analysis.verdict,
        sentence=analysis.sentence,
        figures={name: Figure(**fields) for name, fields in analysis.evidence().items()},
        data_digest=analysis.data_digest,
        run_id=run_id,
        at=_moment(at),
        details=analysis.as_json() | {"design_digest": analysis.design_digest, "order": list(analysis.metrics)},
    )


def prior_finding(learned: Learned, *, metric: str, data_digest: str, run_id: str, at: datetime) -> Finding:
    """A learned prior's finding; below the number of experiments that teach, there is not enough evidence."""
    return Finding(
        kind="prior",
        subject=f"metric/{metric or 'all'}",
        verdict="pass" if learned.taught else "not enough evidence",
        sentence=learned.sentence,
        figures={"experiments": Figure(float(learned.experiments)), "effects": Figure(float(learned.effects))},
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details=prior_json(learned),
    )


def review_finding(review: Review, *, data_digest: str, run_id: str, at: datetime) -> Finding:
    """A review's finding: it passes where every experiment has a hypothesis, a decision and a lesson."""
    raw, kept = review.claimed
    return Finding(
        kind="review",
        subject=f"archive/{review.since}",
        verdict="pass" if review.complete else "fail",
        sentence=review.sentence,
        figures={
            "win_rate": Figure(*review.win_rate, n=len(review.pasts)),
            "claimed": Figure(raw, n=len(review.claims)),
            "kept": Figure(float(kept), n=len(review.claims)),
        },
        data_digest=data_digest,
        run_id=run_id,
        at=_moment(at),
        details={"decisions": review.decisions, "claims": [asdict(claim) for claim in review.claims]},
    )


def segments_finding(result: SegmentResult, *, name: str, run_id: str, at: datetime) -> Finding:
    """What segments say: the effect on the whole and in each, shrunken; a fail where one is surely worse."""
    return Finding(
        kind="segments",
        subject=f"experiment/{name}",
        verdict=result.verdict,
        sentence=result.sentence,
        figures={figure: Figure(**fields) for figure, fields in result.evidence().items()},
        data_digest=result.data_digest,
        run_id=run_id,
        at=_moment(at),
        details=result.as_json(),
    )


def _figure(found: Estimate) -> Figure:
    return Figure(found.value, found.low, found.high, found.probability, found.target, found.needed, found.n)


def _told(found: Estimate) -> dict[str, Any]:
    """An estimate as plain JSON, without what it does not have."""
    return {"value": found.value} | {name: value for name, value in asdict(found).items() if value is not None}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
