"""`workbench demo`: one honest story on real data, from a randomized experiment to the way back.

Each step is a plain call on the bench under a key of its own. The ledger remembers keys, so a demo
that was killed goes on where it stopped, and one that is run again repeats nothing.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import json_option, print_json, print_table
from workbench.errors import Denied, EngineError, Misuse, NeedsPeople

if TYPE_CHECKING:
    from workbench.bench import Bench

MODEL = "lending"
OFFICERS = {  # the roles whose part the demo plays, and what they say
    "risk-officer": "the audit shows it to be fair, and the threshold is the old one",
    "compliance-officer": "data, policy and evidence are those that were reviewed",
}
FAIRER = "as good as the champion, and fairer than the challenger"
AT_STAKE = "it decides about people's credit: two of them say yes before it moves"
REHEARSED = "the demo's rehearsal with two people is over"


@dataclass(frozen=True)
class Step:
    """What one step of the story came to."""

    name: str
    outcome: str  # "finished", "promoted", "denied", "waits", "served", "rolled back", "valid"
    figures: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    report: str | None = None
    sentence: str = ""
    reused: bool = False  # True: an earlier demo in this workspace did it


@click.command()
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Workspace folder, made if it is not there; default: the one the current folder lies in, "
    "else ./workbench-demo.",
)
@json_option
def demo(workspace: Path | None, as_json: bool) -> None:
    """Run the whole story on real data: experiment, audit, gate, people, serving, drift, rollback.

    Two to four minutes. Run again in the same workspace, it goes on where it stopped.

    \b
    Example:
      workbench demo --workspace workbench-demo
    """
    from workbench import open_bench
    from workbench.bench import create, find

    started = time.monotonic()
    try:
        root = (workspace or find(Path.cwd())).resolve()
    except Misuse:
        root = Path("workbench-demo").resolve()
    create(root)
    with open_bench(root) as bench:
        click.echo(f"workspace {root}", err=True)
        for mended in bench.reconcile():
            click.echo(f"mended: {mended}", err=True)
        steps = list(_told(_story(bench)))
        checked = bench.ledger.verify()
        head = bench.ledger.head(MODEL)
    if as_json:
        print_json(
            {
                "steps": [
                    {
                        "name": step.name,
                        "outcome": step.outcome,
                        "figures": dict(step.figures),
                        "run_id": step.run_id,
                        "report": step.report,
                    }
                    for step in steps
                ],
                "ledger": {"entries": checked.entries, "valid": checked.valid},
                "champion": {"model": MODEL, "version": head.version if head else None},
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        return
    _summary(root, steps, time.monotonic() - started)


def _story(bench: Bench) -> Iterator[tuple[str, Callable[[], Step]]]:
    """The steps in order: a name, and what to call."""
    yield "experiment", lambda: _notebook(bench, "experiment", "ab_test", {})
    yield "train incumbent", lambda: _train(bench, "incumbent", {"algorithm": "logistic", "threshold": 0.5})
    yield "audit incumbent", lambda: _audit(bench, "incumbent")
    yield "promote incumbent", lambda: _promote(bench, "incumbent", "the first champion, by the same gate as everyone")
    yield "train challenger", lambda: _train(bench, "challenger", {"algorithm": "boosting", "threshold": 0.8})
    yield "audit challenger", lambda: _audit(bench, "challenger")
    yield "promote challenger", lambda: _promote(bench, "challenger", "a stricter risk appetite")
    yield (
        "train fairer",
        lambda: _train(bench, "fairer", {"algorithm": "boosting", "threshold": 0.5, "mitigation": "reweighing"}),
    )
    yield "audit fairer", lambda: _audit(bench, "fairer")
    yield "ask two people", lambda: _ask(bench, "fairer", FAIRER)
    yield "promote fairer", lambda: _approved(bench, "fairer", FAIRER)
    yield "serve", lambda: _serve(bench)
    yield "drift check", lambda: _notebook(bench, "drift check", "drift_check", {"model": MODEL})
    yield "roll back", lambda: _roll_back(bench)
    yield "verify ledger", lambda: _verify(bench)


def _told(story: Iterator[tuple[str, Callable[[], Step]]]) -> Iterator[Step]:
    """Run each step with a progress line on stderr."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    for name, call in story:
        began = time.monotonic()
        with _waiting(console, name):
            step = call()
        seconds = "already done" if step.reused else f"{time.monotonic() - began:.1f} s"
        console.print(f"  {name:<20} {step.outcome:<12} {seconds:>12}  {step.sentence}", markup=False, soft_wrap=True)
        yield step


