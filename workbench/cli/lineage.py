"""`workbench lineage`: where something comes from and what became of it, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.ledger.lineage import Way
    from workbench.ledger.telling import Kind

Command = Callable[..., None]


@click.group(cls=Commands)
def lineage() -> None:
    """Where a model comes from, what became of its data, and what changed in between."""


def ways(command: Command) -> Command:
    """Add `--up` and `--down`, the workspace and `--json`."""
    for option in (
        json_option,
        workspace_option,
        click.option("--down", is_flag=True, help="Only what became of it."),
        click.option("--up", is_flag=True, help="Only where it comes from."),
    ):
        command = option(command)
    return command


@lineage.command()
@click.argument("data", metavar="DIGEST|PATH")
@ways
def data(data: str, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow data: by its digest, the name it was recorded under, or a file with that content.

    \b
    Examples:
      workbench lineage data loans.parquet --down
      workbench lineage data 4f0c9a7e21
    """
    names = [data]
    path = Path(data)
    if path.exists():
        from workbench.batch.fingerprint import digest_input

        try:
            names.insert(0, digest_input(path))
        except OSError as error:
            raise Misuse(f"{data} cannot be read: {error.strerror or error}", hint="give a file or a folder") from error
    _follow("data", names, up, down, workspace, as_json)


@lineage.command()
@click.argument("model")
@click.argument("number", metavar="VERSION", type=click.IntRange(min=1))
@ways
def version(model: str, number: int, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow a version: its data, run and features upward; its evidence, decisions and answers downward.

    \b
    Examples:
      workbench lineage version lending 3
      workbench lineage version lending 3 --up --json
    """
    _follow("version", [f"{model}/{number}"], up, down, workspace, as_json)


@lineage.command()
@click.argument("run_id", metavar="ID")
@ways
def run(run_id: str, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow a run, by its id or how it begins.

    \b
    Example:
      workbench lineage run 1f3a5c7e
    """
    _follow("run", [run_id], up, down, workspace, as_json)


@lineage.command("feature-set")
@click.argument("name")
@ways
def feature_set(name: str, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow a feature set, "name@version", or a Feast view, "project.view".

    \b
    Example:
      workbench lineage feature-set loan-credit@1 --down
    """
    _follow("feature set", [name], up, down, workspace, as_json)


@lineage.command()
@click.argument("entry", metavar="ENTRY", type=click.IntRange(min=1))
@ways
def decision(entry: int, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow a decision, by the number of its entry in the ledger: what it rests on, and the answers under it.

    \b
    Example:
      workbench lineage decision 21 --up
    """
    _follow("decision", [str(entry)], up, down, workspace, as_json)


@lineage.command()
@click.argument("prediction_id", metavar="ID")
@ways
def prediction(prediction_id: str, up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    """Follow one answer back to the version, the decision, the run and the data behind it.

    ID is that of a prediction or, where it asked for one row, of its request.

    \b
    Example:
      workbench lineage prediction demo-application-0001 --up
    """
    _follow("prediction", [prediction_id], up, down, workspace, as_json)


@lineage.command()
@click.argument("model")
@click.argument("before", type=click.IntRange(min=1))
@click.argument("after", type=click.IntRange(min=1))
@workspace_option
@json_option
def diff(model: str, before: int, after: int, workspace: Path | None, as_json: bool) -> None:
    """Say what changed upstream between two versions: data, features, notebook, parameters, environment.

    \b
    Example:
      workbench lineage diff lending 1 3
    """
    from workbench import open_bench
    from workbench.evidence.tracing import shown

    with open_bench(workspace) as bench:
        found = bench.traces.changed(model, before, after)
    if as_json:
        print_json([{"what": one.what, "before": one.before, "after": one.after} for one in found])
    elif not found:
        click.echo(f"nothing upstream of {model} {after} differs from {model} {before}")
    else:
        print_table(
            ["what", f"version {before}", f"version {after}"],
            [(d.what, shown(d.before), shown(d.after)) for d in found],
        )


@lineage.command()
@click.option("--openlineage", "file", required=True, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
              help="File for the events, one line of JSON each; - writes to stdout.")  # fmt: skip
@click.option("--namespace", default="workbench", show_default=True, help="OpenLineage's namespace for jobs and data.")
@workspace_option
@json_option
def export(file: Path, namespace: str, workspace: Path | None, as_json: bool) -> None:
    """Write all runs as OpenLineage events, START and COMPLETE, with inputs, outputs and facets.

    \b
    Example:
      workbench lineage export --openlineage events.jsonl
    """
    import json

    from workbench import open_bench
    from workbench.evidence.openlineage import events

    with open_bench(workspace) as bench:
        lines = [json.dumps(event, ensure_ascii=False) for event in events(bench.ledger.entries(), namespace)]
    text = "".join(f"{line}\n" for line in lines)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(f"{file} cannot be written: {error.strerror or error}", hint="choose another file") from error
    if as_json:
        print_json({"file": str(file), "events": len(lines)})
    else:
        click.echo(f"{len(lines)} events in {file}", err=True)


@lineage.command()
@workspace_option
@json_option
def reindex(workspace: Path | None, as_json: bool) -> None:
    """Make the index of lineage anew from the ledger; it is brought up to date by itself.

    \b
    Example:
      workbench lineage reindex
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        projection, entries = bench.traces.index.projection, bench.ledger.last
        projection.rebuild()
    if as_json:
        print_json({"file": str(projection.path), "entries": entries})
    else:
        click.echo("the index of lineage was made anew", err=True)


def _follow(kind: Kind, names: list[str], up: bool, down: bool, workspace: Path | None, as_json: bool) -> None:
    from workbench import open_bench

    wanted: list[Way] = ["up"] if up and not down else ["down"] if down and not up else ["up", "down"]
    with open_bench(workspace) as bench:
        found, node = bench.traces.follow(kind, names, wanted)
    if as_json:
        print_json({"about": node.as_json(), **{way: found.part(node.id, [way]).as_json() for way in wanted}})
        return
    from workbench.evidence.tracing import tree

    for line in tree(found, node, wanted):
        click.echo(line)
