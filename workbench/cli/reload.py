"""`workbench reload`: have gateways try again to load what they gave up."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.options import json_option, print_json, workspace_option
from workbench.errors import Misuse


@click.command("reload")
@click.argument("model")
@workspace_option
@json_option
def reload_model(model: str, workspace: Path | None, as_json: bool) -> None:
    """Have gateways load MODEL again that gave it up, because loading it ended their process three times.

    For a fault that was mended: more memory, another version of a library. Where the version itself is at fault,
    bring back the one before (workbench rollback); it is served at once, and this is not needed.

    \b
    Example:
      workbench reload lending
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if not bench.ledger.versions(model):
            known = ", ".join(sorted({version.model for version in bench.ledger.versions()})) or "none yet"
            raise Misuse(f"there is no model {model!r}", hint=f"models: {known}")
        forgotten = bench.loads.forget(model)
    if as_json:
        print_json({"model": model, "forgotten": forgotten})
    elif forgotten:
        click.echo(f"{model} is tried again within seconds; {forgotten} loads that ended their process are forgotten")
    else:
        click.echo(f"no load of {model} has ended its process; there is nothing to forget")
