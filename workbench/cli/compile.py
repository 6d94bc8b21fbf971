"""`workbench compile`: the quick form of a version, proved equal to it."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.options import json_option, print_json, workspace_option


@click.command("compile")
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@workspace_option
@json_option
def compile_version(model: str, version: int, workspace: Path | None, as_json: bool) -> None:
    """Make the compiled form (ONNX) of a version and prove that it answers as the version does.

    It is tried on rows that were served, rows like those of training, and rows on and around every
    threshold of its trees. The certificate, or why there is none, is an entry of the ledger; the gateway
    takes the form at its next start, and does all this by itself for a champion that was never tried.
    Needs the extra `[fast]`.

    \b
    Examples:
      workbench compile lending 3
      workbench compile lending 3 --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        entry = bench.compile(model, version)
    if as_json:
        print_json(entry.body)
        return
    if entry.body["form"] == "none":
        click.echo(f"{model} {version} stays native: {entry.body['why']}")
        return
    found = entry.body["certificate"]
    click.echo(
        f"{model} {version} is compiled: {found['rows']:,} rows compared ({found['replayed']:,} of them served before, "
        f"{found['edges']:,} at thresholds and ends), {found['flips']} labels differ, "
        f"scores by {found['largest_difference']:.1e} at most"
    )
