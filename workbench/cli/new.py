"""`new`: begin an experiment as a filled copy of a template."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from workbench.cli.options import json_option, pairs, print_json, print_table, workspace_option
from workbench.errors import Misuse

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("template", default="")
@click.argument("name", default="")
@click.option("--hypothesis", default="", help="What you expect, in a sentence.")
@click.option("--owner", default="", help="Who answers for it; default: you.")
@click.option("--date", "created", type=DAY, help="Since when; default: today.")
@click.option(
    "-p",
    "--parameter",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter's value, which becomes its default; may be repeated.",
)
@click.option("--list", "listing", is_flag=True, help="Show the templates with their question and what they take.")
@workspace_option
@json_option
def new(
    template: str,
    name: str,
    hypothesis: str,
    owner: str,
    created: datetime | None,
    given: Sequence[str],
    listing: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Begin an experiment: a copy of TEMPLATE in the workspace's notebooks, with what you expect of it.

    NAME is the new file's; by default it is taken from the hypothesis. Nothing is written over. Where no
    hypothesis is given, a terminal is asked for it, the owner and the date.

    \b
    Examples:
      workbench new --list
      workbench new experiment --hypothesis "Free shipping raises orders" -p data=data/orders.csv
      workbench new blank returns-by-region --hypothesis "Returns differ by region" --owner "Ada L."
    """
    if not (template or listing) and (hypothesis or owner or created or given):
        raise Misuse("no template is named", hint="workbench new --list shows them; workbench new TEMPLATE …")
    if listing or not template:
        _list(as_json, asked=listing)
        return
    from workbench import open_bench
    from workbench.batch.templates import find_template
    from workbench.bench import shipped

    parameters = pairs(given)
    find_template(shipped("templates") / "notebooks", template)  # a wrong name is told before anybody is asked
    with open_bench(workspace) as bench:
        if not hypothesis:
            _check_terminal(template)
            hypothesis = click.prompt("What do you expect, and why? (the hypothesis)", err=True)
            owner = owner or click.prompt("Who answers for it? (the owner)", default=bench.actor, err=True)
            created = created or click.prompt("Since when?", default=str(bench.today()), type=DAY, err=True)
        path = bench.new(
            template,
            hypothesis=hypothesis,
            owner=owner or None,
            created=created.date() if created else None,
            name=name,
            parameters=parameters,
        )
    if as_json:
        print_json({"notebook": str(path), "template": template})
        return
    click.echo(path)
    click.echo(f"next: workbench run {shlex.quote(path.stem)}, or open it in JupyterLab", err=True)


def _check_terminal(template: str) -> None:
    """See that there is somebody who can be asked.

    Raises:
        Misuse: Nobody sits at a terminal.
    """
    if not sys.stdin.isatty():
        raise Misuse(
            "the hypothesis is missing, and this is no terminal on which it could be asked for",
            hint=f'workbench new {shlex.quote(template)} --hypothesis "what you expect, in a sentence"',
        )


def _list(as_json: bool, *, asked: bool) -> None:
    from workbench.batch.templates import templates
    from workbench.bench import shipped

    found = templates(shipped("templates") / "notebooks")
    if as_json:
        print_json([template.as_json() for template in found])
        return
    rows = [(each.name, each.question, ", ".join(p.name for p in each.parameters)) for each in found]
    print_table(["template", "question", "takes"], rows)
    if not asked:
        click.echo('name one: workbench new TEMPLATE --hypothesis "…"', err=True)
