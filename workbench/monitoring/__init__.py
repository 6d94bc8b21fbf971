"""Monitoring: watches what is served, and says first what is wrong and why."""

from __future__ import annotations

from workbench.monitoring.audited import AuditedVersion, audited
from workbench.monitoring.drifted import DriftedModel, drifts
from workbench.monitoring.overview import overview
from workbench.monitoring.served import Health, Latency, ServedModel

__all__ = [
    "AuditedVersion",
    "DriftedModel",
    "Health",
    "Latency",
    "ServedModel",
    "audited",
    "drifts",
    "overview",
]
