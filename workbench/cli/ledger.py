"""`workbench ledger`: read what happened, prove it, have it witnessed, take it along."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.ledger_proofs import checkpoint, export, key, prove, verify, witness
from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option


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


for command in (verify, checkpoint, witness, prove, export, key):
    ledger.add_command(command)
