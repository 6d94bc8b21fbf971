"""Canaries: a version is tried on a growing share of the traffic, and goes on or back by rules that are told."""

from __future__ import annotations

from workbench.monitoring.canaries.controller import Controller, Done
from workbench.monitoring.canaries.plan import Plan
from workbench.monitoring.canaries.reading import Canary
from workbench.monitoring.canaries.steps import Act, Judged
from workbench.monitoring.canaries.store import CanaryStore
from workbench.monitoring.canaries.told import canary_exposition

__all__ = ["Act", "Canary", "CanaryStore", "Controller", "Done", "Judged", "Plan", "canary_exposition"]
