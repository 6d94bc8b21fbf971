"""Workbench: experiments that can be believed, and models that move only by decision.

A notebook starts with the workspace it belongs to:

    bench = workbench.open_bench()
    record = bench.record()

and may show a form in which it is run with other values:

    workbench.form()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.bench import Bench
    from workbench.bench.secrets import Secret

__version__ = "0.1.0"
__all__ = ["Secret", "__version__", "form", "open_bench"]


def open_bench(workspace: str | Path | None = None, *, rehearsal: bool = False) -> Bench:
    """The workbench of a workspace: its ledger, tracking store, gate and reports.

    Args:
        workspace: The workspace's folder; by default the one named by the environment
            variable WORKBENCH_WORKSPACE, else the one the current folder lies in.
        rehearsal: Whether nothing of what is then written to the ledger is to be kept.

    Raises:
        Misuse: No workspace is there.
    """
    from workbench.bench import open_bench as opened

    return opened(workspace, rehearsal=rehearsal)


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


def __getattr__(name: str) -> Any:
    """`Secret`, imported when it is asked for, so that a command answers at once.

    Raises:
        AttributeError: It is another name.
    """
    if name != "Secret":
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    from workbench.bench.secrets import Secret

    return Secret
