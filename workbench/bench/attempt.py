"""One attempt at a job on this machine, for a worker of a cluster: `python -m workbench.bench.attempt`.

The kernel's environment comes from this machine's, not from the one that the job was sent from.
"""

from __future__ import annotations

import os

from workbench.batch.attempts import answer
from workbench.bench.lanes import local_lane

if __name__ == "__main__":
    answer(local_lane(), dict(os.environ))
