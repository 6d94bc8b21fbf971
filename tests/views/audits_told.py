"""Versions and models that were audited, as the pages of fairness and drift are given them."""

import runpy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from workbench.audits import audit_fairness, explore, lattice
from workbench.audits.thresholds import ThresholdCounts
from workbench.data import CountCube, ScoreCube
from workbench.evidence import drift_finding, fairness_finding
from workbench.monitoring.audited import AuditedVersion, Point, attributes_of, lattice_of
from workbench.monitoring.drifted import DriftedModel, DriftLook

STORY = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
HOSTILE = "<script>document.title='broken'</script>"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def applications(n=2000, seed=5):
    """Groups, scores and labels of applicants; those of colour score lower."""
    rng = np.random.default_rng(seed)
    colour = rng.random(n) < 0.3
    race = np.where(colour, "of colour", "white")
    race[:8] = HOSTILE
    sex = np.where(rng.random(n) < 0.5, "female", "male")
    score = rng.beta(4, 2 + 1.5 * colour)
    return {"race": race, "sex": sex}, score, (rng.random(n) < score).astype(int)


def table() -> ThresholdCounts:
    """Every threshold by race."""
    groups, score, label = applications()
    return ThresholdCounts.from_json(
        explore(ScoreCube.scan({"race": groups["race"]}, score=score, label=label)).as_json()
    )


def audited(number=2, stage="candidate", *, model="lending", threshold=0.6) -> AuditedVersion:
    """A version that was audited at a threshold, and the version before it."""
    groups, score, label = applications()
    cube = CountCube.scan(groups, label=label, prediction=score >= threshold)
    audit = audit_fairness(cube, rng=np.random.default_rng(0), quick=True)
    compared = lattice(cube)
    finding = fairness_finding(audit, subject=f"{model}/{number}", run_id="run-1", at=NOON, lattice=compared)
    by = attributes_of(finding.figures, finding.details)
    earlier = replace(by[0].impact, value=0.9, low=0.85, high=0.95)
    trend = {"race": (Point(number - 1, earlier), Point(number, by[0].impact))}
    version = STORY["version"](number, model, threshold=threshold)
    return AuditedVersion(version, stage, finding, by, trend, *lattice_of(finding.details))


def unaudited(number=1, stage="champion", *, model="lending") -> AuditedVersion:
    """A version that nobody audited."""
    return AuditedVersion(STORY["version"](number, model), stage, None, (), {})


def looked(model="lending", *, moved=True, looks=3) -> DriftedModel:
    """A model whose inputs moved at the last of some looks, or did not."""
    audit = STORY["drift"](moved=moved)
    finding = drift_finding(audit, subject=f"{model}/1", run_id="run-2", at=NOON)
    history = [DriftLook((NOON - timedelta(days=day)).isoformat(), 1, 0.0, "pass") for day in range(looks - 1, 0, -1)]
    history.append(DriftLook(finding.at, 1, audit.drifted_share, audit.verdict))
    return DriftedModel(model, 1, 1, finding, audit.columns, audit.rows_before, tuple(history), audit.large)


def overlooked(model="churn") -> DriftedModel:
    """A model that nobody looked at."""
    return DriftedModel(model, 4, 4, None, (), None, ())
