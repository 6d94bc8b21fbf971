"""The sweeps of a workspace: planned, begun, gone on with, told.

    sweeps = Sweeps(root, run=…, tracking=…, ledger=…, actor="analyst", now=…)
    sweep = sweeps.begin(notebook, plan, Options(jobs=2))     # on disk from here on
    result = sweeps.go_on(sweep.id)                           # and again after any kill

Each run has the idempotency key `sweep/<id>/<number>`, so what finished is never done twice; one that
failed is done again only when asked for, or when it failed for something transient or outside.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from workbench.batch.folders import read_state
from workbench.batch.lanes import Limits, OnCell
from workbench.batch.notebook import content_of, digest_of
from workbench.batch.parameters import read
from workbench.batch.running import Outcome
from workbench.batch.sweeps.crew import OUTSIDE, Crew, Onlooker, Quiet
from workbench.batch.sweeps.entry import tell
from workbench.batch.sweeps.folder import (
    Options,
    Sweep,
    SweepFolder,
    all_sweeps,
    find_sweep,
    lock_of_key,
    make_sweep,
    sweeps_under,
)
from workbench.batch.sweeps.parent import Parent
from workbench.batch.sweeps.plan import Plan, listed, over
from workbench.batch.sweeps.results import Best, Child, SweepResult, writable
from workbench.batch.sweeps.tables import read_rows
from workbench.batch.tracking import Tracking
from workbench.errors import EngineError, Misuse
from workbench.ledger import Ledger


class RunOne(Protocol):
    """Runs one notebook: `workbench.batch.running` in its workspace; called from several threads at once."""

    def __call__(
        self,
        notebook: Path,
        parameters: Mapping[str, Any],
        *,
        key: str,
        on_cell: OnCell,
        limits: Limits,
        parent: Callable[[], str],
        reuse: bool,
        stop: Event,
    ) -> Outcome:
        """What the run came to."""
        ...


class Sweeps:
    """All sweeps of one workspace."""

    def __init__(
        self,
        root: Path,
        *,
        run: RunOne,
        tracking: Callable[[], Tracking],
        ledger: Ledger,
        actor: str,
        now: Callable[[], datetime],
    ) -> None:
        self._root = root.resolve()
        self._run = run
        self._tracking = tracking
        self._ledger = ledger
        self._actor = actor
        self._now = now

    def plan(
        self,
        notebook: Path,
        swept: Mapping[str, str | Iterable[Any]] | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        zipped: bool = False,
        rows: Path | Sequence[Mapping[str, Any]] | None = None,
        where: str = "",
    ) -> Plan:
        """Which runs there would be; nothing begins.

        Args:
            notebook: What is run.
            swept: The values of each parameter, as a text or one by one.
            fixed: Values that are the same for all runs.
            zipped: Take first values together, then second ones; by default all combinations.
            rows: In place of `swept`, the runs one by one: a CSV or Parquet file, or the values of each.
            where: The notebook as a command takes it, for hints.

        Raises:
            Misuse: Something of it does not fit; all of it is said at once.
        """
        parameters = read(notebook)
        if rows is None:
            return over(parameters, fixed or {}, swept or {}, zipped=zipped, where=where)
        if swept or zipped:
            raise Misuse("runs are listed in a file and swept over values too", hint="do one of the two")
        return listed(parameters, fixed or {}, read_rows(rows) if isinstance(rows, Path) else rows, where=where)

    def begin(self, notebook: Path, plan: Plan, options: Options, *, key: str = "") -> Sweep:
        """Write a sweep down; nothing runs yet.

        Args:
            notebook: What is run; a copy is kept.
            plan: Which runs.
            options: How they are run.
            key: Idempotency key of the whole: a sweep that began under it is the one that goes on.

        Raises:
            Misuse: An option cannot be used, or the key was used for other runs.
            EngineError: The workspace cannot be written.
        """
        _check(options)
        if not key:
            return self._begun(notebook, plan, options, key)
        with lock_of_key(self._root, key):
            for folder in sweeps_under(self._root, key):
                earlier = folder.sweep()
                if (earlier.name, earlier.plan) != (notebook.stem, plan):
                    raise Misuse(
                        f"the key {key!r} was used for a sweep of {earlier.name} over other values",
                        hint=f"give another key, or: workbench run --resume {earlier.id}",
                    )
                return earlier
            return self._begun(notebook, plan, options, key)

    def _begun(self, notebook: Path, plan: Plan, options: Options, key: str) -> Sweep:
        made = digest_of(content_of(notebook))
        source, now = notebook.resolve(), self._now()
        folder = make_sweep(self._root, source, made, plan, options, key=key, actor=self._actor, now=now)
        return folder.sweep()

    def go_on(
        self,
        identity: str,
        *,
        options: Options | None = None,
        retry_failed: bool = False,
        onlooker: Onlooker | None = None,
    ) -> SweepResult:
        """Do what is left of a sweep, and write its summary.

        Args:
            identity: Its id, a part of it that fits no other, or "last".
            options: How to run it from now on; by default as it was begun.
            retry_failed: Run again what failed, too.
            onlooker: Looks on.

        Returns:
            How it stands; what failed is in it, not raised.

        Raises:
            Misuse: There is no such sweep, or another process runs it.
            EngineError: The workspace or the tracking store cannot be written.
            KeyboardInterrupt: It was interrupted; nothing runs any more, and it can be gone on with.
        """
        folder = find_sweep(self._root, identity)
        sweep = folder.sweep()
        options = options or sweep.options
        _check(options)
        with folder.alone():
            children = folder.children(sweep.plan)
            todo = _left(children, options, retry_failed=retry_failed)
            parent = Parent(sweep, folder, self._tracking)

            def ended(child: Child) -> None:
                children[child.number - 1] = child
                folder.note(child)

            start = self._starting(sweep, folder, options, parent)
            crew = Crew(start, options, onlooker or Quiet(), rng=random.Random())  # noqa: S311 (it spreads pauses)
            try:
                crew.run(todo, ended)
            finally:
                result = self._summed_up(sweep, folder, options, children, parent)
            return result

    def left(self, identity: str, options: Options, *, retry_failed: bool = False) -> list[Child]:
        """The runs that `go_on` would do.

        Raises:
            Misuse: There is no such sweep.
        """
        folder = find_sweep(self._root, identity)
        return _left(folder.children(folder.sweep().plan), options, retry_failed=retry_failed)

    def has_changed(self, sweep: Sweep) -> bool:
        """Whether the notebook is no longer the one that the sweep began with, and goes on with."""
        try:
            return digest_of(content_of(Path(sweep.source))) != sweep.notebook_digest
        except Misuse:
            return True

    def result(self, identity: str) -> SweepResult:
        """How a sweep stands, read from disk.

        Raises:
            Misuse: There is no such sweep.
        """
        folder = find_sweep(self._root, identity)
        sweep = folder.sweep()
        return _result(sweep, folder, sweep.options, folder.children(sweep.plan))

    def sweep(self, identity: str) -> Sweep:
        """What was planned under an id.

        Raises:
            Misuse: There is no such sweep.
        """
        return find_sweep(self._root, identity).sweep()

    def all(self, *, limit: int | None = None) -> list[tuple[Sweep, SweepResult, bool]]:
        """The sweeps, how each stands, and whether a process runs it now; newest first.

        Args:
            limit: At most so many.
        """
        found = []
        for folder in all_sweeps(self._root)[::-1][:limit]:
            sweep = folder.sweep()
            result = _result(sweep, folder, sweep.options, folder.children(sweep.plan))
            found.append((sweep, result, folder.is_running()))
        return found

    def _starting(
        self, sweep: Sweep, folder: SweepFolder, options: Options, parent: Parent
    ) -> Callable[[Child, OnCell, Event], Child]:
        notebook = folder.notebook
        limits, reuse = options.limits, not options.fresh

        def start(child: Child, on_cell: OnCell, stop: Event) -> Child:
            key = f"{sweep.key}/{child.number}"
            given = sweep.plan.given(child.number)
            outcome = self._run(
                notebook, given, key=key, on_cell=on_cell, limits=limits, parent=parent, reuse=reuse, stop=stop
            )
            return _came_to(child, outcome, key)

        return start

    def _summed_up(
        self, sweep: Sweep, folder: SweepFolder, options: Options, children: Sequence[Child], parent: Parent
    ) -> SweepResult:
        """Write the summary, then tell the tracking store, then the ledger; each does no harm when repeated.

        Raises:
            EngineError: One of them cannot be written.
        """
        from workbench.batch.sweeps.summary import write_summary

        result = _result(sweep, folder, options, children)
        try:
            write_summary(sweep, result, root=self._root)
        except OSError as error:
            raise EngineError(
                f"the summary in {folder.path} cannot be written: {error.strerror or error}",
                hint=f"look at free space, then: workbench run --resume {sweep.id}",
            ) from error
        if not folder.is_closed:
            result = replace(result, parent=parent.end(result))
            if result.status != "stopped":
                tell(self._ledger, sweep, result, actor=self._actor, now=self._now())
                folder.note_closed()
        return result


def _left(children: Sequence[Child], options: Options, *, retry_failed: bool) -> list[Child]:
    again = {OUTSIDE, *options.transient}
    return [
        child
        for child in children
        if child.status == "waiting" or (child.status == "failed" and (retry_failed or child.error in again))
    ]


def _result(sweep: Sweep, folder: SweepFolder, options: Options, children: Sequence[Child]) -> SweepResult:
    measure = Best.read(options.best) if options.best else None
    return SweepResult(sweep.id, sweep.name, folder.path, sweep.plan.swept, tuple(children), measure)


def _came_to(child: Child, outcome: Outcome, key: str) -> Child:
    """A run of a sweep with what came out of it."""
    folder = outcome.report.parent
    state = read_state(folder)
    failure = outcome.failure
    return replace(
        child,
        status=outcome.status,
        run_id=outcome.run_id,
        metrics=dict(outcome.metrics),
        sentence=writable(outcome.sentence),
        error=failure.error if failure else "",
        cell=failure.cell if failure else None,
        folder=folder.name,
        seconds=state.seconds if state else 0.0,
        cpu_seconds=state.cpu_seconds if state else 0.0,
        peak_memory=state.peak_memory if state else 0,
        reused=outcome.reused and not (state and state.key == key),  # its own, before a kill, is no other's
    )


def _check(options: Options) -> None:
    limits = options.limits
    for name, value, least in [
        ("jobs", options.jobs, 1),
        ("retries", options.retries, 0),
    ]:
        if value < least:
            raise Misuse(f"{name} is {value}; it must be at least {least}", hint=f"--{name} {least}")
    for name, limit in [("timeout", limits.seconds), ("cell-timeout", limits.cell_seconds), ("memory", limits.memory)]:
        if limit is not None and not limit > 0:
            raise Misuse(f"{name} is {limit}; it must be above 0", hint="leave it out for no limit")
    if options.best:
        Best.read(options.best)
