"""`workbench canary`: try a version on a growing share of the traffic; it goes on or back by rules that are told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.moves import dry_run_option, refusals, tell, version_argument, why_option
from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option
from workbench.errors import Misuse, NeedsPeople

if TYPE_CHECKING:
    from workbench.monitoring.canaries import Canary, Done


@click.group(cls=Commands)
def canary() -> None:
    """Try a version on a growing share of the traffic, and take it further, or back, as a judge shows.

    The controller runs beside the gateway (setting canary_control) or from cron (workbench canary run --once).

    \b
    Examples:
      workbench canary start lending 4 --why "trained on the summer's loans"
      workbench canary status
      workbench canary stop lending --why "a better one is ready"
    """


@canary.command()
@click.argument("model")
@version_argument
@click.option("--steps", metavar="PERCENTS", help="Shares of the traffic in per cent; default: 5,10,20,40.")
@click.option("--minutes", type=click.FloatRange(min=0), help="At each step, at least; default: 10.")
@click.option("--requests", type=click.IntRange(min=0), help="Of the canary at each step, at least; default: 200.")
@click.option("--harm", type=click.FloatRange(min=0), help="Bad outcomes that it may cost unshown; default: 100.")
@click.option("--exposure", type=click.IntRange(min=0), help="Requests that it may answer unshown; default: 1000000.")
@click.option(
    "--hours", type=click.FloatRange(0, min_open=True), help="After which it goes back unless it is shown; default: 72."
)
@click.option("--no-promote", is_flag=True, help="Stop after the last step; people promote it.")
@why_option
@dry_run_option
@workspace_option
@json_option
def start(
    model: str, version: int, steps: str | None, minutes: float | None, requests: int | None, harm: float | None,
    exposure: int | None, hours: float | None, no_promote: bool, why: str, dry_run: bool, workspace: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Begin a canary: VERSION of MODEL gets the first share of the traffic, if the policy allows it.

    What is not given is as the model is declared (workbench declare --canary), else the default. A version
    that has a share already is gone on with.

    \b
    Examples:
      workbench canary start lending 4 --why "trained on the summer's loans"
      workbench canary start lending 4 --steps 5,10,20,40 --minutes 30 --why "…" --dry-run
    """
    from workbench import open_bench

    given: dict[str, Any] = {"steps": _shares(steps)} if steps else {}
    for name, value in (
        ("minutes", minutes), ("requests", requests), ("harm", harm), ("exposure", exposure), ("hours", hours),
    ):  # fmt: skip
        given |= {} if value is None else {name: value}
    given |= {"promote": False} if no_promote else {}
    with open_bench(workspace) as bench:
        plan = bench.canaries.plan(model, given)
        for problem in bench.canaries.problems(model):
            click.echo(f"as {model} is declared, {problem}", err=True)
        if dry_run:
            decision = bench.canaries.first_step(model, version, why, plan)
            tell(decision, f"{model} {version} would be tried on {plan.in_words}", as_json)
            return
        with refusals(model, version, as_json):
            try:
                done = bench.canaries.start(model, version, why, given=given)
            except NeedsPeople:
                click.echo(f"{model} {version} is planned and waits for people; then it begins by itself", err=True)
                raise
    if as_json:
        print_json({**done._asdict(), "plan": plan.as_dict()})
    else:
        share = f" at {100 * done.weight:.3g} % of the traffic" if done.weight else ""
        click.echo(f"{model} {version} is the canary{share}; planned: {plan.in_words}")
        click.echo(f"how it goes: workbench canary status {model}", err=True)


