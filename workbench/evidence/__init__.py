"""Evidence: findings frozen under a digest, and the dossier of a version that a policy is asked about."""

from __future__ import annotations

from workbench.evidence.dossier import Dossier, as_input, dossier, metrics
from workbench.evidence.finding import Figure, Finding, Verdict

__all__ = ["Dossier", "Figure", "Finding", "Verdict", "as_input", "dossier", "metrics"]
