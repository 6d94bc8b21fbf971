"""`promote`, `stage`, `retire`, `rollback`, `reject`: move versions through the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import EXIT_CODES, json_option, print_json, rehearsal_option, say, workspace_option
from workbench.errors import Denied, Misuse, NeedsPeople
from workbench.policy import Decision

if TYPE_CHECKING:
    from workbench.promotion import Move
    from workbench.promotion.stages import Action

why_option = click.option("--why", required=True, help="The reason, in a sentence; it is kept in the ledger.")
dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    help="Ask the policy, change nothing; the exit code is that of the move: 0 it would be made, 3 the policy "
    "denies it, 5 people have to approve it first.",
)
version_argument = click.argument("version", type=click.IntRange(min=1))


@click.command()
@click.argument("model")
@version_argument
@why_option
@dry_run_option
@workspace_option
@json_option
def promote(model: str, version: int, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Make VERSION the champion of MODEL, if the policy allows it on the evidence there is.

    Where the policy wants people to approve first, they are asked: see workbench approvals.

    \b
    Examples:
      workbench promote lending 3 --why "fairer, and hardly less accurate"
      workbench promote lending 3 --why "…" --dry-run
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if dry_run:
            decision = bench.gate.rehearse(model, version, now=bench.now(), actor=bench.actor, why=why)
            tell(decision, f"{model} {version} would be promoted", as_json)
            return
        with refusals(model, version, as_json):
            move = bench.promote(model, version, why)
    if as_json:
        print_json(as_data(move))
    else:
        before = f"; before it was version {move.previous}" if move.previous else ""
        say(f"{model} {version} is champion (generation {move.generation}, ledger entry {move.entry_seq}{before})")
        warn(move)


@click.command()
@click.argument("model")
@version_argument
@click.option("--shadow", is_flag=True, help="Let it answer beside the champion; nobody gets its answers.")
@click.option("--canary", metavar="SHARE", type=float, help="Let it answer this share of the traffic, in (0, 1).")
@click.option("--out", is_flag=True, help="Take it out of shadow or canary.")
@why_option
@dry_run_option
@workspace_option
@json_option
def stage(
    model: str,
    version: int,
    shadow: bool,
    canary: float | None,
    out: bool,
    why: str,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Put VERSION of MODEL into shadow or canary, give a canary another share, or take it out.

    \b
    Examples:
      workbench stage lending 3 --shadow --why "a week beside the champion"
      workbench stage lending 3 --canary 0.05 --why "shadow agreed with the champion"
      workbench stage lending 3 --canary 0.25 --why "no alarm in three days" --dry-run
      workbench stage lending 3 --out --why "twice the errors"
    """
    from workbench import open_bench

    if shadow + out + (canary is not None) != 1:
        raise Misuse("one of --shadow, --canary SHARE and --out is needed", hint="workbench stage --help")
    with open_bench(workspace) as bench:
        action: Action = "clear" if out else "stage"
        slot = "shadow" if shadow else "canary" if canary is not None else _slot_of(bench, model, version)
        if dry_run:
            decision = bench.gate.rehearse(
                model, version, action=action, now=bench.now(), actor=bench.actor, why=why, slot=slot, weight=canary
            )
            tell(decision, f"{model} {version} would {'leave' if out else 'go into'} {slot}", as_json)
            return
        with refusals(model, version, as_json):
            move = bench.clear(model, slot, why) if out else bench.stage(model, version, slot, why, weight=canary)
    if as_json:
        print_json(as_data(move))
    else:
        share = "" if canary is None else f" at {canary:.4g} of the traffic"
        say(
            f"{model} {version} is {'out of' if out else 'in'} {slot}{share} "
            f"(generation {move.generation}, ledger entry {move.entry_seq})"
        )
        warn(move)


