"""`workbench init`: make a workspace."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from workbench.cli.options import json_option, print_json
from workbench.errors import Misuse


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, readable=False, path_type=Path), default=".")
@click.option("--group", help="Unix group whose members share a new workspace; later: shared in workbench.toml.")
@json_option
def init(folder: Path, group: str | None, as_json: bool) -> None:
    """Make a workspace in FOLDER (default: here); safe to repeat.

    \b
    Examples:
      workbench init lending-team
      workbench init /srv/lending-team --group analysts
    """
    from workbench.bench import create, open_bench
    from workbench.bench.settings import Settings, read_settings

    root = folder.resolve()
    new = create(root, Settings(shared=group) if group else None)
    if group and (known := read_settings(root).shared) != group:
        raise Misuse(
            f"{root} was a workspace already, with shared = {known!r}",
            hint=f'set shared = "{group}" in its workbench.toml, then: workbench init {shlex.quote(str(folder))}',
        )
    with open_bench(root) as bench:
        bench.ledger.checkpoint(actor=bench.actor, now=bench.now())  # the first one makes the ledger's key
    if as_json:
        print_json({"workspace": str(root), "created": new})
    else:
        click.echo(f"{root} {'is a workspace now' if new else 'was a workspace already; it is complete'}")
        click.echo(f"next: cd {shlex.quote(str(folder))} && workbench run ab_test", err=True)
