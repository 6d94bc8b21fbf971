"""A ledger full of versions with evidence, as they come in a registry of some size."""

import random
from datetime import UTC, datetime, timedelta

from workbench.evidence import Figure, Finding
from workbench.ledger import ModelVersion
from workbench.policy import Decision

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ALLOWED = Decision("allow", (), "promotion", "p" * 64, "i" * 64)


def fill(ledger, models, versions, *, seed=0):
    """So many models with so many versions each, the first of each champion; figures drawn at random."""
    rng = random.Random(seed)
    with ledger.transaction() as writer:
        for number in range(models):
            model = f"model-{number:04d}"
            for version in range(1, versions + 1):
                known = _version(model, version)
                told = {"actor": "analyst", "why": "trained", "now": NOW}
                writer.append("version.registered", subject=known.subject, body=known.as_body(), **told)
                for finding in _findings(known, rng):
                    writer.append("evidence.recorded", subject=known.subject, body=finding.as_body(), **told)
            body = {"slot": "champion", "generation": 1, "decision": ALLOWED.as_body()}
            told = {"actor": "risk-officer", "why": "the first champion", "now": NOW}
            entry = writer.append("promotion.granted", subject=f"{model}/1", body=body, **told)
            writer.move_head(model, "champion", 1, expected_generation=0, entry=entry)


def _version(model, version):
    return ModelVersion(
        model=model, version=version, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
        feature_set="loan-credit@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
        registered_at=NOW.isoformat(), registered_by="analyst",
    )  # fmt: skip


def _findings(known, rng):
    f1, at = rng.uniform(0.78, 0.95), (NOW - timedelta(days=rng.uniform(0, 29))).isoformat()
    told = {"subject": known.subject, "verdict": "pass", "data_digest": "d" * 64, "run_id": "r", "at": at}
    figures = {"f1": Figure(f1 + 0.02, f1, f1 + 0.04), "auc": Figure(0.9, 0.88, 0.92)}
    yield Finding(kind="performance", sentence="judged", figures=figures, **told)
    figures = {
        f"disparate_impact.{name}": Figure(0.9, 0.85, 0.95, rng.uniform(0.94, 1.0), 0.8, 0.84, 2000)
        for name in ("race", "sex", "race*sex")
    }
    yield Finding(kind="fairness", sentence="judged", figures=figures, **told)
