"""`workbench key`: who may ask the gateway, which models, and how often."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, rehearsal_option, workspace_option
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.serving import Key


@click.group(cls=Commands)
def key() -> None:
    """Keys for the gateway: each has the models that it may ask, a rate and a quota.

    Only a hash is kept. A key that is revoked is refused within a tenth of a second. Where people have roles, an
    admin alone makes and ends keys.

    \b
    Examples:
      workbench key create shop-frontend --model pricing --rate 50
      workbench key list
      workbench key rotate 3f0c9a1b2d4e --hours 24
      workbench key revoke 3f0c9a1b2d4e --why "found in a log"
    """


@key.command()
@click.argument("client")
@click.option("--model", "models", multiple=True, help='A model that it may ask; again for more; "*": all.')
@click.option("--alerts", is_flag=True, help="It may send alerts (Alertmanager), which may roll models back.")
@click.option("--rate", type=float, help="Requests a second on average; default: no limit.")
@click.option("--burst", type=float, help="Requests at once; default: a second's.")
@click.option("--quota", type=int, help="Rows a day (UTC); default: no limit.")
@click.option("--why", default="a new client", show_default=True, help="The reason, for the ledger.")
@rehearsal_option
@workspace_option
@json_option
def create(
    client: str, models: tuple[str, ...], alerts: bool, rate: float | None, burst: float | None, quota: int | None,
    why: str, dry_run: bool, workspace: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a key for CLIENT, a role or a program, and show it once.

    \b
    Examples:
      workbench key create shop-frontend --model pricing --rate 50
      workbench key create nightly-batch --model "*" --quota 1000000
      workbench key create alertmanager --alerts
    """
    from workbench import open_bench
    from workbench.serving.alerting import SCOPE

    if not models and not alerts:
        raise Misuse("a key needs a model that it may ask, or --alerts", hint='--model NAME, or --model "*"')
    scopes = (*models, *([SCOPE] if alerts else []))
    with open_bench(workspace, rehearsal=dry_run) as bench:
        bench.desk.check(bench.actor, "administer")
        made, text = bench.keys.create(client, scopes, actor=bench.actor, why=why, rate=rate, burst=burst, quota=quota)
    _show(made, None if dry_run else text, as_json)


@key.command("list")
@workspace_option
@json_option
def list_(workspace: Path | None, as_json: bool) -> None:
    """List all keys, without their secrets.

    \b
    Examples:
      workbench key list
      workbench key list --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        keys, now = bench.keys.all(), bench.now()
    if as_json:
        print_json([{**_told(each), "active": each.active(now)} for each in keys])
        return
    rows = [
        (each.id, each.client, ", ".join(each.scopes), _limit(each.rate), _limit(each.quota),
         "active" if each.active(now) else "revoked", each.ends.isoformat("T", "minutes") if each.ends else "")
        for each in keys
    ]  # fmt: skip
    print_table(["key", "client", "models", "a second", "rows a day", "state", "ends"], rows)


@key.command()
@click.argument("key_id")
@click.option("--why", required=True, help="The reason, for the ledger.")
@rehearsal_option
@workspace_option
@json_option
def revoke(key_id: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take a key no longer, at once.

    \b
    Examples:
      workbench key revoke 3f0c9a1b2d4e --why "found in a log"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        bench.desk.check(bench.actor, "administer")
        ended = bench.keys.revoke(key_id, actor=bench.actor, why=why)
    if as_json:
        print_json(_told(ended))
    else:
        click.echo(f"{ended.client}'s key {key_id} is revoked")


@key.command()
@click.argument("key_id")
@click.option(
    "--hours", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Hours the old key is still taken."
)
@click.option("--why", default="rotation", show_default=True, help="The reason, for the ledger.")
@rehearsal_option
@workspace_option
@json_option
def rotate(key_id: str, hours: float, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Make a new key with the rights of an old one, which ends now or some hours later.

    \b
    Examples:
      workbench key rotate 3f0c9a1b2d4e
      workbench key rotate 3f0c9a1b2d4e --hours 24
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        bench.desk.check(bench.actor, "administer")
        ends = bench.now() + timedelta(hours=hours)
        made, text = bench.keys.rotate(key_id, actor=bench.actor, why=why, ends=ends)
    _show(made, None if dry_run else text, as_json)


def _show(made: Key, text: str | None, as_json: bool) -> None:
    """Show a new key; a dry run makes none that could be used."""
    if as_json:
        print_json({**_told(made), "key": text})
        return
    if text is None:
        click.echo(f"{made.client} would get a key for {', '.join(made.scopes)}")
        return
    click.echo(text)
    click.echo(f"this is {made.client}'s key {made.id}; it is shown this once and kept nowhere", err=True)


def _told(key: Key) -> dict[str, Any]:
    ends = key.ends.isoformat() if key.ends else None
    return {
        "id": key.id, "client": key.client, "models": list(key.scopes),
        "rate": key.rate, "burst": key.burst, "quota": key.quota, "ends": ends,
    }  # fmt: skip


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"
