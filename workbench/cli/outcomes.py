"""How a sweep is told on the command line: what is planned, what begins, what came out; as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import print_json, print_table

if TYPE_CHECKING:
    from workbench.batch.sweeps import Child, Options, Plan, Sweep, SweepResult

MOST_ROWS = 20  # of a table on the terminal
MOST_METRICS = 6  # beside each other on the terminal


def tell_plan(plan: Plan, *, as_json: bool) -> None:
    """The runs that there would be."""
    if as_json:
        print_json([{**plan.fixed, **run} for run in plan.runs])
        return
    from workbench.batch.kinds import shown
    from workbench.batch.sweeps.results import runs_told, value_of

    rows = [(number, *(value_of(run, name) for name in plan.swept)) for number, run in enumerate(plan.runs, start=1)]
    print_table(["run", *plan.swept], rows)
    fixed = ", ".join(f"{name} = {shown(value)}" for name, value in plan.fixed.items())
    click.echo(f"{runs_told(len(rows))}{f', each with {fixed}' if fixed else ''}; none was begun", err=True)


def tell_start(sweep: Sweep, left: int, options: Options, again: str) -> None:
    """What begins, and the command that does the rest after a stop."""
    from workbench.batch.sweeps.results import runs_told

    if not left:
        click.echo(f"sweep {sweep.id}: nothing is left to run", err=True)
        return
    of = "" if left == len(sweep.plan.runs) else f" left of {len(sweep.plan.runs)}"
    click.echo(f"sweep {sweep.id}: {runs_told(left)}{of}, {min(options.jobs, left)} at the same time", err=True)
    click.echo(f"if it is stopped, this does the rest: {again}", err=True)


def tell(result: SweepResult) -> None:
    """What came out: the runs, the best first where a metric was named, and where to look."""
    from workbench.batch.sweeps.results import value_of
    from workbench.batch.sweeps.summary import SUMMARY, in_words

    children, metrics = result.ranked(), result.metrics
    if result.measure and result.measure.metric in metrics:  # what is compared stands first
        metrics = tuple(dict.fromkeys((result.measure.metric, *metrics)))
    rows = [
        (
            child.number,
            *(value_of(child.parameters, name) for name in result.swept),
            *(f"{child.metrics[name]:.6g}" if name in child.metrics else "" for name in metrics[:MOST_METRICS]),
            child.status,
            f"{child.seconds:.1f}",
        )
        for child in children[:MOST_ROWS]
    ]
    print_table(["run", *result.swept, *metrics[:MOST_METRICS], "status", "seconds"], rows)
    more = []
    if len(children) > MOST_ROWS:
        more.append(f"{len(children) - MOST_ROWS} more runs")
    if len(metrics) > MOST_METRICS:
        more.append(f"{len(metrics) - MOST_METRICS} more metrics")
    if more:
        click.echo(f"… {' and '.join(more)} in the table below")
    click.echo(in_words(result))
    click.echo(f"table: {result.folder / SUMMARY}")
    click.echo(f"page: {result.page}")


def result_as_json(result: SweepResult) -> dict[str, Any]:
    """A sweep as plain JSON."""
    best = result.best
    return {
        "sweep": result.id,
        "notebook": result.name,
        "status": result.status,
        "finished": result.count("finished"),
        "failed": result.count("failed"),
        "waiting": result.count("waiting"),
        "reused": result.reused,
        "best": _child_as_json(best, result) if best else None,
        "runs": [_child_as_json(child, result) for child in result.children],
        "folder": str(result.folder),
        "page": str(result.page),
    }


def _child_as_json(child: Child, result: SweepResult) -> dict[str, Any]:
    told = {name: value for name, value in vars(child).items() if name != "folder"}
    report = result.folder.parents[1] / "runs" / child.folder / "report.html"
    return {**told, "report": str(report) if child.folder else None}