@contextmanager
def _waiting(console: Any, name: str) -> Iterator[None]:
    if not console.is_terminal:
        yield
        return
    with console.status(f"{name} …"):
        yield


def _notebook(bench: Bench, name: str, notebook: str, parameters: Mapping[str, Any]) -> Step:
    from workbench.bench import shipped

    outcome = bench.run(shipped("notebooks") / f"{notebook}.ipynb", parameters, key=_key(name), fresh=True)
    if outcome.status != "finished":
        raise EngineError(
            f"the step {name!r} failed: {outcome.sentence}", hint=f"look at {outcome.notebook}, then run the demo again"
        )
    return Step(
        name=name,
        outcome="finished",
        figures=dict(outcome.metrics),
        run_id=outcome.run_id,
        report=str(outcome.report),
        sentence=outcome.sentence,
        reused=outcome.reused,
    )


def _train(bench: Bench, role: str, parameters: Mapping[str, Any]) -> Step:
    return _notebook(bench, f"train {role}", "train", {"model": MODEL, **parameters})


def _audit(bench: Bench, role: str) -> Step:
    version = _version(bench, role)
    return _notebook(bench, f"audit {role}", "fairness_audit", {"model": MODEL, "version": version})


def _promote(bench: Bench, role: str, why: str) -> Step:
    name, key, version = f"promote {role}", _key(f"promote {role}"), _version(bench, role)
    reused = bench.ledger.find(key) is not None
    try:
        move = bench.promote(MODEL, version, why, key=key)
    except Denied as denied:
        if denied.decision is None:
            raise
        reasons = [reason.message for reason in denied.decision.reasons]
        figures = {"version": version, "reasons": reasons}
        return Step(name, "denied", figures, sentence="; ".join(reasons), reused=reused)
    figures = {"version": version, "generation": move.generation}
    return Step(name, "promoted", figures, sentence=f"{MODEL} {version} is champion", reused=reused)


def _ask(bench: Bench, role: str, why: str) -> Step:
    """Declare that much is at stake, and ask for a move, which then waits for two people."""
    from workbench.promotion import declaration

    name, key, version = "ask two people", _key(f"promote {role}"), _version(bench, role)
    asked = bench.ledger.entries(subject=f"{MODEL}/{version}", kind="approval.requested", limit=1)
    figures = {"version": version, "approvals": len(OFFICERS)}
    sentence = f"{MODEL} {version} waits for two people, neither its author nor whoever asks"
    if bench.ledger.find(key) is not None or asked:
        return Step(name, "waits", figures, sentence=sentence, reused=True)
    known = declaration(bench.ledger, MODEL)
    if known.stakes != "high":
        bench.gate.declare(replace(known, stakes="high"), actor=bench.actor, why=AT_STAKE, now=bench.now())
    try:
        bench.promote(MODEL, version, why, key=key)
    except NeedsPeople:
        return Step(name, "waits", figures, sentence=sentence)
    raise EngineError(f"{MODEL} {version} moved though nobody approved it", hint="look at policies/promotion.rego")


