"""Runs of a workspace that ended: listed, set side by side, run again as they were."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.batch.comparison import Comparison, compare, side_of
from workbench.batch.history import LAST, PastRun, find_run, past_runs, two_runs
from workbench.bench.workspace import nearest
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.batch import Outcome
    from workbench.batch.rerun import Reproduction
    from workbench.bench.notebooks import Notebooks


class Past:
    """What a bench knows of its past runs."""

    def __init__(self, bench: Notebooks) -> None:
        self._bench = bench

    def runs(
        self, notebook: str | None = None, *, failed: bool | None = None, limit: int | None = None
    ) -> list[PastRun]:
        """Runs that ended, newest first.

        Args:
            notebook: Only of this one, by its name.
            failed: Only those that failed, or only those that finished; None for both.
            limit: At most so many.
        """
        return past_runs(self._bench.ledger, self._bench.root, name=notebook, failed=failed, limit=limit)

    def meant(self, name: str) -> str:
        """A hint at the notebook that a name without runs may stand for; empty where none is near."""
        return nearest(name, {*self._bench.notebooks(), *(run.name for run in self.runs())})

    def compare(self, one: str, other: str | None = None) -> Comparison:
        """Two runs side by side, or one with the run of its notebook before it.

        Args:
            one: The beginning of an id, or a notebook's name for its last run; "name~1" is the one before.
            other: The later run.
        """
        with self._looked_up(one, other or ""):
            before, after = two_runs(self._bench.ledger, self._bench.root, one, other)
        return compare(side_of(before), side_of(after))

    def rerun(self, run: str, *, on_cell: Callable[[int, int], None] | None = None) -> Reproduction:
        """Run a past run again as it was, from its folder, and compare what came out.

        Args:
            run: Which one, as `compare` takes it.
            on_cell: Called with (cells done, cells in all).
        """
        from workbench.batch.local import KERNELS
        from workbench.batch.rerun import rerun

        bench = self._bench
        with self._looked_up(run):
            past = find_run(bench.ledger, bench.root, run)
        kernel = past.lane if past.lane in KERNELS else None  # another lane puts out streams in another order

        def again(notebook: Path) -> Outcome:
            return bench.run(
                notebook, past.parameters, on_cell=on_cell, kernel=kernel, fresh=True, reproduces=past.run_id
            )

        return rerun(past, again, ledger=bench.ledger, root=bench.root)

    @contextmanager
    def _looked_up(self, *texts: str) -> Iterator[None]:
        """Say in a refusal which notebook was meant, or how it gets a first run.

        Raises:
            Misuse: A text names no run.
        """
        try:
            yield
        except Misuse as error:
            for name in {text.partition("~")[0].removesuffix(".ipynb") for text in texts} - {LAST}:
                if hint := self.meant(name):
                    raise Misuse(error.message, hint=hint) from error
                if name in self._bench.notebooks() and not self.runs(name, failed=False, limit=1):
                    hint = f"{name} has finished no run yet: workbench run {shlex.quote(name)}"
                    raise Misuse(error.message, hint=hint) from error
            raise
