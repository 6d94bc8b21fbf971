"""`runs`, `diff`, `rerun`: what ran, what two runs differ in, and whether a run can be reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import INTERRUPTED, json_option, print_json, print_table, workspace_option
from workbench.cli.run import progress
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.batch.comparison import Comparison
    from workbench.batch.history import PastRun

MEGABYTE = 1e6


@click.command()
@click.argument("notebook", required=False)
@click.option("--failed", is_flag=True, help="Only runs that failed.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@click.option("--reindex", is_flag=True, help="Make the index of finished runs anew from the ledger, and no more.")
@workspace_option
@json_option
def runs(notebook: str | None, failed: bool, limit: int, reindex: bool, workspace: Path | None, as_json: bool) -> None:
    """List the runs that ended, newest first: of all notebooks, or of the one named NOTEBOOK.

    The index tells `workbench run` what need not be run again; it mends itself, and may be deleted.

    \b
    Examples:
      workbench runs
      workbench runs ab_test --failed --limit 5
    """
    from workbench import open_bench
    from workbench.batch.index import Index

    name = Path(notebook).name.removesuffix(".ipynb") if notebook else None
    with open_bench(workspace) as bench:
        if reindex:
            found = Index(bench.root, bench.ledger).rebuild()
            click.echo(f"{found} finished runs in the index", err=True)
            return
        listed = bench.past.runs(name, failed=True if failed else None, limit=limit)
        if notebook and name and not listed and not Path(notebook).is_file() and (hint := bench.past.meant(name)):
            raise Misuse(f"there is no notebook {name!r}, and no run of one", hint=hint)
    if as_json:
        print_json([_as_json(run) for run in listed])
    elif listed:
        print_table(
            ["when (UTC)", "run", "notebook", "status", "seconds", "CPU s", "peak MB", "lane", "what came out"],
            [_row(run) for run in listed],
        )
        if len(listed) == 1:
            click.echo(f"folder: {listed[0].folder}")
        else:
            click.echo(f"folders: {listed[0].folder.parent}", err=True)
    else:
        of = f" of {name}" if name else ""
        click.echo(f"no run{of} {'failed' if failed else 'has ended yet'}", err=True)


@click.command()
@click.argument("run")
@click.argument("other", required=False)
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the outputs.")
@workspace_option
@json_option
def diff(run: str, other: str | None, page: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Set two runs side by side: parameters, numbers, findings, changed cells, and outputs.

    RUN is the beginning of an id, or a notebook's name for its last finished run; "ab_test~1" is the
    one before, "last" stands for any notebook. Without OTHER, it is compared with the run of its
    notebook before it.

    \b
    Examples:
      workbench diff ab_test
      workbench diff ab_test~3 ab_test --html diff.html
      workbench diff 1f3a5c7e 9b2d --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        comparison = bench.compare(run, other)
    if page is not None:
        _write(page, comparison)
    if as_json:
        print_json(comparison.as_json())
    else:
        _tell(comparison)
        if page is None and any(not output.same for output in comparison.outputs):
            click.echo("see the outputs side by side: add --html FILE", err=True)


@click.command()
@click.argument("run")
@workspace_option
@json_option
def rerun(run: str, workspace: Path | None, as_json: bool) -> None:
    """Run RUN again as it was and say whether the same comes out; exit code 1 where it does not.

    Its own cells and values are taken from its folder, whatever has become of the notebook. Numbers
    must be equal within 1e-12, findings and outputs the same but for times, ids and paths.

    \b
    Examples:
      workbench rerun 1f3a5c7e
      workbench rerun ab_test
    """
    from workbench import open_bench
    from workbench.cli.warm import hand_over

    with open_bench(workspace) as bench:
        code = hand_over(bench.zygote, bench.environ)
    if code is not None:
        raise SystemExit(code)
    with open_bench(workspace) as bench, progress(run) as on_cell:
        try:
            done = bench.past.rerun(run, on_cell=on_cell)
        except KeyboardInterrupt:
            click.echo("stopped; no kernel is left, and what was not finished is not committed", err=True)
            click.get_current_context().exit(INTERRUPTED)
    comparison = done.comparison
    if as_json:
        print_json({"same": done.same, **comparison.as_json()})
    else:
        for reason in comparison.reasons:
            click.echo(f"differs from when it ran: {reason}", err=True)
        if done.same:
            click.echo(f"the same: {comparison.after.short} came to what {comparison.before.short} had come to")
        else:
            click.echo(f"not the same: {comparison.after.short} differs from {comparison.before.short}")
            for result in comparison.results:
                click.echo(f"  {result}")
            click.echo(f"look: workbench diff {comparison.before.short} {comparison.after.short} --html diff.html")
    if not done.same:
        click.get_current_context().exit(1)


def _row(run: PastRun) -> Sequence[Any]:
    memory = f"{run.peak_memory / MEGABYTE:.0f}" if run.peak_memory else ""
    cpu = f"{run.cpu_seconds:.1f}" if run.cpu_seconds else ""
    when = f"{run.at:%Y-%m-%d %H:%M:%S}"
    return when, run.short, run.name, run.status, f"{run.seconds:.1f}", cpu, memory, run.lane, run.sentence


def _as_json(run: PastRun) -> dict[str, Any]:
    return {**vars(run), "at": run.at.isoformat(), "folder": str(run.folder)}


def _write(page: Path, comparison: Comparison) -> None:
    """Write the page.

    Raises:
        EngineError: The file cannot be written.
    """
    from workbench.batch.comparison_page import comparison_page

    try:
        page.write_text(comparison_page(comparison), "utf-8")
    except OSError as error:
        raise EngineError(
            f"{page} cannot be written: {error.strerror or error}", hint="choose another file with --html"
        ) from error
    click.echo(f"written: {page}", err=True)


def _tell(comparison: Comparison) -> None:
    """The comparison as tables, changed cells as a unified diff."""
    from workbench.batch.comparison_page import shown, signed

    before, after = comparison.before, comparison.after
    rows = [
        ("run", before.short, after.short),
        ("when (UTC)", *(f"{run.at:%Y-%m-%d %H:%M:%S}" for run in (before, after))),
        ("status", before.status, after.status),
        *((each.name, shown(each.before), shown(each.after)) for each in comparison.parameters),
    ]
    if before.name != after.name:
        rows.insert(0, ("notebook", before.name, after.name))
    print_table(["", "before", "after"], rows)
    differing = [each for each in comparison.metrics if not each.same]
    if differing:
        numbers = [(each.name, shown(each.before), shown(each.after), *signed(each)) for each in differing]
        print_table(["metric", "before", "after", "difference", "relative"], numbers)
    if len(comparison.metrics) > len(differing):
        click.echo(f"metrics that are the same: {len(comparison.metrics) - len(differing)}")
    for verdict in comparison.verdicts:
        same = verdict.before == verdict.after
        verdicts = str(verdict.before) if same else f"{verdict.before or 'none'}, then {verdict.after or 'none'}"
        click.echo(f"{verdict.kind} of {verdict.subject}: {verdicts}")
    if comparison.sentence_same:
        click.echo(f"both said: {after.sentence}")
    else:
        click.echo(f"before: {before.sentence}\nafter:  {after.sentence}")
    for reason in comparison.reasons:
        click.echo(f"differs too: {reason}")
    for cell in comparison.cells:
        word = "is new" if cell.before is None else "is gone" if cell.after is None else "changed"
        click.echo(f"\ncell {cell.number} {word}")
        for line in cell.lines:
            click.echo(f"  {line}")
    click.echo(f"\n{comparison.sentence}")
