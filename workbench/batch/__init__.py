"""Batch: running notebooks with typed parameters, and committing what they found.

A kernel writes only into its run's folder; the runner alone talks to the tracking store and the ledger.
Names are imported when they are used: a kernel needs the record and not the runner.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.batch.commit import commit_record
    from workbench.batch.parameters import Parameter, Parameters
    from workbench.batch.record import Record
    from workbench.batch.running import Outcome, run
    from workbench.batch.tracking import Registered, Tracking

__all__ = ["Outcome", "Parameter", "Parameters", "Record", "Registered", "Tracking", "commit_record", "run"]
HOMES = {
    "Outcome": "running",
    "Parameter": "parameters",
    "Parameters": "parameters",
    "Record": "record",
    "Registered": "tracking",
    "Tracking": "tracking",
    "commit_record": "commit",
    "run": "running",
}


def __getattr__(name: str) -> Any:
    """A name of `__all__`, imported from its module.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
