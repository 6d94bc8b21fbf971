"""What an experiment that was looked at by a rule found, as a finding: the corrected effect and the decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.evidence.finding import Figure, Finding, Verdict

if TYPE_CHECKING:
    from workbench.experiments.stopping.planning import Characteristics
    from workbench.experiments.stopping.sequential import SequentialResult

VERDICTS: dict[str, Verdict] = {"better": "pass", "worse": "fail"}  # all others: not enough evidence


def sequential_finding(
    result: SequentialResult,
    *,
    name: str,
    metric: str,
    data_digest: str,
    run_id: str,
    at: datetime,
    control: str = "",
    base: float | None = None,
    design_digest: str = "",
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
        control: The arm that the other was set against.
        base: Its mean.
        design_digest: Of the plan that was registered; empty: none was.
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
        details=result.as_json()
        | {"metrics": {metric: _arms(result, control, base)}, "design_digest": design_digest}
        | ({"characteristics": characteristics.as_json()} if characteristics else {}),
    )


def _arms(result: SequentialResult, control: str, base: float | None) -> dict[str, Any]:
    """Both arms in the form in which an analysis tells its arms, so that past experiments are of one form."""
    told = {"effect": result.estimate, "relative": None, "interval": [result.low, result.high]}
    if result.scale == "relative":
        ends = None if base is None else [result.low * base, result.high * base]
        effect = None if base is None else result.estimate * base
        told = {"effect": effect, "relative": result.estimate, "interval": ends}
    verdict = result.decision if result.decision in VERDICTS else "not enough evidence"
    arms: dict[str, Any] = {control: {"mean": base, "verdict": "control"}} if control else {}
    return arms | {result.arm: told | {"verdict": verdict}}