@canary.command()
@click.argument("model", required=False)
@click.option("--all", "every", is_flag=True, help="With the last one of each model that has ended.")
@workspace_option
@json_option
def status(model: str | None, every: bool, workspace: Path | None, as_json: bool) -> None:
    """Show the canaries in progress: step, what the judge says and believes, and what comes next.

    \b
    Examples:
      workbench canary status
      workbench canary status lending --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.canaries.status(model, alive=not every and model is None)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    if not found:
        click.echo("no canary is in progress; workbench canary start begins one", err=True)
        return
    print_table(
        ["model", "version", "state", "step", "share", "judge", "requests", "what"],
        [
            (
                one.model, one.version, one.outcome or one.state, f"{one.step} of {len(one.plan.steps)}",
                f"{100 * one.weight:.3g} %" if one.weight else "", one.judged.state if one.judged else "",
                f"{one.judged.canary:,}" if one.judged else "", _what(one),
            )
            for one in found
        ],
    )  # fmt: skip
    for one in found:
        for reason in one.judged.reasons if one.judged and model else ():
            click.echo(f"  {reason}")


@canary.command()
@click.option("--once", is_flag=True, help="One pass, for cron.")
@click.option("--until-idle", is_flag=True, help="Stop once no canary is in progress.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this model; may be repeated; with --once.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; one pass.")
@workspace_option
@json_option
def run(
    once: bool, until_idle: bool, models: tuple[str, ...], dry_run: bool, workspace: Path | None, as_json: bool
) -> None:
    """Take the canaries further, or back, until Ctrl-C; two that run at once do each step once.

    \b
    Examples:
      workbench canary run --once          from cron, every minute
      workbench canary run --dry-run       what would be done now
      workbench canary run                 a pass every canary_seconds
    """
    from workbench import open_bench

    if models and not (once or dry_run):
        raise Misuse("--model goes with --once or --dry-run", hint="workbench canary run --once --model NAME")
    with open_bench(workspace) as bench:
        if once or dry_run:
            done = bench.canaries.once(models=models, dry_run=dry_run)
            if as_json:
                print_json([one._asdict() for one in done])
            elif not done:
                click.echo("no canary is in progress", err=True)
            for one in done if not as_json else ():
                _tell(one)
            return
        with _asked_to_stop() as asked:
            click.echo(f"a look every {bench.settings.canary_seconds:g} s; Ctrl-C stops", err=True)
            bench.canaries.run(lambda one: _tell(one, as_json=as_json), asked=asked, until_idle=until_idle)


@canary.command()
@click.argument("model")
@why_option
@dry_run_option
@workspace_option
@json_option
def stop(model: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """End the canary of MODEL: it is taken off the traffic.

    \b
    Example:
      workbench canary stop lending --why "a better one is ready"
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if dry_run:
            found = [one for one in bench.canaries.status(model) if one.state != "ended"]
            if not found:
                raise Misuse(f"no version of {model} is being tried", hint="workbench canary status")
            click.echo(f"{model} {found[0].version} would be taken off the traffic")
            return
        with refusals(model, None, as_json):
            done = bench.canaries.stop(model, why)
    if as_json:
        print_json(done._asdict())
    else:
        click.echo(f"{model} {done.version} is tried no more")


def _shares(text: str) -> list[float]:
    try:
        return [float(part) / 100 for part in text.split(",")]
    except ValueError as error:
        raise Misuse(f"the steps are {text!r}; they must be numbers in per cent", hint="--steps 5,10,20,40") from error


def _what(one: Canary) -> str:
    if one.state == "ended":
        return one.ending
    return one.act.why if one.act else "It waits for its first share: workbench approvals"


def _tell(one: Done, *, as_json: bool = False) -> None:
    if as_json:
        print_json(one._asdict())
        return
    words = {
        "begin": f"begins at {100 * (one.weight or 0):.3g} %",
        "advance": f"goes on to {100 * (one.weight or 0):.3g} %",
        "promote": "is put forward as champion",
        "roll back": "goes back",
        "hold": "stays",
        "ended": "has ended",
    }
    where = f"{one.model} {one.version} " if one.model else ""
    click.echo(f"{where}{words[one.act]}: {one.why}", err=bool(one.problem))


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Set when SIGTERM or Ctrl-C comes; the pass in progress is finished."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
