"""`workbench init`: make a workspace."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from workbench.cli.options import json_option, print_json


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Make a workspace in FOLDER (default: here); safe to repeat.

    \b
    Example:
      workbench init lending-team
    """
    from workbench.bench import create, open_bench

    root = folder.resolve()
    new = create(root)
    with open_bench(root) as bench:
        bench.ledger.checkpoint(actor=bench.actor, now=bench.now())  # the first one makes the ledger's key
    if as_json:
        print_json({"workspace": str(root), "created": new})
    else:
        click.echo(f"{root} {'is a workspace now' if new else 'was a workspace already; it is complete'}")
        click.echo(f"next: cd {shlex.quote(str(folder))} && workbench run ab_test", err=True)
