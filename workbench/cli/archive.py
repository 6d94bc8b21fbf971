"""`workbench archive`: what was tried before, what came of it, and what it says of the next effect."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, rehearsal_option, workspace_option
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.experiments.archive import Archive, ArmEffect, Past
    from workbench.experiments.past import Verdict

DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(dir_okay=False, path_type=Path)


class Searching(Commands):
    """A group in which what names no command is searched for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `search` before a text or its options."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["search", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Searching)
def archive() -> None:
    """What was tried before: all experiments that ended, failures too, and what they teach.

    Without a command it searches: `workbench archive free shipping` is `workbench archive search free shipping`.
    """


@archive.command()
@click.argument("text", nargs=-1)
@click.option("--failed", is_flag=True, help="Only those that failed: every arm was worse, or harmed a guardrail.")
@click.option("--unsettled", is_flag=True, help="Only those without enough evidence; with --failed, both.")
@click.option("--since", type=DAY, help="Only those told on this day or later.")
@click.option("--metric", default="", help="Only those that measured this metric.")
@workspace_option
@json_option
def search(
    text: tuple[str, ...],
    failed: bool,
    unsettled: bool,
    since: datetime | None,
    metric: str,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """List the experiments in whose hypothesis, lesson, name, decision or metrics all words of TEXT stand.

    \b
    Examples:
      workbench archive
      workbench archive search free shipping --failed
      workbench archive search --metric conversion --since 2026-01-01 --json
    """
    wanted: dict[Verdict, bool] = {"fail": failed, "not enough evidence": unsettled}
    found = _archive(workspace).search(
        " ".join(text),
        verdicts=[verdict for verdict, asked in wanted.items() if asked],
        since=None if since is None else since.date(),
        metric=metric,
    )
    if as_json:
        print_json([past.as_json() for past in found])
    elif found:
        print_table(
            ["when", "experiment", "first metric", "verdict", "decision", "hypothesis", "lesson"],
            [_row(past) for past in found],
        )
        click.echo(found.sentence, err=True)
    elif text or failed or unsettled or since or metric:
        click.echo("no experiment in the archive matches; workbench archive lists all", err=True)
    else:
        click.echo("the archive is empty: an experiment enters it with its first run", err=True)
        click.echo("hint: workbench archive import FILE brings in earlier ones", err=True)


@archive.command()
@click.argument("name")
@workspace_option
@json_option
def show(name: str, workspace: Path | None, as_json: bool) -> None:
    """Show the experiment NAME: hypothesis, what came out, decision, lesson, and where its report lies.

    Two of one name are told apart by their keys, or by the runs that looked at them last.

    \b
    Examples:
      workbench archive show rand-hie
      workbench archive show rand-hie@7d9f3a51c024
    """
    past = _archive(workspace).named(name)
    if as_json:
        print_json(past.as_json())
        return
    lines = [
        ("experiment", past.name),
        ("key", past.key),
        ("ended (UTC)", f"{past.at:%Y-%m-%d %H:%M}, {past.looks} look{'s' if past.looks > 1 else ''}"),
        ("owner", past.owner),
        ("hypothesis", past.hypothesis or "none was stated"),
        ("what came out", past.sentence),
        ("verdict", past.outcome),
        ("decision", past.decided or "none was told yet"),
        ("lesson", past.lesson or "none was told"),
        ("run", past.run_id or "brought in from elsewhere"),
        ("report", past.report or "none"),
    ]
    print_table(["", ""], lines)
    rows = [(metric, arm, *_numbers(e), e.verdict) for metric, arms in past.metrics.items() for arm, e in arms.items()]
    print_table(["metric", "arm", "effect", "standard error", "relative", "n", "verdict"], rows)


@archive.command()
@click.argument("metric", default="")
@click.option("--scale", type=click.Choice(["relative", "absolute"]), default="relative", help="Of the effects.")
@click.option("--excluding", multiple=True, metavar="NAME", help="An experiment not to learn from; may be repeated.")
@click.option("--png", "picture", type=FILE, help="Write a picture: the prior, and effects raw and shrunk.")
@workspace_option
@json_option
def prior(
    metric: str,
    scale: Literal["relative", "absolute"],
    excluding: tuple[str, ...],
    picture: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Show what past experiments say of the next effect on METRIC; without METRIC, of all metrics together.

    \b
    Examples:
      workbench archive prior conversion
      workbench archive prior conversion --excluding checkout-2 --json
      workbench archive prior --png prior.png
    """
    from workbench.experiments.learned import learn_prior, past_effects, prior_json, shrunk
    from workbench.stats.learning import told

    found = _archive(workspace)
    if metric and metric.casefold() not in map(str.casefold, found.metrics):
        raise Misuse(
            f"no experiment in the archive measured {metric!r}",
            hint=f"it knows {', '.join(found.metrics)}" if found.metrics else "workbench archive import FILE fills it",
        )
    learned = learn_prior(found, metric or None, scale=scale, excluding=excluding)
    if as_json:
        print_json(prior_json(learned))
    else:
        click.echo(learned.sentence)
        if learned.taught:
            click.echo(f"family: {learned.family}; {learned.why}")
        errors = [error for *_, error in past_effects(found, metric or None, scale=scale, excluding=excluding)]
        if learned.prior.components and errors:
            usual = sorted(errors)[len(errors) // 2]
            rows = [(told(raw, scale), told(after, scale)) for raw, after in shrunk(learned, usual)]
            print_table([f"raw, standard error {told(usual, scale)[1:]}", "after past tests"], rows)
    if picture is not None:
        from workbench.experiments.learned_picture import prior_picture

        _write(picture, prior_picture(found, learned, metric or None, excluding=excluding).png)


@archive.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Check every row and say what would be added, and write nothing.")
@workspace_option
@json_option
def bring_in(file: Path, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Bring in past experiments from FILE, a CSV or Parquet file with a row an effect.

    Its columns: experiment, metric, effect, error (a standard error), and where they are known arm, scale
    (relative or absolute), date, hypothesis, decision, lesson, owner, lower (true: less is better). The
    same file again adds nothing; an experiment whose rows have changed is told anew.

    \b
    Examples:
      workbench archive import past.csv --dry-run
      workbench archive import past.csv
    """
    from workbench import open_bench
    from workbench.experiments.imported import import_pasts

    with open_bench(workspace) as bench:
        done = import_pasts(bench.ledger, file, actor=bench.actor, now=bench.now(), dry_run=dry_run)
    if as_json:
        print_json({"added": done.added, "known": done.known, "effects": done.effects, "dry_run": dry_run})
    else:
        from workbench.experiments.words import counted

        word = "would be added" if dry_run else "added"
        added, effects = counted(len(done.added), "experiment"), counted(done.effects, "effect")
        click.echo(
            f"{added} {word} with {effects}; {len(done.known)} {'was' if len(done.known) == 1 else 'were'} known"
        )


@archive.command("decide")
@click.argument("name")
@click.argument("decision")
@click.option("--why", required=True, help="The reason.")
@click.option("--lesson", default="", help="What was learned, failures too.")
@rehearsal_option
@workspace_option
@json_option
def decide_(
    name: str, decision: str, why: str, lesson: str, dry_run: bool, workspace: Path | None, as_json: bool
) -> None:
    """Tell what was decided after the experiment NAME, or a key: ship, stop, …; the last one told counts.

    \b
    Example:
      workbench archive decide rand-hie stop --why "fewer visits, and no less spent" --lesson "price moves use"
    """
    from workbench import open_bench
    from workbench.experiments.archive import decide

    with open_bench(workspace, rehearsal=dry_run) as bench:
        past = bench.archive().named(name)
        entry = decide(bench.ledger, past, decision, why=why, lesson=lesson, actor=bench.actor, now=bench.now())
    if as_json:
        print_json({"name": past.name, "key": past.key, "decision": decision, "entry": entry.seq})
    else:
        click.echo(f"{past.name}: {decision}. Ledger entry {entry.seq}.")


def _archive(workspace: Path | None) -> Archive:
    from workbench import open_bench

    with open_bench(workspace) as bench:
        return bench.archive()


def _row(past: Past) -> tuple[Any, ...]:
    first = next(iter(past.metrics.items()), None)
    told = ""
    if first is not None:
        told = f"{first[0]} " + ", ".join(f"{arm} {_numbers(e)[2] or _numbers(e)[0]}" for arm, e in first[1].items())
    return f"{past.at:%Y-%m-%d}", past.name, told, past.outcome, past.decision, past.hypothesis, past.lesson


def _numbers(e: ArmEffect) -> tuple[str, str, str, str]:
    from workbench.experiments import words
    from workbench.stats.learning import told

    effect, error = ("" if value is None else words.number(value) for value in (e.effect, e.error))
    relative = "" if e.relative is None else told(e.relative, "relative")
    if e.relative is not None and e.relative_error is not None:
        relative += f" ± {told(e.relative_error, 'relative').removeprefix('+')}"
    return effect, error, relative, "" if e.n is None else f"{e.n:,}"


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise EngineError(
            f"{file} cannot be written: {error.strerror or error}", hint="choose another file with --png"
        ) from error
    click.echo(f"written: {file}", err=True)
