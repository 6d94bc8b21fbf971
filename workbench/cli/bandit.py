"""`bandit` and `off-policy`: what to play, learned from a log; and what another table would have earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import Command, Commands, json_option, print_json, print_table
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.experiments.bandits import BanditState

FILE = click.Path(dir_okay=False, path_type=Path)


def column_options(command: Command) -> Command:
    """Add what a log's columns are called, each by default as a `BanditLog` calls it."""
    for name, meaning in (
        ("leaf", "the circumstances of the decision"),
        ("unit", "whom it was made for"),
        ("reward", "what came of it"),
        ("arm", "what was played"),
    ):
        command = click.option(
            f"--{name}", metavar="COL", default=name, show_default=True, help=f"Column that holds {meaning}."
        )(command)
    return command


@click.group(cls=Commands)
def bandit() -> None:
    """Learn from a log which arm to play how often."""


@bandit.command()
@click.argument("state", type=FILE)
@click.option("--name", required=True, help="The bandit's name; it salts the assignment of units.")
@click.option("--arm", "arms", multiple=True, required=True, help="An arm; give two or more.")
@click.option(
    "--reward", type=click.Choice(["binary", "count", "mean", "revenue"]), required=True, help="Kind of a reward."
)
@click.option("--lower", is_flag=True, help="Less reward is better.")
@click.option(
    "--rule",
    type=click.Choice(["thompson", "top two", "uniform", "greedy"]),
    default="thompson",
    show_default=True,
    help="How evidence becomes weights.",
)
@click.option("--floor", type=float, default=0.01, show_default=True, help="Smallest share of plays of any arm.")
@click.option("--half-life", type=float, metavar="DAYS", help="After so many days evidence counts for half.")
@click.option("--window", type=int, metavar="DAYS", help="Evidence older than so many days is left out.")
@click.option(
    "--borrow", type=float, default=0.0, help="Rewards that an arm's other leaves count for at most in a leaf."
)
@click.option("--leaves", type=FILE, metavar="FILE", help='JSON: [{"leaf": "eu", "condition": {"region": "DE"}}].')
def init(state: Path, arms: Sequence[str], lower: bool, leaves: Path | None, **design: Any) -> None:
    """Begin a bandit that knows nothing, in the file STATE.

    \b
    Examples:
      workbench bandit init checkout.json --name checkout --arm old --arm new --reward binary
      workbench bandit init offers.json --name offers --arm a --arm b --arm c --reward revenue \\
          --half-life 14 --leaves leaves.json
    """
    from workbench.experiments.bandit_json import leaves_from_json, write_state
    from workbench.experiments.bandits import BanditDesign, BanditState

    if state.exists():
        raise Misuse(f"{state} is there already", hint="give another file, or remove it")
    found = (
        leaves_from_json(_text(leaves, "give a JSON file of leaves, as `workbench bandit init --help` shows"))
        if leaves
        else ()
    )
    plan = BanditDesign(arms=tuple(arms), better="lower" if lower else "higher", leaves=found, **design)
    write_state(state, BanditState.start(plan))
    click.echo(f"{state} is begun; next: workbench bandit update {state} LOG", err=True)


