"""Batch: running notebooks with typed parameters, and committing what they found.

A kernel writes only into its run's folder; the runner alone talks to the tracking store and the ledger.
"""

from __future__ import annotations

from workbench.batch.commit import commit_record
from workbench.batch.parameters import Parameter, Parameters
from workbench.batch.record import Record
from workbench.batch.run import Outcome, run
from workbench.batch.tracking import Registered, Tracking

__all__ = ["Outcome", "Parameter", "Parameters", "Record", "Registered", "Tracking", "commit_record", "run"]
