"""Sweeps: one notebook run with many values, so that a kill costs nothing that had been done.

A sweep is written down before it starts and each of its runs has a key, so it can be gone on with after
any end. What came out stands in one table and one page.
"""

from __future__ import annotations

from workbench.batch.sweeps.crew import Onlooker
from workbench.batch.sweeps.folder import Options, Sweep
from workbench.batch.sweeps.plan import Plan
from workbench.batch.sweeps.results import Best, Child, SweepResult
from workbench.batch.sweeps.sweeping import RunOne, Sweeps

__all__ = ["Best", "Child", "Onlooker", "Options", "Plan", "RunOne", "Sweep", "SweepResult", "Sweeps"]
