"""`workbench guard` and `workbench reconcile`: keep MLflow to what the ledger says, and look whether it does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from workbench.cli.moves import why_option
from workbench.cli.options import json_option, print_json, say, workspace_option


@click.group()
def guard() -> None:
    """Triggers in MLflow's own database that refuse, from any client, what the ledger did not grant.

    \b
    Examples:
      workbench guard install --why "notebooks must not move aliases"
      workbench guard status
    """


@guard.command()
@why_option
@click.option("--dry-run", is_flag=True, help="Say what would be made, change nothing.")
@workspace_option
@json_option
def install(why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Install the guard: an alias moves only by decision, and nothing in use is deleted.

    \b
    Examples:
      workbench guard install --why "notebooks must not move aliases"
      workbench guard install --why "…" --dry-run
    """
    from workbench import open_bench
    from workbench.promotion import guarding

    with open_bench(workspace) as bench:
        bench.desk.check(bench.actor, "administer")
        held = bench.gate.reconcile(now=bench.now(), dry_run=dry_run)  # and the store is there
        if dry_run:
            _, missing = bench.guard.status()
            _say({"would_make": missing, "found": held}, f"would make: {', '.join(missing) or 'nothing'}", as_json)
            return
        bench.store.prepare()  # a guard stands in a database that is there
        entry = guarding.install(bench.ledger, bench.guard, actor=bench.actor, why=why, now=bench.now())
    digest = str(entry.body["digest"])
    _say(entry.as_dict(), f"the guard is installed (digest {digest[:12]}, ledger entry {entry.seq})", as_json)


@guard.command()
@workspace_option
@json_option
def status(workspace: Path | None, as_json: bool) -> None:
    """Say whether the guard is to be there, whether it is, and what of it is missing.

    \b
    Example:
      workbench guard status --json
    """
    from workbench import open_bench
    from workbench.promotion import guarding

    with open_bench(workspace) as bench:
        wanted = guarding.wanted(bench.ledger)
        installed, missing = bench.guard.status()
        untrue = guarding.never_given(bench.ledger, bench.guard) if installed else []
        unknown = guarding.not_noted(bench.ledger, bench.guard) if installed else []
        further = guarding.further(bench.ledger, bench.guard) if installed else []
    told = {"wanted": wanted is not None, "installed": installed, "missing": missing if installed else []}
    told["untrue"], told["unknown"] = ([list(grant) for grant in grants] for grants in (untrue, unknown))
    told["further"] = [list(one) for one in further]
    if wanted is None and not installed:
        words = "no guard is installed"
    elif wanted is None:
        words = (
            "a guard stands that this ledger wants no more, or another workspace of this MLflow has put there; "
            "workbench guard remove takes it away"
        )
    elif not installed or missing:
        words = f"the guard lacks {', '.join(missing)}; the next opening of MLflow puts it back"
    elif untrue:
        grants = ", ".join(f"{model} {version} as {slot}" for model, slot, version, _ in untrue)
        words = f"the guard grants what the ledger never did ({grants}); the next opening of MLflow mends it"
    elif unknown and wanted is not None:
        grants = ", ".join(f"{model} {version or 'nobody'} as {slot}" for model, slot, version, _ in unknown)
        words = f"the guard does not know what the ledger granted ({grants}); the next opening of MLflow mends it"
    elif further:
        words = guarding.older(further)
    else:
        words = f"the guard stands whole{f', since ledger entry {wanted.seq}' if wanted else ''}"
    _say(told, words, as_json)


@guard.command()
@why_option
@click.option("--dry-run", is_flag=True, help="Say what would be taken away, change nothing.")
@workspace_option
@json_option
def remove(why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Take the guard away; aliases can be moved behind the ledger's back again, and reconcile finds it.

    \b
    Example:
      workbench guard remove --why "MLflow moves to another server"
    """
    from workbench import open_bench
    from workbench.promotion import guarding

    with open_bench(workspace) as bench:
        bench.desk.check(bench.actor, "administer")
        if dry_run:
            installed, _ = bench.guard.status()
            _say({"would_remove": installed}, f"would remove {'the guard' if installed else 'nothing'}", as_json)
            return
        entry = guarding.remove(bench.ledger, bench.guard, actor=bench.actor, why=why, now=bench.now())
    _say(entry.as_dict(), f"the guard is gone (ledger entry {entry.seq})", as_json)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only look; change nothing, here or in MLflow.")
@workspace_option
@json_option
def reconcile(dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Bring MLflow's aliases in line with the ledger; say what was mended and what only people can mend.

    Found are aliases still owed or moved by hand, versions in use that were deleted, changed model files, a model
    that another workspace moves, and a ledger that MLflow is ahead of: an older copy was put back.

    \b
    Examples:
      workbench reconcile
      workbench reconcile --dry-run --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        found = bench.inspect(dry_run=dry_run)
        notices = list(bench.notices)
    sentences = [*notices, *(one.sentence for one in found)]
    if as_json:
        mended = [one.sentence for one in found if one.mended and not dry_run]
        told = {"sentences": sentences, "mended": mended, "found": [asdict(one) for one in found]}
        print_json({**told, "dry_run": dry_run})
    else:
        for sentence in sentences or ["MLflow agrees with the ledger; nothing to mend"]:
            say(" ".join(sentence.split()))


def _say(data: object, words: str, as_json: bool) -> None:
    if as_json:
        print_json(data)
    else:
        say(words)
