"""Monitoring: watches what is served, and says first what is wrong and why."""

from __future__ import annotations

from workbench.monitoring.audited import AuditedVersion, audited
from workbench.monitoring.drifted import DriftedModel, drifts

__all__ = [
    "AuditedVersion",
    "DriftedModel",
    "audited",
    "drifts",
]
