"""`approvals`, `approve`, `refuse`, `withdraw`, `delegate`: what waits for people, and what they say to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.moves import as_data, refusals, warn, why_option
from workbench.cli.options import json_option, print_json, print_table, rehearsal_option, say, workspace_option

if TYPE_CHECKING:
    from workbench.promotion import Open

SHORT = 12  # characters of a digest that are shown

question_argument = click.argument("question")


@click.command()
@click.option("--all", "ended", is_flag=True, help="Those that were refused, too.")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="At most so many; 0: all.")
@click.option("--after", type=click.IntRange(0), default=0, help="Pass over so many, the oldest.")
@workspace_option
@json_option
def approvals(ended: bool, limit: int, after: int, workspace: Path | None, as_json: bool) -> None:
    """List what waits for people, the oldest first: what is asked, who approved it, who is missing and who may.

    \b
    Examples:
      workbench approvals
      workbench approvals --after 50
      workbench approvals --limit 0 --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        queued = bench.queue(ended=ended)
        waiting = bench.gate.look_at(queued[after : after + limit if limit else None], now=bench.now())
        you = bench.actor
    if len(waiting) < len(queued):
        onward = after + len(waiting)
        rest = f"more: workbench approvals --after {onward}" if onward < len(queued) else "first: workbench approvals"
        click.echo(f"{len(waiting)} of {len(queued):,} are shown; {rest}", err=True)
    if as_json:
        print_json([_as_json(one) for one in waiting])
        return
    if not queued:
        click.echo("nothing waits for people", err=True)
    if not waiting:
        return
    print_table(
        ["question", "asks to", "asked by", "approved by", "missing", "who may", "state"],
        [
            (
                one.digest[:SHORT],
                one.in_words,
                one.answers.asked_by,
                ", ".join(approval.by for approval in one.answers.approvals) or "nobody yet",
                one.answers.missing,
                ", ".join(one.may) or "nobody",
                one.state,
            )
            for one in waiting
        ],
    )
    click.echo(f'you act as {you}; workbench approve QUESTION --why "…" [--then-promote]', err=True)


@click.command()
@question_argument
@why_option
@click.option("--then-promote", "then", is_flag=True, help="Ask for the move again once this was the last one missing.")
@rehearsal_option
@workspace_option
@json_option
def approve(question: str, why: str, then: bool, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Approve QUESTION (its digest or the beginning of it) in your own name.

    The approval is signed over exactly this question: a change of policy, evidence or candidate voids it.

    \b
    Examples:
      workbench approve 3f9a1c02d4e5 --why "the audit convinces me"
      workbench approve 3f9a1c02d4e5 --why "…" --then-promote
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        asked, _ = bench.desk.find(question)
        with refusals(asked.subject, None, as_json):
            entry, move = bench.say_yes(question, why, then=then)
        open_ = bench.gate.waiting(now=bench.now(), subject=asked.subject)
        left = next((one for one in open_ if one.digest == asked.digest), None)
    missing = left.answers.missing if left else 0
    if as_json:
        print_json({"entry": entry.seq, "question": asked.digest, "missing": missing, "move": move and as_data(move)})
        return
    say(f"{entry.actor} approved: {asked.in_words()} (ledger entry {entry.seq})")
    if move is not None:
        say(f"done: {asked.in_words()} (generation {move.generation}, ledger entry {move.entry_seq})")
        warn(move)
    elif missing:
        say(f"{missing} more needed: {', '.join(left.may) if left and left.may else 'nobody may yet'}", err=True)
    else:
        click.echo("that was the last one needed; ask for it again", err=True)


@click.command()
@question_argument
@why_option
@rehearsal_option
@workspace_option
@json_option
def refuse(question: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Refuse QUESTION; it has ended, and only another policy, evidence or candidate makes another.

    \b
    Example:
      workbench refuse 3f9a1c02d4e5 --why "the sample leaves out rural branches"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entry = bench.say_no(question, why)
        asked, _ = bench.desk.find(question)
    if as_json:
        print_json(entry.as_dict())
    else:
        say(f"{entry.actor} refused: {asked.in_words()} (ledger entry {entry.seq})")


@click.command()
@question_argument
@why_option
@rehearsal_option
@workspace_option
@json_option
def withdraw(question: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take back your own approval of QUESTION.

    \b
    Example:
      workbench withdraw 3f9a1c02d4e5 --why "the audit was run on the wrong year"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entry = bench.desk.withdraw(question, by=bench.identity, why=why, now=bench.now())
    if as_json:
        print_json(entry.as_dict())
    else:
        say(f"{entry.actor} took the approval back (ledger entry {entry.seq})")


@click.command()
@click.argument("person")
@click.option("--days", type=click.FloatRange(min=0), default=7.0, show_default=True, help="How long; 0 ends it.")
@why_option
@rehearsal_option
@workspace_option
@json_option
def delegate(person: str, days: float, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Let PERSON approve in your place for some days; they cannot hand it on.

    What PERSON made or asked for stays for others to approve.

    \b
    Examples:
      workbench delegate second-officer --days 14 --why "leave"
      workbench delegate second-officer --days 0 --why "back again"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        now = bench.now()
        entry = bench.desk.delegate(person, by=bench.identity, until=now + timedelta(days=days), why=why, now=now)
    if as_json:
        print_json(entry.as_dict())
    else:
        until = f"until {entry.body['until'][:16].replace('T', ' ')} UTC" if days else "no more"
        say(f"{entry.body['to']} stands in for {entry.actor} {until} (ledger entry {entry.seq})")


def _as_json(one: Open) -> dict[str, Any]:
    known = one.answers
    return {
        "question": one.digest,
        **known.question.as_body(),
        "asked_by": known.asked_by,
        "author": known.author,
        "why": known.requested.why,
        "approvals": known.as_input(),
        "void": [{"by": approval.by, "because": why} for approval, why in known.void],
        "missing": known.missing,
        "may": list(one.may),
        "state": one.state,
    }