def _approved(bench: Bench, role: str, why: str) -> Step:
    """Let each role approve in its own name, ask again, and let the rest of the story go without people."""
    from workbench.promotion import Identity, declaration
    from workbench.promotion.declarations import DECLARED

    subject, promoted = f"{MODEL}/{_version(bench, role)}", bench.ledger.find(_key(f"promote {role}"))
    for waiting in bench.gate.waiting(now=bench.now(), subject=subject) if promoted is None else ():
        said = {approval.by for approval in waiting.answers.approvals}
        for officer in sorted(OFFICERS.keys() - said):
            bench.gate.approve(waiting.digest, by=Identity(officer, "os"), why=OFFICERS[officer], now=bench.now())
    step = _promote(bench, role, why)
    (newest,) = bench.ledger.entries(subject=MODEL, kind=DECLARED, newest_first=True, limit=1)
    if newest.why == AT_STAKE:
        made = replace(declaration(bench.ledger, MODEL), stakes="normal")
        bench.gate.declare(made, actor=bench.actor, why=REHEARSED, now=bench.now())
    sentence = f"{step.sentence}, approved by {' and '.join(OFFICERS)}"
    return replace(step, figures={**step.figures, "approved_by": list(OFFICERS)}, sentence=sentence)


def _serve(bench: Bench) -> Step:
    """Send the held-out applications to the gateway, as a client would; those answered before are left out."""
    from workbench.data import loan_applications
    from workbench.serving import Request, ask_in_process, create_app

    rows = loan_applications().held_out().X.to_dict("records")
    names = [f"demo-application-{number:04d}" for number in range(len(rows))]
    answered = {kept.request for kept in bench.log.rows(model=MODEL) if kept.status == 200}
    asked = [
        Request(f"/v1/models/{MODEL}/predict", {"rows": [row]}, headers={"x-request-id": name})
        for name, row in zip(names, rows, strict=True)
        if name not in answered
    ]
    if asked:
        app = create_app(bench.ledger, bench.store, bench.log, now=bench.now)
        refused = [answer for answer in ask_in_process(app, asked) if answer.status != 200]
        if refused:
            told = refused[0].body.decode()
            raise EngineError(f"the gateway refused an application: {told}", hint="workbench doctor")
    kept = [row for row in bench.log.rows(model=MODEL) if row.request in set(names) and row.status == 200]
    approved = sum(bool(row.answer) for row in kept) / len(kept)
    figures = {"applications": len(kept), "approved": approved, "version": kept[-1].version}
    by = f"{len(kept)} held-out applications answered by version {kept[-1].version}"
    sentence = f"{by}, {100 * approved:.0f}\u00a0% approved"
    return Step("serve", "served", figures, sentence=sentence, reused=not asked)


def _roll_back(bench: Bench) -> Step:
    key = _key("roll back")
    reused = bench.ledger.find(key) is not None
    move = bench.rollback(MODEL, "the way back is rehearsed while nothing burns", key=key)
    figures = {"version": move.version, "previous": move.previous, "generation": move.generation}
    sentence = f"{MODEL} is back on version {move.version}"
    return Step("roll back", "rolled back", figures, sentence=sentence, reused=reused)


def _verify(bench: Bench) -> Step:
    result = bench.ledger.verify()
    if not result.valid:
        raise EngineError("the ledger does not hold: " + "; ".join(result.problems), hint="workbench ledger verify")
    return Step(
        "verify ledger", "valid", {"entries": result.entries}, sentence=f"{result.entries} entries, the chain holds"
    )


def _version(bench: Bench, role: str) -> int:
    """The version that a role's training registered."""
    entry = bench.ledger.find(f"{_key(f'train {role}')}/version/{MODEL}")
    if entry is None:
        raise EngineError(f"the training of the {role} registered no version", hint="run the demo again")
    return int(entry.body["version"])


def _key(name: str) -> str:
    return f"demo/{name.replace(' ', '-')}"


def _summary(root: Path, steps: list[Step], seconds: float) -> None:
    print_table(
        ["step", "outcome", "what came of it"],
        [(step.name, step.outcome, step.sentence) for step in steps],
        title=f"The story took {seconds:.0f} seconds.",
    )
    click.echo("Look at the reports:")
    for step in steps:
        if step.report:
            click.echo(f"  {step.name:<18} {step.report}")
    click.echo(f"\nSee the pages, MLflow and the gateway:\n  workbench up --workspace {shlex.quote(str(root))}")
