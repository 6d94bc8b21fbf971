"""How a served model is, in one of three words and a sentence; the gravest cause speaks.

"Act" is said when something is shown to be wrong; "watch" when it may be, or cannot be seen.

>>> judged(version=2, requests=0, failed=0, refused=0, latency=None, drift=None, audit=None)
('watch', 'Version 2 has no fairness audit.')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.evidence import Finding
from workbench.monitoring.served import Health, Latency
from workbench.stats.proportions import wilson_interval

if TYPE_CHECKING:
    from workbench.audits import DriftAudit

MANY_FAILED = 0.01  # share of requests that may fail on our side
MANY_REFUSED = 0.25  # share of requests that may not fit before somebody asks who sends them
SLOW = 0.25  # seconds that 19 of 20 requests may take


def judged(
    *,
    version: int,
    requests: int,
    failed: int,
    refused: int,
    latency: Latency | None,
    drift: DriftAudit | None,
    audit: Finding | None,
) -> tuple[Health, str]:
    """The health and why.

    Args:
        version: Of the champion.
        requests: In the window.
        failed: Of them on our side; too many are shown when the interval's lower end is.
        refused: Of them because they did not fit.
        latency: Of those that were answered.
        drift: Of what was asked; None: it could not be compared.
        audit: The newest fairness finding.
    """
    low = wilson_interval(failed, requests)[0] if requests else 0.0
    if low > MANY_FAILED:
        return "act", f"{failed:,} of {requests:,} requests failed on our side."
    if drift is not None and drift.verdict == "fail":
        return "act", drift.sentence
    if audit is not None and audit.verdict == "fail":
        return "act", audit.sentence
    if audit is None:
        return "watch", f"Version {version} has no fairness audit."
    if failed:
        return "watch", f"{failed:,} of {requests:,} requests failed on our side; too few to call it more than chance."
    if refused > MANY_REFUSED * requests:
        return "watch", f"{refused:,} of {requests:,} requests did not fit the model; a sender may have changed."
    if latency is not None and latency.p95 > SLOW:
        return "watch", f"One request in twenty takes longer than {latency.p95:.2f} s."
    if not requests:
        return "watch", "Nobody asked it in this window."
    if drift is None:
        return "watch", "Whether its inputs have drifted cannot be told."
    if drift.verdict == "not enough evidence":
        return "healthy", "It answers well; too little was asked to be sure that the inputs have not drifted."
    return "healthy", "It answers well, and what it is asked looks like its training data."
