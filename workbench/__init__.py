"""Workbench: experiments that can be believed, and models that move only by decision.

A notebook starts with the workspace it belongs to:

    bench = workbench.open_bench()
    record = bench.record()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.bench.secrets import Secret

__version__ = "0.1.0"
__all__ = ["Secret", "__version__", "open_bench"]


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


def __getattr__(name: str) -> Any:
    """`Secret`, imported when it is asked for, so that a command answers at once.

    Raises:
        AttributeError: It is another name.
    """
    if name != "Secret":
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    from workbench.bench.secrets import Secret

    return Secret