@click.command()
@click.argument("model")
@version_argument
@why_option
@dry_run_option
@workspace_option
@json_option
def retire(model: str, version: int, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take VERSION of MODEL out of use for good; it leaves shadow or canary, and never comes back.

    \b
    Examples:
      workbench retire lending 1 --why "trained on data whose time is over"
      workbench retire lending 1 --why "…" --dry-run
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if dry_run:
            decision = bench.gate.rehearse(
                model, version, action="retire", now=bench.now(), actor=bench.actor, why=why, slot=""
            )
            tell(decision, f"{model} {version} would be retired", as_json)
            return
        with refusals(model, version, as_json):
            move = bench.retire(model, version, why)
    if as_json:
        print_json(as_data(move))
    else:
        say(f"{model} {version} is retired (ledger entry {move.entry_seq})")
        warn(move)


@click.command()
@click.argument("model")
@version_argument
@why_option
@rehearsal_option
@workspace_option
@json_option
def reject(model: str, version: int, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Turn a candidate down; only newer evidence brings it back.

    \b
    Example:
      workbench reject lending 2 --why "too far apart by race"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        entry = bench.reject(model, version, why)
    if as_json:
        print_json(entry.as_dict())
    else:
        say(f"{model} {version} was turned down (ledger entry {entry.seq})")


@click.command()
@click.argument("model")
@why_option
@dry_run_option
@workspace_option
@json_option
def rollback(model: str, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Bring back the champion of MODEL before the present one, through the gate.

    \b
    Examples:
      workbench rollback lending --why "approvals fell by a third since noon"
      workbench rollback lending --why "…" --dry-run
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if dry_run:
            version = bench.gate.before(model)
            decision = bench.gate.rehearse(
                model, version, action="rollback", now=bench.now(), actor=bench.actor, why=why
            )
            tell(decision, f"{model} would go back to version {version}", as_json)
            return
        with refusals(model, None, as_json):
            move = bench.rollback(model, why)
    if as_json:
        print_json(as_data(move))
    else:
        say(
            f"{model} is back on version {move.version} "
            f"(generation {move.generation}, ledger entry {move.entry_seq}; version {move.previous} was taken out)"
        )
        warn(move)


@contextmanager
def refusals(model: str, version: int | None, as_json: bool) -> Iterator[None]:
    """Print a refusal as data too, where JSON is wanted.

    Raises:
        Denied: As it came.
        NeedsPeople: As it came.
    """
    try:
        yield
    except (Denied, NeedsPeople) as error:
        if as_json and error.decision is not None:
            more = {"question": error.question, "missing": error.missing} if isinstance(error, NeedsPeople) else {}
            print_json({"model": model, "version": version, **error.decision.as_body(), **more})
        raise


def tell(decision: Decision, granted: str, as_json: bool) -> None:
    """Say what a policy answered to a dry run.

    Raises:
        SystemExit: It did not allow the move; with the exit code that the move itself would end with.
    """
    if as_json:
        print_json(decision.as_body())
    elif decision.allowed:
        say(f"{granted}: policy {decision.policy!r} allows it")
    elif decision.people is not None:
        say(f"policy {decision.policy!r} waits for people: {decision.people.why}")
        say(f"  needed: {decision.people.asked}")
    else:
        say(f"policy {decision.policy!r} denies it:")
        for reason in decision.reasons:
            say(f"  - {reason.message}" + (f"\n    would pass: {reason.flip}" if reason.flip else ""))
    if not decision.allowed:
        raise SystemExit(EXIT_CODES[Denied if decision.people is None else NeedsPeople])


def as_data(move: Move) -> dict[str, Any]:
    """A move as plain JSON."""
    return {
        "model": move.model,
        "version": move.version,
        "slot": move.slot or None,
        "weight": move.weight,
        "previous": move.previous,
        "generation": move.generation,
        "entry": move.entry_seq,
        "pending": list(move.pending),
        **move.decision.as_body(),
    }


def warn(move: Move, echo: Callable[..., None] = click.echo) -> None:
    """Say what MLflow is still owed; the move itself stands."""
    for owed in move.pending:
        echo(f"still owed: {owed} (workbench reconcile)", err=True)


def _slot_of(bench: Any, model: str, version: int) -> str:
    held = {head.version: head.slot for head in bench.ledger.heads() if head.model == model and head.slot != "champion"}
    if version not in held:
        raise Misuse(f"{model} {version} is neither in shadow nor the canary", hint=f"workbench models {model}")
    return str(held[version])
