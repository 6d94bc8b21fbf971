"""`run`, `params`: run a notebook with checked parameters, and see which ones it takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.batch.schedules.periods import PERIODS, Period, period_of
from workbench.cli.options import (
    INTERRUPTED,
    executor_option,
    json_option,
    limit_options,
    pairs,
    print_json,
    print_table,
    workspace_option,
)
from workbench.cli.sweep import Asked, Place, run_sweep, sweep_options
from workbench.errors import HINT, Misuse

if TYPE_CHECKING:
    from workbench.batch import Outcome
    from workbench.batch.lanes import Limits


@click.command()
@click.argument("notebook", required=False)
@click.option(
    "-p", "--parameter", "given", metavar="NAME=VALUE", multiple=True, help="A parameter's value; may be repeated."
)
@click.option("--key", help="Idempotency key: what finished under it, a run or a sweep, is not run again.")
@click.option("--fresh", is_flag=True, help="Run it even where nothing has changed since an earlier run.")
@click.option(
    "--key-by",
    type=click.Choice(PERIODS),
    help="Add the present minute, hour, day or week to the key, so that it runs once in each.",
)
@click.option(
    "--kernel",
    type=click.Choice(["auto", "inline", "warm", "cold"]),
    help="How cells are run; auto is the fastest way that is faithful.",
)
@executor_option
@limit_options
@sweep_options
@workspace_option
@json_option
def run(
    notebook: str | None,
    given: Sequence[str],
    key: str | None,
    fresh: bool,
    key_by: Period | None,
    kernel: str | None,
    executor: str | None,
    limits: Limits,
    asked: Asked,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Run NOTEBOOK, a path or the name of a shipped one, and commit what it found.

    Parameters are checked before anything starts; see them with: workbench params NOTEBOOK

    A finished run with the same cells, parameters, inputs, imported code and environment is given in its
    place, and nothing runs; why it ran, or which run it is, is said on stderr. Inputs are the files that
    parameters and texts in the code name, and what the notebook declares by record.input(PATH).

    With --sweep or --file it is run once for each combination or row. A sweep is on disk before it starts:
    after Ctrl-C, a kill or a power cut, --resume does the rest.

    \b
    Examples:
      workbench run ab_test
      workbench run ab_test -p seed=7
      workbench run ab_test -p seed=7 --fresh
      workbench run weekly.ipynb -p since=2026-01-05 --key weekly/2026-01-05 --json
      workbench run ab_test --key-by week
      workbench run ab_test --executor tcp://10.0.0.5:8786
      workbench run train --sweep algorithm=logistic,boosting --sweep threshold=0.5:0.8:4 --best f1
      workbench run train --sweep seed=0:9:10 --jobs 2 --retries 3 --transient OperationalError
      workbench run train -p folds=3 --file runs.csv --dry-run
      workbench run --resume last
    """
    from workbench import open_bench
    from workbench.cli.warm import hand_over

    parameters = pairs(given)
    is_sweep = asked.is_sweep
    if notebook is None and asked.resume is None:
        raise click.UsageError("Missing argument 'NOTEBOOK'.")
    if asked.resume is not None and (key or key_by):
        raise Misuse("--resume names a sweep, and --key another", hint="give one of the two")
    with open_bench(workspace) as bench:
        code = hand_over(bench.zygote, bench.environ)
        if key_by is not None:
            key = f"{key or Path(notebook or '').stem}/{period_of(bench.now().astimezone(), key_by)}"
    if code is not None:
        raise SystemExit(code)
    if notebook is None or is_sweep:
        at = Place(workspace, executor, kernel, fresh=fresh)
        run_sweep(notebook or "", parameters, asked, limits, at=at, key=key or "", as_json=as_json)
        return
    with open_bench(workspace) as bench, progress(Path(notebook).stem) as on_cell:
        try:
            with bench.executor(executor, kernel=kernel) as lane:
                outcome = bench.run(
                    notebook, parameters, key=key, on_cell=on_cell, fresh=fresh, limits=limits, lane=lane
                )
        except KeyboardInterrupt:
            click.echo("stopped; no kernel is left, and what was not finished is not committed", err=True)
            click.get_current_context().exit(INTERRUPTED)
    click.echo(_why(outcome), err=True)
    if as_json:
        print_json(_as_json(outcome))
    if outcome.status == "failed":
        click.echo(f"{outcome.name} failed: {outcome.sentence}", err=True)
        if outcome.failure is not None and outcome.failure.hint:
            click.echo(f"{HINT}{outcome.failure.hint}", err=True)
        click.echo(f"as far as it came: {outcome.notebook}", err=True)
        click.get_current_context().exit(1)
    if not as_json:
        _tell(outcome)


@click.command()
@click.argument("notebook")
@click.option("--schema", "as_schema", is_flag=True, help="Print JSON Schema, for forms and schedulers.")
@workspace_option
@json_option
def params(notebook: str, as_schema: bool, workspace: Path | None, as_json: bool) -> None:
    """List the parameters of NOTEBOOK, a path or the name of one in the workspace or shipped.

    Outside of a workspace it knows the shipped ones. What is allowed and in which unit stands in the
    comment of a parameter's line ("in (0, 1)", "at least 1", "in USD", "seconds to wait") or in its
    Field(gt=…, le=…). A Secret takes a reference, env:NAME or file:/PATH.

    \b
    Examples:
      workbench params ab_test
      workbench params ab_test --schema
    """
    from workbench.batch.parameters import read
    from workbench.bench import bench_if_any
    from workbench.bench.workspace import notebook_named

    bench = bench_if_any(workspace)
    found = read(notebook_named(bench.root if bench else None, notebook))
    if as_schema:
        print_json(found.schema())
        return
    if as_json:
        print_json([parameter.described for parameter in found])
        return
    if not len(found):
        click.echo(f"{found.notebook} takes no parameters", err=True)
        return
    print_table(
        ["parameter", "type", "default", "allowed", "unit", "meaning"],
        [[_shown(value) if key == "default" else value for key, value in p.described.items()] for p in found],
    )


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr that follows the cells, where a person looks at it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _why(outcome: Outcome) -> str:
    return f"nothing was run: {outcome.because}" if outcome.reused else outcome.because


def _tell(outcome: Outcome) -> None:
    """What came out: the sentence, the numbers, what was registered, where to look."""
    click.echo(outcome.sentence or f"{outcome.name} ran to its end")
    if outcome.metrics:
        print_table(["metric", "value"], [(name, f"{value:.6g}") for name, value in outcome.metrics.items()])
    for model, version in outcome.versions:
        click.echo(f"registered: {model} {version}")
    for finding in outcome.findings:
        made_up = " (made-up data: no evidence)" if (finding.get("details") or {}).get("simulated") else ""
        click.echo(f"{finding['kind']} of {finding['subject']}: {finding['verdict']}{made_up}")
    click.echo(f"report: {outcome.report}")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "run_id": outcome.run_id,
        "name": outcome.name,
        "status": outcome.status,
        "sentence": outcome.sentence,
        "metrics": dict(outcome.metrics),
        "versions": [{"model": model, "version": version} for model, version in outcome.versions],
        "findings": [dict(finding) for finding in outcome.findings],
        "notebook": str(outcome.notebook),
        "report": str(outcome.report),
        "reused": outcome.reused,
        "because": outcome.because,
    }


def _shown(value: Any) -> str:
    """A default as it would be given after -p."""
    if isinstance(value, list):
        return ",".join(_shown(item) for item in value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
