"""The part of `run` that runs many, and `sweeps`, which lists them: planned, begun, gone on with, told."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import INTERRUPTED, Command, json_option, pairs, print_json, print_table, workspace_option
from workbench.cli.outcomes import result_as_json, tell, tell_plan, tell_start
from workbench.cli.progress import following
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.batch.lanes import Lane, Limits
    from workbench.batch.sweeps import Options, Plan, Sweep
    from workbench.bench import Bench


@dataclass(frozen=True)
class Asked:
    """What the options of a sweep say; None where nothing was said."""

    swept: tuple[str, ...]
    zipped: bool | None
    file: Path | None
    jobs: int | None
    best: str | None
    retries: int | None
    transient: str | None
    fail_fast: bool
    dry_run: bool
    resume: str | None
    retry_failed: bool

    @property
    def is_sweep(self) -> bool:
        """Whether a sweep is asked for.

        Raises:
            Misuse: It is not, but an option is given that only a sweep has.
        """
        if self.swept or self.file or self.resume is not None:
            return True
        lone = [name.replace("_", "-") for name, value in vars(self).items() if value not in {None, False, ()}]
        if self.zipped is not None:
            lone = ["zip" if self.zipped else "grid"]
        if lone:
            raise Misuse(f"--{lone[0]} is for a sweep", hint="say over what: --sweep NAME=1,2,3, or --file runs.csv")
        return False

    def options(self, before: Options, limits: Limits, *, fresh: bool) -> Options:
        """The options of a sweep, changed where something was said."""
        names = None if self.transient is None else tuple(n.strip() for n in self.transient.split(",") if n.strip())
        said: dict[str, Any] = {"jobs": self.jobs, "best": self.best, "retries": self.retries, "transient": names}
        said |= {"fail_fast": self.fail_fast or None, "fresh": fresh or None}
        kept = {name: value for name, value in vars(limits).items() if value is not None}
        return replace(
            before,
            limits=replace(before.limits, **kept),
            **{name: value for name, value in said.items() if value is not None},
        )


@dataclass(frozen=True)
class Place:
    """Where a sweep lies and where its cells are run; None as the workspace says."""

    workspace: Path | None
    executor: str | None
    kernel: str | None
    fresh: bool = False  # nothing that ran before is given in its place

    @contextmanager
    def lane(self, bench: Bench, left: int) -> Iterator[Lane | None]:
        """The way cells are run, for as long as it is open; None where nothing is left to run."""
        if not left:
            yield None
            return
        with bench.executor(self.executor, kernel=self.kernel) as lane:
            yield lane


def sweep_options(command: Command) -> Command:
    """Add the options of a sweep, handed on as `asked: Asked`."""

    @functools.wraps(command)
    def swept(*args: Any, **more: Any) -> Any:
        own = {name: more.pop(name) for name in Asked.__dataclass_fields__}
        return command(*args, asked=Asked(**own), **more)

    file = click.Path(dir_okay=False, path_type=Path)
    for option in reversed(
        (
            click.option(
                "--sweep",
                "swept",
                metavar="NAME=VALUES",
                multiple=True,
                help="Run with each of these values: 1,2,3 or 0.1:0.5:5 (start:stop:count); a list per run: a,b;c. "
                "May be repeated.",
            ),
            click.option(
                "--zip/--grid",
                "zipped",
                default=None,
                help="Take first values together, then second ones; by default all combinations.",
            ),
            click.option("--file", type=file, help="Runs listed in a CSV or Parquet file: a column a parameter."),
            click.option(
                "--jobs", type=click.IntRange(min=1), metavar="N", help="Runs at the same time; default: one a core."
            ),
            click.option(
                "--best", metavar="METRIC", help="Compare runs by it: f1 (the highest), loss:min (the lowest)."
            ),
            click.option(
                "--retries",
                type=click.IntRange(min=0),
                metavar="N",
                help="Try again after a transient failure, so often.",
            ),
            click.option(
                "--transient", metavar="NAMES", help="Exceptions that are transient: OperationalError,OSError."
            ),
            click.option("--fail-fast", is_flag=True, help="Begin no further run after one that failed."),
            click.option("--dry-run", is_flag=True, help="Print the runs and begin none."),
            click.option("--resume", metavar="ID", help='Do the rest of a sweep; "last" is the newest.'),
            click.option("--retry-failed", is_flag=True, help="With --resume: run what failed again, too."),
        )
    ):
        swept = option(swept)
    return swept  # type: ignore[return-value]


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@workspace_option
@json_option
def sweeps(limit: int, workspace: Path | None, as_json: bool) -> None:
    """List the sweeps of the workspace, newest first, and how far each is.

    \b
    Examples:
      workbench sweeps
      workbench sweeps --limit 100
      workbench run --resume last
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.sweeps().all(limit=limit)
    if as_json:
        print_json(
            [{**result_as_json(result), "running": running, "began": sweep.began} for sweep, result, running in found]
        )
        return
    if not found:
        click.echo("no sweep yet: workbench run NOTEBOOK --sweep NAME=1,2,3", err=True)
        return
    rows = [
        (
            sweep.id,
            ", ".join(sweep.plan.swept),
            len(sweep.plan.runs),
            result.count("finished"),
            result.count("failed"),
            result.count("waiting"),
            "running" if running else result.status,
        )
        for sweep, result, running in found
    ]
    print_table(["sweep", "over", "runs", "finished", "failed", "left", "state"], rows)


