"""What an experiment that was looked at by a rule found, as a finding: the corrected effect and the decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.evidence.finding import Figure, Finding, Verdict

if TYPE_CHECKING:
    from workbench.experiments.planning import Characteristics
    from workbench.experiments.sequential import SequentialResult

VERDICTS: dict[str, Verdict] = {"better": "pass", "worse": "fail"}  # all others: not enough evidence


def sequential_finding(
    result: SequentialResult,
    *,
    name: str,
    metric: str,
    data_digest: str,
    run_id: str,
    at: datetime,
    characteristics: Characteristics | None = None,
) -> Finding:
    """A finding of kind "experiment" whose figure "<metric>.effect" is corrected for the looking.

    Where the arms were not filled as planned, nothing that was found is enough evidence.

    Args:
        result: The rule followed over its looks.
        name: Of the experiment.
        metric: What was compared.
        data_digest: Full-content digest of what was looked at.
        run_id: The run that found it.
        at: When.
        characteristics: How the rule works out at this traffic, kept among the details.
    """
    figures = {f"{metric}.effect": Figure(result.estimate, result.low, result.high)}
    ratio = result.sample_ratio
    if ratio is not None and ratio.p is not None:
        figures["sample_ratio.p"] = Figure(ratio.p)
    failed = ratio is not None and ratio.passed is False
    return Finding(
        kind="experiment",
        subject=f"experiment/{name}",
        verdict="not enough evidence" if failed else VERDICTS.get(result.decision, "not enough evidence"),
        sentence=result.sentence,
        figures=figures,
        data_digest=data_digest,
        run_id=run_id,
        at=at.astimezone(UTC).isoformat(),
        details=result.as_json() | ({"characteristics": characteristics.as_json()} if characteristics else {}),
    )
