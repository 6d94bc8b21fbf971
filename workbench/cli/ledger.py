"""`workbench ledger`: read what happened, prove it, have it witnessed, take it along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.ledger_proofs import checkpoint, export, key, prove, verify, witness
from workbench.cli.options import Commands, json_option, print_json, print_table, say, workspace_option

if TYPE_CHECKING:
    from workbench.ledger import Entry


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
    """Show the last entries, oldest first; SUBJECT is a model with its versions, "model/version" or "run/ID".

    \b
    Examples:
      workbench ledger show
      workbench ledger show lending
      workbench ledger show lending/2 --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.ledger.entries(subject=subject, kind=kind, newest_first=True, limit=last)
        if subject is not None:
            found += bench.ledger.entries(prefix=f"{subject}/", kind=kind, newest_first=True, limit=last)
    entries = sorted(found, key=lambda entry: entry.seq)[-last:]
    if as_json:
        print_json([entry.as_dict() for entry in entries])
    elif not entries:
        asked = " ".join(word for word in (kind and f"of kind {kind!r}", subject and f"about {subject!r}") if word)
        hint = "; workbench ledger show lists all" if asked else ""
        say(f"the ledger has no entry {asked or 'yet'}{hint}", err=True)
    else:
        print_table(
            ["#", "when (UTC)", "what", "subject", "who", "why"],
            [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", _what(e), e.subject, e.actor, e.why) for e in entries],
        )


def _what(entry: Entry) -> str:
    """The kind; of a move also the slot, the share of the traffic, and the generation."""
    from workbench.ledger.heads import MOVES, place

    if entry.kind not in MOVES:
        return entry.kind
    weight = entry.body.get("weight")
    share = f", {weight:.3g} of the traffic" if isinstance(weight, int | float) else ""
    return f"{entry.kind} ({place(entry)[1]}{share}, generation {entry.body.get('generation')})"


for command in (verify, checkpoint, witness, prove, export, key):
    ledger.add_command(command)
