"""`models`, `promote`, `reject`, `rollback`, `reconcile`: see versions, and move them through the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.errors import Denied, Misuse
from workbench.policy import Decision
from workbench.promotion import Move

why_option = click.option("--why", required=True, help="The reason, in a sentence; it is kept in the ledger.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Ask the policy, change nothing.")


@click.command()
@click.argument("model", required=False)
@workspace_option
@json_option
def models(model: str | None, workspace: Path | None, as_json: bool) -> None:
    """List the registered versions, their stage, evidence and the policy's verdict.

    \b
    Examples:
      workbench models
      workbench models lending --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        candidates = [c for c in bench.board()[0] if model is None or c.version.model == model]
        if model is not None and not candidates:
            known = ", ".join(sorted({v.model for v in bench.ledger.versions()})) or "none yet"
            raise Misuse(f"there is no model {model!r}", hint=f"registered models: {known}")
    if as_json:
        print_json(
            [
                {
                    "model": c.version.model,
                    "version": c.version.version,
                    "stage": c.stage,
                    "threshold": c.version.threshold,
                    "metrics": dict(c.version.metrics),
                    "evidence": {kind: finding.verdict for kind, finding in c.findings.items()},
                    "decision": c.decision.as_body() if c.decision else None,
                }
                for c in candidates
            ]
        )
        return
    if not candidates:
        click.echo("no version is registered yet; train one: workbench run train", err=True)
        return
    print_table(
        ["model", "version", "stage", "evidence", "policy"],
        [
            (
                c.version.model,
                c.version.version,
                c.stage,
                ", ".join(f"{kind}: {finding.verdict}" for kind, finding in c.findings.items()) or "none",
                _in_words(c.decision),
            )
            for c in candidates
        ],
    )


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@why_option
@dry_run_option
@workspace_option
@json_option
def promote(model: str, version: int, why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Make VERSION the champion of MODEL, if the policy allows it on the evidence there is.

    \b
    Examples:
      workbench promote lending 3 --why "fairer, and hardly less accurate"
      workbench promote lending 3 --why "…" --dry-run
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if dry_run:
            head = bench.ledger.head(model)
            if head is not None and head.version == version:
                raise Misuse(f"{model} {version} is champion already", hint=f"workbench models {model}")
            decision = bench.gate.judge(model, version, now=bench.now(), actor=bench.actor, why=why)
            _tell(decision, f"{model} {version} would be promoted", as_json)
            return
        try:
            move = bench.promote(model, version, why)
        except Denied as denied:
            if as_json and denied.decision is not None:
                print_json({"model": model, "version": version, **denied.decision.as_body()})
            raise
    if as_json:
        print_json(_as_json(move))
    else:
        before = f"; before it was version {move.previous}" if move.previous else ""
        click.echo(
            f"{model} {version} is champion (generation {move.generation}, ledger entry {move.entry_seq}{before})"
        )


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@why_option
@workspace_option
@json_option
def reject(model: str, version: int, why: str, workspace: Path | None, as_json: bool) -> None:
    """Turn a candidate down; only newer evidence brings it back.

    \b
    Example:
      workbench reject lending 2 --why "too far apart by race"
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        entry = bench.reject(model, version, why)
    if as_json:
        print_json(entry.as_dict())
    else:
        click.echo(f"{model} {version} was turned down (ledger entry {entry.seq})")


@click.command()
@click.argument("model")
@why_option
@workspace_option
@json_option
def rollback(model: str, why: str, workspace: Path | None, as_json: bool) -> None:
    """Bring back the champion of MODEL before the present one, through the gate.

    \b
    Example:
      workbench rollback lending --why "approvals fell by a third since noon"
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        move = bench.rollback(model, why)
    if as_json:
        print_json(_as_json(move))
    else:
        click.echo(
            f"{model} is back on version {move.version} "
            f"(generation {move.generation}, ledger entry {move.entry_seq}; version {move.previous} was taken out)"
        )
        _warn(move)


@click.command()
@workspace_option
@json_option
def reconcile(workspace: Path | None, as_json: bool) -> None:
    """Bring MLflow's aliases in line with the ledger, and say what was mended.

    \b
    Example:
      workbench reconcile
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        mended = bench.reconcile()
    if as_json:
        print_json({"mended": mended})
    else:
        click.echo("\n".join(mended) or "MLflow agrees with the ledger; nothing to mend")


def _tell(decision: Decision, granted: str, as_json: bool) -> None:
    if as_json:
        print_json(decision.as_body())
    elif decision.allowed:
        click.echo(f"{granted}: policy {decision.policy!r} allows it")
    else:
        click.echo(f"policy {decision.policy!r} denies it:")
        for reason in decision.reasons:
            click.echo(f"  - {reason.message}" + (f"\n    would pass: {reason.flip}" if reason.flip else ""))


def _as_json(move: Move) -> dict[str, Any]:
    return {
        "model": move.model,
        "version": move.version,
        "previous": move.previous,
        "generation": move.generation,
        "entry": move.entry_seq,
        "pending": list(move.pending),
        **move.decision.as_body(),
    }


def _warn(move: Move) -> None:
    """Say what MLflow is still owed; the move itself stands."""
    for owed in move.pending:
        click.echo(f"still owed: {owed} (workbench reconcile)", err=True)


def _in_words(decision: Decision | None) -> str:
    if decision is None:
        return ""
    return "allows" if decision.allowed else "denies: " + "; ".join(r.message for r in decision.reasons)
