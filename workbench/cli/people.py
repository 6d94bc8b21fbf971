"""`workbench people`: who has which role; changes are entries of the ledger, which alone counts."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.moves import why_option
from workbench.cli.options import json_option, print_json, print_table, rehearsal_option, say, workspace_option


@click.group()
def people() -> None:
    """People and their roles: viewer, analyst, approver, admin, or a role that a policy names.

    \b
    Examples:
      workbench people list
      workbench people add risk-officer --role approver --why "answers for credit risk"
    """


@people.command(name="list")
@workspace_option
@json_option
def list_people(workspace: Path | None, as_json: bool) -> None:
    """List the people with their roles, and say as whom you act.

    \b
    Example:
      workbench people list --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        roster, you = bench.desk.roster(), bench.identity
    if as_json:
        print_json(
            {
                "you": {"name": you.name, "source": you.source, "roles": sorted(roster.roles(you.name))},
                "named": roster.named,
                "people": {name: sorted(roles) for name, roles in sorted(roster.people.items())},
            }
        )
        return
    if roster.named:
        print_table(["person", "roles"], [(name, ", ".join(sorted(r))) for name, r in sorted(roster.people.items())])
    else:
        click.echo("nobody was named yet: whoever uses this workspace may do everything")
    say(f"you act as {you.name} (told by {you.source})", err=True)


@people.command()
@click.argument("person")
@click.option("--role", "roles", multiple=True, required=True, help="A role; repeatable. They replace earlier ones.")
@why_option
@rehearsal_option
@workspace_option
@json_option
def add(person: str, roles: tuple[str, ...], why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Give PERSON these roles and no others; the first to name anybody becomes admin.

    \b
    Examples:
      workbench people add risk-officer --role approver --why "answers for credit risk"
      workbench people add lead --role analyst --role admin --why "runs the team"
    """
    _change(person, list(roles), why, dry_run, workspace, as_json)


@people.command()
@click.argument("person")
@why_option
@rehearsal_option
@workspace_option
@json_option
def remove(person: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take all roles from PERSON; their approvals that still wait count no more.

    \b
    Example:
      workbench people remove risk-officer --why "left the bank"
    """
    _change(person, [], why, dry_run, workspace, as_json)


def _change(person: str, roles: list[str], why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entries = bench.desk.change_roles(person, roles, by=bench.identity, why=why, now=bench.now())
    if as_json:
        print_json([entry.as_dict() for entry in entries])
        return
    for entry in entries:
        given = ", ".join(entry.body["roles"]) or "no role any more"
        say(f"{entry.body['person']}: {given} (ledger entry {entry.seq})")
