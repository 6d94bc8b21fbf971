"""Opening the bench of a workspace: the one that is named, or the one that the current folder lies in."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.bench.composition import Bench
from workbench.bench.workspace import find
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.batch.warm import Zygote


def usual_zygote() -> Zygote:
    """The zygote of the shipped settings, where there is no workspace to ask."""
    from workbench.batch.warm import Zygote
    from workbench.batch.warm.identity import PRELOAD, identify

    return Zygote(identify(PRELOAD, os.environ))


def open_bench(workspace: str | Path | None = None, *, rehearsal: bool = False) -> Bench:
    """The bench of a workspace.

    Args:
        workspace: Its folder; by default the one that WORKBENCH_WORKSPACE names, else the one that
            the current folder lies in.
        rehearsal: Whether nothing of what is then written to the ledger is to be kept.

    Raises:
        Misuse: There is no workspace there.
    """
    bench = Bench(_root(workspace), environ=dict(os.environ))
    if rehearsal:
        bench.rehearse()
    return bench


def _root(workspace: str | Path | None) -> Path:
    named = workspace or os.environ.get("WORKBENCH_WORKSPACE")
    if named is None:
        return find(Path.cwd())
    root = Path(named).resolve()
    found = find(root)
    if found != root:
        raise Misuse(f"{root} is no workspace; it lies in one", hint=f"--workspace {shlex.quote(str(found))}")
    return root


def bench_if_any(workspace: str | Path | None = None) -> Bench | None:
    """The bench of a workspace as `open_bench` finds it; None where none is named and there is none.

    Raises:
        Misuse: What is named is no workspace, or its settings cannot be read.
    """
    if workspace is None and not os.environ.get("WORKBENCH_WORKSPACE"):
        try:
            workspace = find(Path.cwd())
        except Misuse:
            return None
    return open_bench(workspace)
