"""What a log says of another policy, as a finding: each estimator's value and gain, what the log is worth."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.evidence.finding import Figure, Finding
from workbench.experiments.bandits.off_policy import Evaluation


def off_policy_finding(evaluation: Evaluation, *, name: str, data_digest: str, run_id: str, at: datetime) -> Finding:
    """An evaluation's finding; figures are named "value.SNDR", "gain.SNDR", "effective", ..."""
    return Finding(
        kind="off-policy",
        subject=f"experiment/{name}",
        verdict=evaluation.verdict,
        sentence=evaluation.sentence,
        figures={figure: Figure(**fields) for figure, fields in evaluation.figures().items()},
        data_digest=data_digest,
        run_id=run_id,
        at=at.astimezone(UTC).isoformat(),
        details=evaluation.as_json(),
    )