@bandit.command()
@click.argument("state", type=FILE)
@click.argument("log", type=FILE)
@column_options
@click.option("--day-column", metavar="COL", default="day", show_default=True, help="Column that holds the day.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day of all rows, for a log without days.")
@click.option("--dry-run", is_flag=True, help="Show what would be played then; write nothing.")
@json_option
def update(
    state: Path,
    log: Path,
    arm: str,
    reward: str,
    unit: str,
    leaf: str,
    day_column: str,
    day: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the decisions of LOG (.jsonl, .csv or .parquet) into STATE; print what is to be played from now on.

    A file that was taken in before is refused, so that nothing counts twice.

    \b
    Examples:
      workbench bandit update checkout.json monday.csv
      workbench bandit update checkout.json week.parquet --arm variant --reward bought --dry-run
      workbench bandit update checkout.json tuesday.csv --day 2026-01-31 --json
    """
    from workbench.data.digests import digest_file
    from workbench.experiments.bandit_json import change_file, read_state
    from workbench.experiments.bandit_log import BanditLog, Columns
    from workbench.experiments.bandits import update as learn

    seen = BanditLog.read(log, Columns(arm=arm, reward=reward, unit=unit, leaf=leaf, day=day_column))
    digest = digest_file(log)

    def taken_in(before: BanditState) -> BanditState:
        if digest in before.sources:
            raise Misuse(
                f"{state} has taken in {log} before", hint="give only the rows that came since, in another file"
            )
        after = learn(before, seen.observations(None if day is None else day.date()))
        return replace(after, sources=(*before.sources, digest))

    after = taken_in(read_state(state)) if dry_run else change_file(state, taken_in)
    click.echo(f"{len(seen):,} decisions {'would be ' if dry_run else ''}taken in", err=True)
    _show(after, as_json)


@bandit.command()
@click.argument("state", type=FILE)
@json_option
def table(state: Path, as_json: bool) -> None:
    """Show what is to be played: a weight for each arm in each leaf.

    The JSON is what a server needs: the first leaf whose condition holds, its arms by their weights.

    \b
    Examples:
      workbench bandit table checkout.json
      workbench bandit table checkout.json --json > table.json
    """
    from workbench.experiments.bandit_json import read_state

    _show(read_state(state), as_json)


TARGET = "`workbench bandit table STATE --json > table.json` writes one; or name a column of the log"


@click.command("off-policy")
@click.argument("log", type=FILE)
@click.option(
    "--target",
    required=True,
    metavar="TABLE.json|COL",
    help="Table to evaluate, or the column with the target's probability of the arm that was played.",
)
@click.option("--propensity", metavar="COL", default="propensity", show_default=True, help="Its logged probability.")
@column_options
@click.option("--clip", type=float, help="Cut weights there; the bias that this brings is not in the intervals.")
@click.option("--floor", type=float, help="Smallest probability that any arm was played with, for the exact interval.")
@click.option("--range", "bounds", type=float, nargs=2, help="Smallest and largest reward there can be, for the same.")
@click.option("--lower", is_flag=True, help="Less reward is better.")
@json_option
def off_policy(
    log: Path,
    target: str,
    propensity: str,
    arm: str,
    reward: str,
    unit: str,
    leaf: str,
    clip: float | None,
    floor: float | None,
    bounds: tuple[float, float] | None,
    lower: bool,
    as_json: bool,
) -> None:
    """Say what another table would have earned, from the LOG of the one that played.

    \b
    Examples:
      workbench off-policy log.parquet --target table.json
      workbench off-policy log.csv --target p_new --reward bought --propensity p --json
      workbench off-policy log.jsonl --target table.json --floor 0.01 --range 0 1
    """
    from workbench.experiments.bandit_log import BanditLog, Columns
    from workbench.experiments.decision_table import DecisionTable
    from workbench.experiments.off_policy import evaluate

    is_table = Path(target).suffix == ".json"
    played = BanditLog.read(log, Columns(arm, reward, propensity, unit, leaf, target=None if is_table else target))
    found = evaluate(
        played,
        DecisionTable.from_json(_text(Path(target), TARGET)) if played.target is None else played.target,
        name=Path(target).stem,
        better="lower" if lower else "higher",
        clip=clip,
        rewards=bounds,
        least_propensity=floor,
    )
    if as_json:
        print_json(found.as_json())
        return
    click.echo(found.sentence)
    rows = found.rows()
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    click.echo(found.worth)
    if floor and bounds and found.result.exact is None:
        click.echo("no exact interval: units come more than once, or weights were cut", err=True)


def _show(state: BanditState, as_json: bool) -> None:
    from workbench.experiments.bandits import decide_table, shares

    made = decide_table(state)
    if as_json:
        click.echo(made.as_json())
        return
    rows = [
        [
            each.leaf,
            each.arm,
            f"{each.share:.4f}",
            f"{each.decisions:,.6g}",
            "" if each.mean is None else f"{each.mean:.6g}",
        ]
        for each in shares(state)
    ]
    print_table(["leaf", "arm", "share of plays", "decisions", "mean reward"], rows)
    click.echo(f"table {made.version}, from {state.rows:,} decisions up to {state.day or 'no day yet'}")


def _text(path: Path, hint: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise Misuse(f"{path} cannot be read: {why}", hint=hint) from error
