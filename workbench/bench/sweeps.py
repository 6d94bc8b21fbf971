"""The methods of a bench for sweeps: one notebook, many values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.batch.lanes import Lane, Limits
    from workbench.batch.sweeps import Onlooker, SweepResult, Sweeps
    from workbench.bench.notebooks import Notebooks


def sweep(
    bench: Notebooks,
    notebook: str | Path,
    swept: Mapping[str, str | Iterable[Any]] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    grid: bool = True,
    rows: Path | Sequence[Mapping[str, Any]] | None = None,
    jobs: int | None = None,
    retries: int = 0,
    transient: Sequence[str] = (),
    limits: Limits | None = None,
    best: str = "",
    fail_fast: bool = False,
    lane: Lane | None = None,
    fresh: bool = False,
    onlooker: Onlooker | None = None,
) -> SweepResult:
    """Run a notebook with many values.

    Args:
        bench: Whose workspace.
        notebook: By path or by a shipped one's name.
        swept: The values of each parameter: a list, or a text like "0.1:0.5:5".
        parameters: Values that are the same for all runs.
        grid: All combinations; False takes first values together, then second ones.
        rows: In place of `swept`, the values of each run, or a CSV or Parquet file of them.
        jobs: Runs at the same time; by default one a core.
        retries: Further attempts at a run that failed for something transient.
        transient: Names of the exceptions that are.
        limits: What each run may take.
        best: The metric to compare by: "f1" is best when highest, "loss:min" when lowest.
        fail_fast: Begin nothing more after a run that failed.
        lane: How cells are run, e.g. from `executor`; by default as the settings say.
        fresh: Run even where an earlier run of the same content could be given in its place.
        onlooker: Looks on.

    Returns:
        How it went; `.frame()` is its table, `.page` the page about it.
    """
    from workbench.batch.lanes import Limits
    from workbench.batch.sweeps import Options

    opened, path = sweeps(bench, lane), bench.notebook(notebook)
    plan = opened.plan(path, swept, fixed=parameters, zipped=not grid, rows=rows, where=str(notebook))
    cores = os.cpu_count() or 1
    chosen = Options(jobs or cores, retries, tuple(transient), limits or Limits(), best, fail_fast, fresh)
    return opened.go_on(opened.begin(path, plan, chosen).id, onlooker=onlooker)


def sweeps(bench: Notebooks, lane: Lane | None = None) -> Sweeps:
    """The sweeps of this workspace: plan, begin, go on, list.

    Args:
        bench: Whose workspace.
        lane: How cells are run, e.g. from `executor`; by default as the settings say.
    """
    from workbench.batch.sweeps import Sweeps

    return Sweeps(
        bench.root,
        run=partial(bench.run_path, lane=lane),
        tracking=bench.open_store,
        ledger=bench.ledger,
        actor=bench.actor,
        now=bench.now,
    )
