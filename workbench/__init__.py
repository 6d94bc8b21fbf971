"""Workbench: experiments that can be believed, and models that move only by decision.

A notebook starts with the workspace it belongs to:

    bench = workbench.open_bench()
    record = bench.record()

and may show a form in which it is run with other values:

    workbench.form()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.bench import Bench

__version__ = "0.1.0"
__all__ = ["__version__", "form", "open_bench"]


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


def form(notebook: str | Path | None = None, *, workspace: str | Path | None = None) -> Widget | None:
    """A form that runs a notebook: its parameters with help and checks, and what the run came to.

    Where the notebook itself is being run by the workbench, it shows nothing.

    Args:
        notebook: A path, or the name of one in the workspace or shipped; by default the one that this is
            called in, as it was last saved.
        workspace: As for `open_bench`.

    Raises:
        Misuse: No workspace or no such notebook is there, it cannot be told which notebook this is, or it
            has no parameters cell.
    """
    return open_bench(workspace).form(notebook)
