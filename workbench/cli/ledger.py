"""`workbench ledger`: read what happened, prove it, take it along."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option
from workbench.errors import EngineError


@click.group(cls=Commands)
def ledger() -> None:
    """What happened: who moved what, when, why and on what grounds."""


@ledger.command()
@click.argument("subject", required=False)
@click.option("--kind", help='Only entries of this kind, e.g. "promotion.granted".')
@click.option(
    "--last", type=click.IntRange(min=1), default=50, show_default=True, help="How many, counted from the end."
)
@workspace_option
@json_option
def show(subject: str | None, kind: str | None, last: int, workspace: Path | None, as_json: bool) -> None:
    """Show the last entries, oldest first; SUBJECT is a model, "model/version" or "run/ID".

    \b
    Examples:
      workbench ledger show
      workbench ledger show lending/2 --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.ledger.entries(subject=subject, kind=kind, newest_first=True, limit=last)
    entries = found[::-1]
    if as_json:
        print_json([entry.as_dict() for entry in entries])
    elif not entries:
        asked = " ".join(word for word in (kind and f"of kind {kind!r}", subject and f"about {subject!r}") if word)
        hint = "; workbench ledger show lists all" if asked else ""
        click.echo(f"the ledger has no entry {asked or 'yet'}{hint}", err=True)
    else:
        print_table(
            ["#", "when (UTC)", "what", "subject", "who", "why"],
            [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind, e.subject, e.actor, e.why) for e in entries],
        )


@ledger.command()
@workspace_option
@json_option
def verify(workspace: Path | None, as_json: bool) -> None:
    """Prove that nothing in the ledger was changed, removed or put in another order.

    \b
    Example:
      workbench ledger verify
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        result = bench.ledger.verify()
    if as_json:
        print_json(
            {"valid": result.valid, "entries": result.entries, "tip": result.tip, "problems": list(result.problems)}
        )
    elif result.valid:
        click.echo(f"the chain holds: {result.entries} entries, tip {result.tip[:16]}")
    if not result.valid:
        raise EngineError(
            "the ledger does not hold:\n" + "\n".join(f"  - {problem}" for problem in result.problems),
            hint="compare with an earlier export or a backup; do not promote until it is explained",
        )


@ledger.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: stdout.")
@workspace_option
def export(output: Path | None, workspace: Path | None) -> None:
    """Write all entries as JSON lines, one an entry.

    \b
    Example:
      workbench ledger export --output ledger.jsonl
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if output is None:
            for line in bench.ledger.export():
                click.echo(line)
            return
        lines = list(bench.ledger.export())
    try:
        output.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise EngineError(
            f"{output} cannot be written: {error.strerror or error}", hint="choose another file with --output"
        ) from error
    click.echo(f"{len(lines)} entries in {output}", err=True)
