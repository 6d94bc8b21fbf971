"""`run`, `params`: run a notebook with checked parameters, and see which ones it takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.batch import Outcome

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


@click.command()
@click.argument("notebook")
@click.option(
    "-p", "--parameter", "given", metavar="NAME=VALUE", multiple=True, help="A parameter's value; may be repeated."
)
@click.option("--key", help="Idempotency key: a run that finished under it is not run again.")
@click.option(
    "--kernel",
    type=click.Choice(["auto", "inline", "warm", "cold"]),
    help="How cells are run; auto is the fastest way that is faithful.",
)
@workspace_option
@json_option
def run(
    notebook: str, given: Sequence[str], key: str | None, kernel: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Run NOTEBOOK, a path or the name of a shipped one, and commit what it found.

    Parameters are checked before anything starts; see them with: workbench params NOTEBOOK

    \b
    Examples:
      workbench run ab_test
      workbench run ab_test -p seed=7 -p metric=visits
      workbench run weekly.ipynb -p since=2026-01-05 --key weekly/2026-01-05 --json
    """
    from workbench import open_bench
    from workbench.cli.warm import hand_over

    parameters = pairs(given)
    with open_bench(workspace) as bench:
        code = hand_over(bench.zygote, bench.environ)
    if code is not None:
        raise SystemExit(code)
    with open_bench(workspace) as bench, _progress(Path(notebook).stem) as on_cell:
        try:
            outcome = bench.run(notebook, parameters, key=key, on_cell=on_cell, kernel=kernel)
        except KeyboardInterrupt:
            click.echo("stopped; no kernel is left, and what was not finished is not committed", err=True)
            click.get_current_context().exit(INTERRUPTED)
    if as_json:
        print_json(_as_json(outcome))
    if outcome.status == "failed":
        click.echo(f"{outcome.name} failed: {outcome.sentence}", err=True)
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

    bench = bench_if_any(workspace)
    found = read(bench.notebook(notebook) if bench else _notebook(notebook))
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


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Parameters as texts, by name.

    Raises:
        Misuse: One has no value, or is given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Misuse(f"-p {text!r} gives no value", hint="write -p NAME=VALUE, e.g. -p seed=7")
        if name.strip() in found:
            raise Misuse(f"-p {name.strip()} is given twice", hint="a list is one value: -p arms=a,b")
        found[name.strip()] = value
    return found


def _notebook(name: str) -> Path:
    """The notebook at a path, or the shipped one of a bare name.

    Raises:
        Misuse: There is none.
    """
    from workbench.bench import shipped

    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    folder = shipped("notebooks")
    here = folder / f"{path.name.removesuffix('.ipynb')}.ipynb"
    if path.parent == Path() and here.is_file():
        return here
    known = ", ".join(sorted(found.stem for found in folder.glob("*.ipynb"))) or "none"
    raise Misuse(f"there is no notebook {name!r}", hint=f"give a path, or one of: {known}")


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None] | None]:
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


def _tell(outcome: Outcome) -> None:
    """What came out: the sentence, the numbers, what was registered, where to look."""
    if outcome.reused:
        click.echo("this ran before under the same key; nothing was run", err=True)
    click.echo(outcome.sentence or f"{outcome.name} ran to its end")
    if outcome.metrics:
        print_table(["metric", "value"], [(name, f"{value:.6g}") for name, value in outcome.metrics.items()])
    for model, version in outcome.versions:
        click.echo(f"registered: {model} {version}")
    for finding in outcome.findings:
        click.echo(f"{finding['kind']} of {finding['subject']}: {finding['verdict']}")
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
    }


def _shown(value: Any) -> str:
    """A default as it would be given after -p."""
    if isinstance(value, list):
        return ",".join(_shown(item) for item in value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
