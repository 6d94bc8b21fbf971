"""What a bench does with notebooks: finds them, runs them, here or elsewhere, and takes what they hand over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bench.engines import Engines
from workbench.bench.sweeps import sweep, sweeps
from workbench.bench.workspace import notebook_named, notebook_names, shipped

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.batch import Outcome, Record
    from workbench.batch.comparison import Comparison
    from workbench.batch.lanes import Lane, Limits
    from workbench.batch.warm import Zygote
    from workbench.bench.past import Past
    from workbench.engines.mlflow import MlflowStore

ATTEMPT = ("-m", "workbench.bench.attempt")  # what a worker's Python is started with


class Notebooks(Engines):
    """A workspace in which notebooks are run."""

    @cached_property
    def zygote(self) -> Zygote | None:
        """Where warm kernels come from, started when it is first asked for one; None where there can be none."""
        from workbench.batch.warm import Zygote

        return Zygote.of(self.settings.preload.split(), self._environ, idle=60 * self.settings.warm_minutes)

    def lane(self, kernel: str | None = None) -> Lane:
        """The way notebooks are run here.

        Args:
            kernel: "auto", "inline", "warm" or "cold"; by default as the settings say.
        """
        from workbench.batch.local import Local

        return Local(self.zygote, kernel or self.settings.kernel)

    def run(
        self,
        notebook: str | Path,
        parameters: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        on_cell: Callable[[int, int], None] | None = None,
        kernel: str | None = None,
        lane: Lane | None = None,
        fresh: bool = False,
        reproduces: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a notebook, by path or by a shipped one's name, and commit what it found.

        Args:
            notebook: Its path, or the bare name of one in the workspace or shipped.
            parameters: Values by name, of their types or as texts; the rest by default.
            key: Idempotency key; by default a new one.
            on_cell: Called with (cells done, cells in all).
            kernel: "auto", "inline", "warm" or "cold"; by default as the settings say.
            lane: Where the cells run, in the place of `kernel`; see `executor`.
            fresh: Run it even where an earlier run of the same content could be given in its place.
            reproduces: The run of which this is a rerun.
            limits: What it may take.
        """
        from workbench.batch.lanes import Limits

        return self.run_path(
            self.notebook(notebook),
            parameters or {},
            key=key,
            on_cell=on_cell,
            lane=lane or self.lane(kernel),
            reuse=not fresh,
            reproduces=reproduces,
            limits=limits or Limits(),
        )

    def run_path(
        self, notebook: Path, parameters: Mapping[str, Any], *, lane: Lane | None = None, **more: Any
    ) -> Outcome:
        """Run the notebook at a path; what else `batch.run` may be told is handed on. Safe from several threads."""
        from workbench.batch import run
        from workbench.batch.local import Local

        with self._opening:
            chosen = lane or self.lane()

        def tracking() -> MlflowStore:
            if isinstance(chosen, Local):
                chosen.begin()  # it starts while MLflow is opened; an earlier run in its place needs neither
            return self.open_store()

        return run(
            notebook,
            parameters,
            workspace_root=self.root,
            tracking=tracking,
            ledger=self.ledger,
            actor=self.actor,
            now=self.now,
            environ=self._environ,
            signer=lambda: self.signing_key,
            lane=chosen,
            **more,
        )

    def open_store(self) -> MlflowStore:
        """The store, opened once whichever thread asks first."""
        with self._opening:
            return self.store

    sweep = sweep
    sweeps = sweeps

    @property
    def past(self) -> Past:
        """Runs that ended: listed, compared, run again."""
        from workbench.bench.past import Past

        return Past(self)

    def compare(self, one: str, other: str | None = None) -> Comparison:
        """Two runs side by side; see `Past.compare`."""
        return self.past.compare(one, other)

    @contextmanager
    def executor(self, address: str | None = None, *, kernel: str | None = None) -> Iterator[Lane]:
        """Where notebooks are run, for as long as it is open: here, or by the workers of a Dask scheduler.

        Args:
            address: The scheduler's, "tcp://host:port" or "tls://host:port"; None for this machine.
            kernel: As for `lane`, on the machine that runs the cells.

        Yields:
            The lane.
        """
        if address is None:
            yield self.lane(kernel)
            return
        from workbench.engines.dask import dask_lane

        with dask_lane(address, self.root, (*ATTEMPT, kernel) if kernel else ATTEMPT) as lane:
            yield lane

    def notebook(self, name: str | Path) -> Path:
        """The path of a notebook named by its path, or by the bare name of one in the workspace or shipped.

        Raises:
            Misuse: There is no such notebook.
        """
        return notebook_named(self.root, name)

    def new(
        self,
        template: str,
        *,
        hypothesis: str,
        owner: str | None = None,
        created: date | None = None,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> Path:
        """A new notebook of this workspace, by a template's name; owner and day are this user and today by default."""
        from workbench.batch.templates import Intent, create, find_template

        intent = Intent(hypothesis, owner or self.actor, created or self.today())
        found = find_template(shipped("templates") / "notebooks", template)
        return create(found, intent, parameters or {}, folder=self.root / "notebooks", name=name)

    def record(self) -> Record:
        """What a notebook hands over: to the runner when one runs it, else to this bench at its end."""
        from workbench.batch.record import Record

        folder = self._environ.get("WORKBENCH_RUN")
        if folder:
            return Record.in_run(Path(folder), now=self.now())
        from workbench.batch.commit import commit_record

        return Record.interactive(
            self.root,
            now=self.now(),
            commit=lambda record: commit_record(
                record,
                tracking=lambda: self.store,
                ledger=self.ledger,
                actor=self.actor,
                now=self.now,
                signer=lambda: self.signing_key,
            ),
        )

    def form(self, notebook: str | Path | None = None) -> Widget | None:
        """A form that runs a notebook with checked parameters; in a run of that notebook, nothing.

        Args:
            notebook: By path, or by the name of one in the workspace or shipped; by default the one
                that this is called in.

        Raises:
            Misuse: There is no such notebook, it cannot be told which one this is, or it has no parameters cell.
        """
        from workbench.bench.forms import form_of

        return form_of(self, notebook)

    def run_page(self) -> Widget:
        """The page on which one chooses a notebook and runs it; its address may ask for one and for values."""
        from workbench.bench.forms import page_of

        return page_of(self)

    def notebooks(self) -> list[str]:
        """The names of the notebooks in the workspace and of those shipped."""
        return notebook_names(self.root)

    def input(self, path: str | Path) -> Path:
        """A further file or folder that a notebook reads: a run is used again only while it is unchanged.

        Args:
            path: Relative to the workspace, or whole.

        Returns:
            The whole path.

        Raises:
            Misuse: Within a run, it is not there or cannot be read.
        """
        from workbench.batch.reads import note_input

        folder = self._environ.get("WORKBENCH_RUN")
        return note_input(Path(folder), self.root, path) if folder else self.root / path
