"""A run run again as it was: its own cells from its folder, its own values, and then compared.

The notebook may have changed or gone since; what ran is in the run's folder. The new run is a run like
any other, committed, and names the one that it reproduces.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.comparison import Comparison, compare, side_of
from workbench.batch.history import PastRun, find_run
from workbench.batch.notebook import content_of, own_cells
from workbench.batch.running import Outcome
from workbench.errors import Misuse
from workbench.ledger import Ledger


@dataclass(frozen=True)
class Reproduction:
    """A run that was run again, and what came of it."""

    outcome: Outcome
    comparison: Comparison

    @property
    def same(self) -> bool:
        """Whether the same came out."""
        return not self.comparison.results


def rerun(past: PastRun, run: Callable[[Path], Outcome], *, ledger: Ledger, root: Path) -> Reproduction:
    """Run a past run again and compare.

    Args:
        past: Which one.
        run: Runs a notebook with the past run's parameters, afresh, and notes what it reproduces.
        ledger: Where runs are told.
        root: The workspace.

    Raises:
        Misuse: The past run was made cell by cell, or its folder is gone.
    """
    if not past.notebook.is_file():
        why = "a person ran it cell by cell" if past.folder.is_dir() else f"its folder {past.folder} is gone"
        raise Misuse(f"run {past.short} cannot be run again: {why}", hint="workbench runs lists others")
    with tempfile.TemporaryDirectory(prefix="rerun-") as folder:
        notebook = Path(folder) / f"{past.name}.ipynb"
        notebook.write_text(json.dumps(_as_before_it_ran(past.notebook)), "utf-8")
        before = side_of(past)
        outcome = run(notebook)
    return Reproduction(outcome, compare(before, side_of(find_run(ledger, root, outcome.run_id))))


def _as_before_it_ran(notebook: Path) -> dict[str, object]:
    content = content_of(notebook)
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in own_cells(content)
    ]
    return {**content, "cells": cells}