def run_sweep(
    notebook: str,
    parameters: Mapping[str, str],
    asked: Asked,
    limits: Limits,
    *,
    at: Place,
    key: str,
    as_json: bool,
) -> None:
    """Run a sweep, or the rest of one, and tell what came out."""
    from workbench import open_bench
    from workbench.batch.sweeps import Options
    from workbench.batch.sweeps.results import runs_told

    with open_bench(at.workspace) as bench:
        sweeps = bench.sweeps()
        if asked.resume is None:
            plan = _plan(bench, notebook, parameters, asked)
            options = asked.options(Options(jobs=os.cpu_count() or 1), limits, fresh=at.fresh)
            if asked.dry_run:
                tell_plan(plan, as_json=as_json)
                return
            sweep = sweeps.begin(bench.notebook(notebook), plan, options, key=key)
            _tell_change(bench, sweep)
        else:
            sweep = _resumed(bench, notebook, parameters, asked)
            options = asked.options(sweep.options, limits, fresh=at.fresh)
        left = sweeps.left(sweep.id, options, retry_failed=asked.retry_failed)
        if asked.dry_run:
            tell_plan(replace(sweep.plan, runs=tuple(child.parameters for child in left)), as_json=as_json)
            return
        again = f"workbench run --resume {sweep.id}"
        for option, given in (("--workspace", at.workspace), ("--executor", at.executor), ("--kernel", at.kernel)):
            if given:
                again += f" {option} {shlex.quote(str(given))}"
        tell_start(sweep, len(left), options, again)
        stopped = False
        try:
            with (
                at.lane(bench, len(left)) as lane,
                following(left, len(sweep.plan.runs), jobs=options.jobs) as onlooker,
            ):
                result = bench.sweeps(lane).go_on(
                    sweep.id, options=options, retry_failed=asked.retry_failed, onlooker=onlooker
                )
        except KeyboardInterrupt:
            stopped, result = True, sweeps.result(sweep.id)
    if as_json:
        print_json(result_as_json(result))
    else:
        tell(result)
    if stopped:
        click.echo("stopped; no kernel is left, and what was not finished is not committed", err=True)
    if result.count("waiting"):
        click.echo(f"{runs_told(result.count('waiting'))} left to do: {again}", err=True)
    elif result.count("failed"):
        click.echo(f"what failed can be run again: {again} --retry-failed", err=True)
    if stopped or result.count("failed") or result.count("waiting"):
        click.get_current_context().exit(INTERRUPTED if stopped else 1)


def _plan(bench: Bench, notebook: str, parameters: Mapping[str, str], asked: Asked) -> Plan:
    if asked.retry_failed:
        raise Misuse("--retry-failed goes with --resume", hint="workbench run --resume last --retry-failed")
    return bench.sweeps().plan(
        bench.notebook(notebook),
        pairs(asked.swept, "--sweep"),
        fixed=parameters,
        zipped=bool(asked.zipped),
        rows=asked.file,
        where=shlex.quote(notebook),
    )


def _resumed(bench: Bench, notebook: str, parameters: Mapping[str, str], asked: Asked) -> Sweep:
    """The sweep that is gone on with.

    Raises:
        Misuse: There is none, or something is given that was settled when it began.
    """
    if parameters or asked.swept or asked.file or asked.zipped is not None:
        raise Misuse("--resume does the rest of a sweep as it was planned", hint="leave out -p, --sweep and --file")
    sweep = bench.sweeps().sweep(asked.resume or "")
    if notebook and bench.notebook(notebook).resolve() != Path(sweep.source):
        raise Misuse(f"the sweep {sweep.id} is of {sweep.source}", hint=f"workbench run --resume {sweep.id}")
    _tell_change(bench, sweep)
    return sweep


def _tell_change(bench: Bench, sweep: Sweep) -> None:
    if bench.sweeps().has_changed(sweep):
        click.echo("the notebook changed since; the sweep goes on with the copy it began with", err=True)
