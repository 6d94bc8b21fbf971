"""`workbench retention`: how long data, answers and logs may be kept, and what is past it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from workbench.cli.options import (
    Commands,
    json_option,
    print_json,
    print_table,
    rehearsal_option,
    say,
    workspace_option,
)
from workbench.errors import Misuse


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--apply", "applied", is_flag=True, help="Remove answers and logs that are past their window.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed; so it is without --apply too.")
@workspace_option
@json_option
@click.pass_context
def retention(ctx: click.Context, applied: bool, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Say what must be gone and which models in use were trained on it; --apply removes old answers and logs.

    \b
    Examples:
      workbench retention
      workbench retention declare predictions/lending --days 365 --why "as the privacy notice says"
      workbench retention hold model/lending --why "a claim before the court"
      workbench retention --apply --dry-run
      workbench retention --apply
    """
    if ctx.invoked_subcommand is not None:
        return
    from workbench import open_bench

    with open_bench(workspace) as bench:
        known, now = bench.retention.windows, bench.now()
        held = bench.retention.held()
        found = bench.retention.apply(dry_run=dry_run or not applied)
        standing = bench.retention.holds
    removed, kept = ([one for one in found if (one.hold is None) == free] for free in (True, False))
    done = applied and not dry_run
    if as_json:
        print_json(
            {
                "windows": [
                    {"subject": one.subject, **one.as_body(), "days_left": one.days_left(now)} for one in known.values()
                ],
                "serving": [
                    {"model": h.model, "version": h.version, "name": h.name, "digest": h.digest}
                    | {"days_left": h.days_left, "verdict": h.verdict, "hold": h.hold and h.hold.seq}
                    for h in held
                ],
                "holds": [hold.as_json() for hold in standing.values()],
                "kept": [
                    {"subject": one.subject, "before": one.before.isoformat(), "count": one.count}
                    | {"hold": one.hold and one.hold.seq}
                    for one in kept
                ],
                "removed" if done else "would_remove": [
                    {"subject": one.subject, "before": one.before.isoformat(), "count": one.count} for one in removed
                ],
            }
        )
        return
    if not known:
        click.echo("no window is declared yet: workbench retention declare --help", err=True)
    for one in held:
        say(one.sentence)
    for hold in standing.values():
        say(f"{hold.subject} may not be removed: {hold.sentence}")
    for past in kept:
        if past.count and past.hold is not None:
            say(f"{past.count:,} of {past.subject} are past their window and kept: {past.hold.sentence}")
    if removed:
        words = "removed" if done else "would be removed"
        rows = [(one.subject, f"{one.before:%Y-%m-%d %H:%M}", f"{one.count:,}") for one in removed]
        print_table(["what", "older than (UTC)", words], rows)
        if not done:
            click.echo("nothing was removed; workbench retention --apply removes it", err=True)


@retention.command()
@click.argument("subject")
@click.option("--days", type=float, help="How many days, from when it was collected, answered or logged.")
@click.option(
    "--until", metavar="DATE", help="The last day (to its end) or moment, ISO 8601, UTC where no offset is told."
)
@click.option("--collected", metavar="DATE", help="When data was collected, from the beginning of a day; ISO 8601.")
@click.option("--name", "names", multiple=True, help="What people call it; may be repeated.")
@click.option("--why", required=True, help="On what ground; it is kept in the ledger.")
@rehearsal_option
@workspace_option
@json_option
def declare(
    subject: str,
    days: float | None,
    until: str | None,
    collected: str | None,
    names: tuple[str, ...],
    why: str,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Declare how long SUBJECT may be kept: data/DIGEST, predictions/MODEL, predictions/* or logs.

    \b
    Examples:
      workbench retention declare data/30445780d272… --collected 2026-01-15 --days 730 --why "consent of 2026"
      workbench retention declare predictions/* --days 365 --why "as the privacy notice says"
      workbench retention declare logs --days 180 --why "six months, as the law asks"
    """
    from workbench import open_bench
    from workbench.data.retention import Window

    if not why.strip():
        raise Misuse("the reason is empty; every declaration needs one", hint='--why "…", in a sentence')
    with open_bench(workspace, rehearsal=dry_run) as bench:
        subject, called = bench.retention.named(subject)
        window = Window(subject, days, _moment(until, last=True), _moment(collected), names or called, why)
        entry = bench.retention.declare(window, why.strip())
    if as_json:
        print_json(entry.as_dict())
    else:
        end = f"; it must be gone by {window.end:%Y-%m-%d %H:%M} UTC" if window.end else ""
        say(f"{subject} is declared (ledger entry {entry.seq}){end}")


@retention.command()
@click.argument("subject")
@click.option("--why", required=True, help="For which proceeding; it is kept in the ledger.")
@rehearsal_option
@workspace_option
@json_option
def hold(subject: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Let nothing of SUBJECT be removed until it is released: model/NAME, or as for declare.

    A hold on a model keeps its answers, and the logs of all servers, which do not lie apart by model.

    \b
    Examples:
      workbench retention hold model/lending --why "a claim before the court"
      workbench retention hold predictions/lending --why "…" --dry-run
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entry = bench.retention.hold(subject, why)
    if as_json:
        print_json(entry.as_dict())
    else:
        say(f"nothing of {entry.subject} is removed until it is released (ledger entry {entry.seq})")


@retention.command()
@click.argument("subject")
@click.option("--why", required=True, help="Why it may go; it is kept in the ledger.")
@rehearsal_option
@workspace_option
@json_option
def release(subject: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """End the hold on SUBJECT; its window of retention counts again.

    \b
    Example:
      workbench retention release model/lending --why "the claim was withdrawn"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entry = bench.retention.release(subject, why)
    if as_json:
        print_json(entry.as_dict())
    else:
        say(f"{entry.subject} is held no more (ledger entry {entry.seq})")


def _moment(text: str | None, *, last: bool = False) -> datetime | None:
    from workbench.data.retention import moment

    try:
        return None if text is None else moment(text, last=last)
    except ValueError as error:
        raise Misuse(f"{text!r} is no date", hint="write 2026-01-31 or 2026-01-31T12:00:00+00:00") from error
