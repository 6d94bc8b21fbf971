"""One attempt at a job on this machine, for a worker of a cluster: `python -m workbench.bench.attempt [KERNEL]`.

The kernel's environment comes from this machine's, not from the one that the job was sent from; so do
the values of secrets.
"""

from __future__ import annotations

import os
import sys

from workbench.batch.attempts import answer
from workbench.batch.lanes import Ended, Job, OnCell
from workbench.bench.composition import Bench


def here(job: Job, on_cell: OnCell | None = None) -> Ended:
    """Run a job as this machine's bench of its workspace does."""
    return Bench(job.workspace, environ=job.environ).lane(*sys.argv[1:])(job, on_cell)


if __name__ == "__main__":
    answer(here, dict(os.environ))
