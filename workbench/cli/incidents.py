"""`workbench incidents` and `workbench replay`: what is wrong with whom, and what other limits would have told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table, rehearsal_option, workspace_option
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.monitoring.incidents import Incident

AGO = re.compile(r"(\d+)\s*([hd])")
why_option = click.option("--why", required=True, metavar="TEXT", help="The reason; it is kept in the ledger.")


@click.group()
def incidents() -> None:
    """Incidents: one for each cause, opened by the watch, taken and resolved by people.

    \b
    Examples:
      workbench incidents list
      workbench incidents ack 3f2a --why "the feed's owner is told"
    """


@incidents.command("list")
@click.argument("model", required=False)
@click.option("--all", "every", is_flag=True, help="With those that are resolved.")
@workspace_option
@json_option
def list_(model: str | None, every: bool, workspace: Path | None, as_json: bool) -> None:
    """List incidents, those to act on first.

    \b
    Examples:
      workbench incidents list
      workbench incidents list lending --all --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.watch.incidents(model, alive=not every)
    if as_json:
        print_json([one.as_dict() for one in found])
    elif not found:
        about = f" of {model}" if model else ""
        click.echo(f"no incident{about} is open; workbench monitor looks, --all lists those that were", err=True)
    else:
        print_table(
            ["id", "model", "state", "gravity", "opened (UTC)", "what", "by"],
            [
                (one.id, one.model, one.state, one.gravity, f"{one.opened_at:%Y-%m-%d %H:%M}", one.sentence, one.by)
                for one in found
            ],
        )


@incidents.command()
@click.argument("incident")
@workspace_option
@json_option
def show(incident: str, workspace: Path | None, as_json: bool) -> None:
    """Show an incident with its causes, its symptoms and its trail; INCIDENT is the beginning of its id.

    \b
    Example:
      workbench incidents show 3f2a
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        one = bench.watch.incident(incident)
        trail = [bench.ledger.entries(since=seq - 1, limit=1)[0] for seq in one.seqs]
    if as_json:
        print_json(one.as_dict() | {"trail": [entry.as_dict() for entry in trail]})
        return
    click.echo(f"{one.model} {one.version}, {one.state}: {one.sentence}")
    print_table(
        ["cause", "what", "explains"],
        [(part.what, part.words, "" if part.share is None else f"{part.share:.0%}") for part in one.causes],
    )
    click.echo(f"symptoms: {', '.join(one.symptoms)}")
    print_table(
        ["#", "when (UTC)", "what", "who", "why"],
        [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.kind.partition(".")[2], e.actor, e.why) for e in trail],
    )


@incidents.command()
@click.argument("incident")
@why_option
@rehearsal_option
@workspace_option
@json_option
def ack(incident: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take an incident on; it stays open.

    \b
    Example:
      workbench incidents ack 3f2a --why "the feed's owner is told"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        _told(bench.watch.acknowledge(incident, why), as_json)


@incidents.command()
@click.argument("incident")
@why_option
@rehearsal_option
@workspace_option
@json_option
def resolve(incident: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Say that an incident is over, and why; the same is not opened again for a day, and calls for no action.

    \b
    Example:
      workbench incidents resolve 3f2a --why "a holiday, as every year"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        _told(bench.watch.resolve(incident, why), as_json)


@click.command()
@click.option("--since", required=True, metavar="WHEN", help="7d, 48h, or a time such as 2026-06-01T00:00.")
@click.option("--until", metavar="WHEN", help="The last look; default: now.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="This model only; may be repeated.")
@click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML of limits by model, as they would be declared; options below count before it.",
)
@click.option("--errors", type=click.FloatRange(0, 1, True, True), help="Share of requests that may fail.")
@click.option("--latency-ms", type=click.FloatRange(min=0, min_open=True), help="Within which requests are answered.")
@click.option("--drop", type=click.FloatRange(0, 1, True, True), help="Drop of accuracy that matters.")
@click.option("--impact", type=click.FloatRange(0, 1, True), help="Disparate impact at least.")
@click.option("--margin", type=click.FloatRange(0, 1, True, True), help="Loss of a KPI that matters, as a share.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, True, True),
    default=0.05,
    show_default=True,
    help="Chance of a false alarm of a model over all looks.",
)
@workspace_option
@json_option
def replay(
    since: str,
    until: str | None,
    models: tuple[str, ...],
    policy: Path | None,
    errors: float | None,
    latency_ms: float | None,
    drop: float | None,
    impact: float | None,
    margin: float | None,
    alpha: float,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Try limits on what is stored: which alarms they would have raised, on which models, and when.

    Each hour is looked at as it would have been then, with the champion of that moment. Limits that are not
    given are those declared. Nothing is written. A policy has a table a model, "*" for all: errors, latency_ms,
    accuracy_drop, disparate_impact, and rollback, the kinds of trouble for which a champion goes back by itself.

    \b
    Examples:
      workbench replay --since 7d
      workbench replay --since 7d --errors 0.002 --latency-ms 50 --model lending
      workbench replay --since 30d --policy limits.toml
      workbench replay --since 2026-06-01 --until 2026-06-08 --drop 0.05 --json
    """
    from workbench import open_bench
    from workbench.monitoring.replay import Limits, policy_read

    try:
        tables = policy_read(policy.read_text("utf-8")) if policy is not None else {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"the policy cannot be read: {error}", hint="--policy limits.toml") from error
    limits = Limits(errors, latency_ms, drop, impact, margin, alpha, tables)
    with open_bench(workspace) as bench:
        now = bench.now()
        begin, end = moment(since, now), now if until is None else moment(until, now)
        if begin >= end:
            raise Misuse(f"from {since} until {until or 'now'} there is no time", hint="--since 7d")
        done = bench.watch.replay(limits, since=begin, until=end, models=models)
    if as_json:
        print_json(done.as_dict())
        return
    if done.alarms:
        print_table(
            ["first (UTC)", "last", "model", "version", "signal", "looks", "goes back", "what"],
            [
                (
                    f"{alarm.first:%Y-%m-%d %H:%M}",
                    f"{alarm.last:%Y-%m-%d %H:%M}",
                    alarm.model,
                    alarm.version,
                    alarm.signal,
                    alarm.looks,
                    "by itself" if alarm.back else "",
                    alarm.sentence,
                )
                for alarm in done.alarms
            ],
        )
    loud = len({alarm.model for alarm in done.alarms})
    click.echo(f"{len(done.alarms)} alarms on {loud} of {done.models} models in {done.looks:,} looks", err=True)
    if not done.looks:
        words = "no model had a champion at a whole hour of that time, or there are no summaries of it"
        click.echo(f"{words}; workbench monitor makes them", err=True)


def moment(text: str, now: datetime) -> datetime:
    """A time that is given as "7d", "48h" or in ISO 8601; without an offset it is UTC.

    Raises:
        Misuse: It is none of these.

    >>> moment("36h", datetime(2026, 1, 2, 12, tzinfo=UTC)).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    ago = AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - int(ago[1]) * (timedelta(hours=1) if ago[2] == "h" else timedelta(days=1))
        told = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Misuse(f"{text!r} is no time", hint="write 7d, 48h or 2026-06-01T00:00") from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _told(one: Incident, as_json: bool) -> None:
    if as_json:
        print_json(one.as_dict())
    else:
        click.echo(f"incident {one.id} of {one.model} is {one.state}. Ledger entry {one.seqs[-1]}.")
