"""One attempt at a job on this machine, for a worker of a cluster: `python -m workbench.bench.attempt [KERNEL]`.

The kernel's environment comes from this machine's, not from the one that the job was sent from; so do
the values of secrets, and so they are taken out here, before the runner sees what was put out. The runner
takes out those that it has itself.
"""

from __future__ import annotations

import json
import os
import sys

from workbench.batch.attempts import answer
from workbench.batch.lanes import Ended, Job, OnCell
from workbench.batch.redaction import Redaction
from workbench.bench.composition import Bench


def here(job: Job, on_cell: OnCell | None = None) -> Ended:
    """Run a job as this machine's bench of its workspace does, and leave none of this machine's secrets in it.

    Raises:
        Misuse: A secret cannot be had on this machine, or not be kept out of what is written.
    """
    redaction = Redaction.of(job.secrets, job.environ, json.loads(job.notebook.read_text("utf-8")))
    lane = Bench(job.workspace, environ=job.environ).lane(*sys.argv[1:])
    return redaction.around(lane, job, on_cell)


if __name__ == "__main__":
    answer(here, dict(os.environ))
