"""Workbench: experiments that can be believed, and models that move only by decision.

A notebook starts with the workspace it belongs to:

    bench = workbench.open_bench()
    record = bench.record()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.bench import Bench

__version__ = "0.1.0"
__all__ = ["__version__", "open_bench"]


def open_bench(workspace: str | Path | None = None) -> Bench:
    """The workbench of a workspace: its ledger, tracking store, gate and reports.

    Args:
        workspace: The workspace's folder; by default the one named by the environment
            variable WORKBENCH_WORKSPACE, else the one the current folder lies in.

    Raises:
        Misuse: No workspace is there.
    """
    from workbench.bench import open_bench as opened

    return opened(workspace)
