"""`models` and `declare`: see the versions with their stages, and say what a model is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import json_option, pairs, print_json, print_table, rehearsal_option, say, workspace_option
from workbench.errors import Misuse
from workbench.policy import Decision
from workbench.promotion import Candidate


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
    from workbench.promotion import judged

    with open_bench(workspace) as bench:
        found = [c for c in bench.board() if model is None or c.version.model == model]
        candidates = judged(found, bench.verdicts)
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
                    "weight": c.weight,
                    "doubt": c.doubt or None,
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
                _stage(c),
                ", ".join(f"{kind}: {finding.verdict}" for kind, finding in c.findings.items()) or "none",
                _in_words(c.decision),
            )
            for c in candidates
        ],
    )
    for one in (c for c in candidates if c.doubt):
        told = f"{one.version.model} {one.version.version} as {one.stage} is doubted: {one.doubt}"
        say(f"{told}\nhint: workbench ledger verify", err=True)


@click.command()
@click.argument("model")
@click.option("--stakes", type=click.Choice(["high", "normal"]), help="What is at stake; policies read it.")
@click.option("--owner", help="Who answers for the model.")
@click.option("--kpi", "kpis", multiple=True, metavar="NAME=MEANING", help="A key figure; repeatable; NAME= ends it.")
@click.option(
    "--objective", "objectives", multiple=True, metavar="NAME=NUMBER", help="What serving must keep to; repeatable."
)
@click.option(
    "--rollback",
    "rollbacks",
    multiple=True,
    metavar="KIND",
    help="Kind of trouble for which it is rolled back without a person; repeatable; none: for nothing.",
)
@click.option(
    "--canary", "canaries", multiple=True, metavar="NAME=VALUE", help="A part of the plan of its canaries; repeatable."
)
@click.option("--why", help="The reason, in a sentence; needed where anything is declared.")
@rehearsal_option
@workspace_option
@json_option
def declare(
    model: str,
    stakes: str | None,
    owner: str | None,
    kpis: tuple[str, ...],
    objectives: tuple[str, ...],
    rollbacks: tuple[str, ...],
    canaries: tuple[str, ...],
    why: str | None,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Say what MODEL is: its stakes, owner, key figures and objectives; without options, show it.

    What is not given stays as it was declared before. Where people were named, two approvers besides you have to
    approve that high stakes become normal; declare it again once they have.

    \b
    Examples:
      workbench declare lending --stakes high --owner risk-officer --why "it decides on credit"
      workbench declare lending --objective p99_ms=50 --kpi approvals="share approved" --why "agreed"
      workbench declare lending --rollback errors --rollback fairness --why "no one looks at night"
      workbench declare lending --canary minutes=30 --canary steps=5,10,20 --why "agreed"
      workbench declare lending --json
    """
    from workbench import open_bench
    from workbench.promotion import Declaration, declaration
    from workbench.promotion.declarations import told_by

    with open_bench(workspace, rehearsal=dry_run) as bench:
        known = declaration(bench.ledger, model)
        if stakes or owner or kpis or objectives or rollbacks or canaries:
            if not why:
                raise Misuse("the reason is missing; every declaration needs one", hint='--why "…", in a sentence')
            figures = pairs(kpis, "--kpi")
            made = Declaration(
                model,
                "high" if (stakes or known.stakes) == "high" else "normal",
                owner or known.owner,
                {name: told for name, told in {**known.kpis, **figures}.items() if figures.get(name) != ""},
                {
                    **known.objectives,
                    **_numbers(pairs(objectives, "--objective")),
                    **_acting(rollbacks, pairs(canaries, "--canary"), known.objectives),
                },
            )
            known = told_by(bench.gate.declare(made, actor=bench.actor, why=why, now=bench.now()))
    told = {"model": known.model, **known.as_body()}
    if as_json:
        print_json(told)
    else:
        print_table(["of", "is"], [(name, _shown(value)) for name, value in told.items()])


def _numbers(given: Mapping[str, str]) -> dict[str, float]:
    try:
        return {name: float(text) for name, text in given.items()}
    except ValueError as error:
        raise Misuse(f"an objective is no number: {error}", hint="--objective p99_ms=50") from error


def _acting(rollbacks: tuple[str, ...], canaries: Mapping[str, str], known: Mapping[str, object]) -> dict[str, Any]:
    """What is declared of rollbacks without a person, and of canaries."""
    from workbench.monitoring.automatic import KINDS
    from workbench.monitoring.canaries import Plan

    wrong = [kind for kind in rollbacks if kind not in (*KINDS, "none")]
    if wrong:
        raise Misuse(f"{wrong[0]!r} is no kind of trouble", hint=f"one of: {', '.join(KINDS)}; or none")
    told: dict[str, Any] = {"rollback": [kind for kind in rollbacks if kind != "none"]} if rollbacks else {}
    if canaries:
        before = known.get("canary")
        given = {name: _plain(name, text) for name, text in canaries.items()}
        told["canary"] = {**(before if isinstance(before, dict) else {}), **given}
        Plan.of(told["canary"])
    return told


def _plain(name: str, text: str) -> object:
    try:
        if name == "steps":
            return [float(part) / 100 for part in text.split(",")]
        if name in {"promote", "kpis"}:
            return {"yes": True, "no": False}.get(text, text)
        return int(text) if name in {"requests", "looks", "exposure"} else float(text)
    except ValueError as error:
        raise Misuse(f"--canary {name}={text} is no number", hint="--canary minutes=30") from error


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {told}" for name, told in value.items()) or "none"
    return str(value) or "nobody"


def _stage(candidate: Candidate) -> str:
    share = "" if candidate.weight is None else f" at {candidate.weight:.4g}"
    return f"{candidate.stage}{share}{', doubted' if candidate.doubt else ''}"


def _in_words(decision: Decision | None) -> str:
    if decision is None:
        return ""
    if decision.people is not None:
        return f"waits for people: {decision.people.asked}"
    return "allows" if decision.allowed else "denies: " + "; ".join(r.message for r in decision.reasons)
