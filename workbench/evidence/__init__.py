"""Evidence: findings frozen under a digest, and the dossier of a version that a policy is asked about.

`fairness_finding`, `performance_finding`, `calibration_finding`, `comparison_finding`, `skew_finding`,
`prediction_finding`, `cause_finding`, `drift_finding`, `quality_finding`, `experiment_finding`,
`segments_finding`, `prior_finding` and `review_finding` turn what audits and experiments return into
findings; they are imported when they are asked for, since they bring numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.evidence.dossier import Dossier, as_input, dossier, dossiers, metrics
from workbench.evidence.finding import Figure, Finding, Verdict

if TYPE_CHECKING:
    from workbench.evidence.findings import calibration_finding as calibration_finding
    from workbench.evidence.findings import cause_finding as cause_finding
    from workbench.evidence.findings import comparison_finding as comparison_finding
    from workbench.evidence.findings import drift_finding as drift_finding
    from workbench.evidence.findings import experiment_finding as experiment_finding
    from workbench.evidence.findings import fairness_finding as fairness_finding
    from workbench.evidence.findings import performance_finding as performance_finding
    from workbench.evidence.findings import prediction_finding as prediction_finding
    from workbench.evidence.findings import prior_finding as prior_finding
    from workbench.evidence.findings import quality_finding as quality_finding
    from workbench.evidence.findings import review_finding as review_finding
    from workbench.evidence.findings import segments_finding as segments_finding
    from workbench.evidence.findings import skew_finding as skew_finding

CONVERSIONS = (
    "calibration_finding",
    "cause_finding",
    "comparison_finding",
    "drift_finding",
    "experiment_finding",
    "fairness_finding",
    "performance_finding",
    "prediction_finding",
    "prior_finding",
    "quality_finding",
    "review_finding",
    "segments_finding",
    "skew_finding",
)

__all__ = [
    "Dossier",
    "Figure",
    "Finding",
    "Verdict",
    "as_input",
    "calibration_finding",
    "cause_finding",
    "comparison_finding",
    "dossier",
    "dossiers",
    "drift_finding",
    "experiment_finding",
    "fairness_finding",
    "metrics",
    "performance_finding",
    "prediction_finding",
    "prior_finding",
    "quality_finding",
    "review_finding",
    "segments_finding",
    "skew_finding",
]


def __getattr__(name: str) -> Any:
    """The conversions, imported when they are asked for.

    Raises:
        AttributeError: There is no such name.
    """
    if name in CONVERSIONS:
        from workbench.evidence import findings

        return getattr(findings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
