"""`held`: answers that people look at before they are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.moves import why_option
from workbench.cli.options import Commands, json_option, print_json, print_table, rehearsal_option, workspace_option
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.serving.held import Decided, Held

YES = {"yes": True, "no": False, "true": True, "false": False}


@click.group(cls=Commands)
def held() -> None:
    """Answers that a policy holds until people looked at them.

    `policies/answer.rego` says which: it is asked about every answer of a model that is declared to have
    high stakes, or that it names.
    """


@held.command("list")
@click.option("--model", metavar="MODEL", help="Of this model alone.")
@workspace_option
@json_option
def list_(model: str | None, workspace: Path | None, as_json: bool) -> None:
    """List what waits, the one that ends first before the others.

    \b
    Examples:
      workbench held list
      workbench held list --model lending --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        waiting = bench.held.waiting(model)
        you = bench.actor
    if as_json:
        print_json(
            [
                {**_told(one.held), "missing": one.missing, "approved_by": one.approved_by, "may": one.may}
                for one in waiting
            ]
        )
        return
    if not waiting:
        click.echo("no answer waits for people", err=True)
        return
    print_table(
        ["prediction", "model", "score", "answer", "because", "until", "missing", "who may"],
        [
            (
                one.held.id,
                f"{one.held.model} {one.held.version}",
                f"{one.held.score:.4g}",
                _yes(one.held.answer),
                one.held.requirement.why,
                "" if one.held.ends is None else f"{one.held.ends:%Y-%m-%d %H:%M}",
                one.missing,
                ", ".join(one.may) or "nobody",
            )
            for one in waiting
        ],
    )
    click.echo(f'you act as {you}; workbench held decide PREDICTION --confirm --why "…"', err=True)


@held.command()
@click.argument("prediction")
@workspace_option
@json_option
def show(prediction: str, workspace: Path | None, as_json: bool) -> None:
    """Show one with its evidence, and what it came to.

    \b
    Example:
      workbench held show p0a1b2c3d4e5f00000001
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        one, decided = bench.held.find(prediction)
    if as_json:
        print_json({**_told(one), "decided": None if decided is None else _decided(decided)})
        return
    click.echo(f"{one.model} {one.version} says {one.score:.6g} ({_yes(one.answer)}); held: {one.requirement.why}")
    print_table(["feature", "value"], [(name, str(value)) for name, value in one.features.items()])
    click.echo("it waits" if decided is None else f"it was {decided.told} (ledger entry {decided.entry})")


@held.command()
@click.argument("prediction")
@click.option("--confirm", "verdict", flag_value="confirm", help="Give the model's answer.")
@click.option("--change", "verdict", flag_value="change", help="Give the answer of --to instead.")
@click.option("--refuse", "verdict", flag_value="refuse", help="Give no answer.")
@click.option("--to", "answer", metavar="ANSWER", help="The other answer: yes, no, or a number.")
@why_option
@rehearsal_option
@workspace_option
@json_option
def decide(
    prediction: str,
    verdict: str | None,
    answer: str | None,
    why: str,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Decide on PREDICTION in your own name.

    \b
    Examples:
      workbench held decide p0a1b2c3d4e5f00000001 --confirm --why "income and purpose fit"
      workbench held decide p0a1b2c3d4e5f00000001 --change --to no --why "the employer does not exist"
      workbench held decide p0a1b2c3d4e5f00000001 --refuse --why "the papers are missing"
    """
    from workbench import open_bench

    if verdict is None or (verdict == "change") != (answer is not None):
        raise Misuse("say --confirm, --refuse, or --change with --to", hint="workbench held decide --help")
    with open_bench(workspace, rehearsal=dry_run) as bench:
        made = bench.held.decide(prediction, verdict, why, None if answer is None else _answer(answer))  # type: ignore[arg-type]
    if as_json:
        print_json({"prediction": prediction, "decided": None if made is None else _decided(made)})
    elif made is None:
        click.echo("your approval is in the ledger; others have to approve it too")
    else:
        click.echo(f"{prediction} was {made.told} (ledger entry {made.entry})")


def _answer(text: str) -> bool | float:
    if text.lower() in YES:
        return YES[text.lower()]
    try:
        return float(text)
    except ValueError:
        raise Misuse(f"the answer is {text[:40]!r}; it must be yes, no or a number") from None


def _yes(answer: bool | None) -> str:
    return "–" if answer is None else "yes" if answer else "no"


def _told(one: Held) -> dict[str, Any]:
    return {**one.as_json(), "question": one.question.digest}


def _decided(made: Decided) -> dict[str, Any]:
    return dict(vars(made))
