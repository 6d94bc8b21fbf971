"""`workbench policy`: ask the rules, try them on their cases, explain an answer, weigh a change, decide again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option
from workbench.cli.policy_told import plain, tell, tell_rules
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.engines.opa import OpaEngine
    from workbench.engines.rego import RegoEngine
    from workbench.policy.differing import Question

SHOWN = 40  # changes shown in a table; --json has all


@click.group(cls=Commands)
def policy() -> None:
    """Ask the rules that decide which version may go live."""


@policy.command()
@click.argument("policy_file", metavar="POLICY", type=click.Path(path_type=Path))
@click.option("--input", "input_file", required=True, metavar="FILE", help="JSON file with the input; - reads stdin.")
@click.option("--fail", is_flag=True, help="Exit with 3 when the policy does not allow it (for CI).")
@workspace_option
@json_option
def check(policy_file: Path, input_file: str, fail: bool, workspace: Path | None, as_json: bool) -> None:
    """Judge one input by one POLICY (a .rego file, or the name of one in the workspace or shipped).

    \b
    Examples:
      workbench policy check seed --input metrics.json
      echo '{"metrics": {"fairness": 0.9}}' | workbench policy check seed --input - --json
    """
    from workbench.policy import Policy, decide

    with _opened(workspace) as (bench, engine):
        decision = decide(engine, Policy.load(_named(policy_file, bench)), _document(input_file))
    if as_json:
        print_json(plain(decision))
    else:
        tell(decision)
    if fail and not decision.allowed:
        raise SystemExit(3)


@policy.command()
@click.argument("names", metavar="[POLICY]...", nargs=-1, type=click.Path(path_type=Path))
@workspace_option
@json_option
def test(names: tuple[Path, ...], workspace: Path | None, as_json: bool) -> None:
    """Try policies on the cases that stand beside them (NAME_cases.json); all policies when none is named.

    Exit code 1 when a case fails. `opa test FOLDER` runs the same cases by NAME_test.rego.

    \b
    Examples:
      workbench policy test
      workbench policy test promotion --json
      workbench policy test policies/promotion.rego
    """
    from workbench.policy import Policy, lint
    from workbench.policy.cases import cases_of, read_cases, run_cases

    told: list[dict[str, Any]] = []
    with _opened(workspace) as (bench, engine):
        paths = [_named(name, bench) for name in names] or _with_cases(bench)
        for path in paths:
            rules = Policy.load(path)
            ran = list(run_cases(engine, rules, read_cases(cases_of(path))))
            told.append(
                {
                    "policy": rules.name,
                    "path": str(path),
                    "digest": rules.digest,
                    "passed": sum(one.passed for one in ran),
                    "failed": sum(not one.passed for one in ran),
                    "advice": list(lint(rules)),
                    "cases": [
                        {
                            "case": one.name,
                            "passed": one.passed,
                            "expected": one.case.decision,
                            "said": one.said.decision,
                            "expected_codes": one.case.codes,
                            "codes": one.codes,
                        }
                        for one in ran
                    ],
                }
            )
    if as_json:
        print_json({"engine": engine.told, "policies": told})
    else:
        for found in told:
            rows = [
                (
                    "ok" if case["passed"] else "FAIL",
                    case["case"],
                    case["expected"],
                    case["said"],
                    ", ".join(case["codes"]),
                )
                for case in found["cases"]
            ]
            title = f"{found['policy']}: {found['passed']} of {len(rows)} cases passed"
            print_table(["", "case", "expected", "said", "reasons"], rows, title=title)
            for advice in found["advice"]:
                click.echo(f"  advice: {advice}")
    if any(found["failed"] for found in told):
        raise SystemExit(1)


@policy.command()
@click.argument("policy_file", metavar="POLICY", type=click.Path(path_type=Path))
@click.argument("model", required=False)
@click.argument("version", required=False, type=int)
@click.option("--input", "input_file", metavar="FILE", help="JSON file with the input; - reads stdin.")
@workspace_option
@json_option
def explain(
    policy_file: Path,
    model: str | None,
    version: int | None,
    input_file: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Which rules of POLICY held, on what values, and what would turn the answer.

    Asks about an input, or about promoting VERSION of MODEL now.

    \b
    Examples:
      workbench policy explain promotion lending 2
      workbench policy explain seed --input metrics.json --json
    """
    from workbench.policy import Policy
    from workbench.policy.explaining import explain as explained

    if (input_file is None) == (model is None) or (model is not None and version is None):
        raise Misuse("nothing to explain", hint="give --input FILE, or MODEL and VERSION")
    with _opened(workspace) as (bench, engine):
        if input_file is not None:
            document = _document(input_file)
        else:
            document = _asked_about(bench, str(model), int(version or 0))
        found = explained(engine, Policy.load(_named(policy_file, bench)), document)
    if as_json:
        print_json(
            {
                **plain(found.decision),
                "conditions": [asdict(one) for one in found.conditions],
                "rules": [asdict(rule) for rule in found.rules],
                "read": found.read,
                "missing": found.missing,
                "flips": found.flips,
            }
        )
        return
    tell(found.decision)
    tell_rules(found)


@policy.command()
@click.argument("old", metavar="OLD", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW", type=click.Path(path_type=Path))
@click.option("--model", help="Only versions of this model.")
@click.option("--fail", is_flag=True, help="Exit with 3 when the new policy blocks a version that is serving (for CI).")
@workspace_option
@json_option
def diff(old: Path, new: Path, model: str | None, fail: bool, workspace: Path | None, as_json: bool) -> None:
    """What a change of policy, from OLD to NEW, would do to every version in the registry; nothing is changed.

    \b
    Examples:
      workbench policy diff promotion stricter.rego
      workbench policy diff promotion stricter.rego --model lending --json
    """
    from workbench.policy import Policy
    from workbench.policy.differing import differ

    with _opened(workspace) as (bench, engine):
        if bench is None:
            raise Misuse("there is no registry here", hint="--workspace DIR names a workspace")
        before, after = Policy.load(_named(old, bench)), Policy.load(_named(new, bench))
        asked = _questions(bench, model, "a change of policy is weighed")
        if model is not None and not asked:
            raise Misuse(f"there is no version of {model}", hint="workbench models lists them")
        with _progress(len(asked)) as told:
            found = differ(engine, before, after, asked, told)
    if as_json:
        changes = [{**asdict(change), "kind": change.kind} for change in found.changes]
        digests = {"old": before.digest, "new": after.digest}
        print_json(
            {
                **digests,
                "versions": found.versions,
                "counts": found.counts,
                "sentence": found.sentence,
                "changes": changes,
            }
        )
    else:
        click.echo(found.sentence)
        rows = [
            (f"{c.model} {c.version}", "serving" if c.serving else "", f"{c.before} → {c.after}", "; ".join(c.reasons))
            for c in found.changes[:SHOWN]
        ]
        if rows:
            print_table(["version", "", "decision", "why"], rows)
        if len(found.changes) > SHOWN:
            click.echo(f"and {len(found.changes) - SHOWN} more; --json lists all")
    if fail and found.counts.get("blocks serving"):
        raise SystemExit(3)


@policy.command()
@click.argument("which", metavar="SEQ|MODEL[/VERSION]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every decision in the ledger.")
@workspace_option
@json_option
def redecide(which: str | None, everything: bool, workspace: Path | None, as_json: bool) -> None:
    """Make past decisions again; exit code 1 when one, or a grant past the gate, does not reproduce bit for bit.

    \b
    Examples:
      workbench policy redecide 17
      workbench policy redecide lending/2
      workbench policy redecide --all --json
    """
    from workbench.policy import redecide as again
    from workbench.policy.redeciding import to_decide

    if (which is None) == (not everything):
        raise Misuse("nothing to decide again", hint="give the number of an entry, MODEL, MODEL/VERSION, or --all")
    with _opened(workspace) as (bench, engine):
        if bench is None:
            raise Misuse("there is no ledger here", hint="--workspace DIR names a workspace")
        known = to_decide(bench.ledger.entries())
        entries = [entry for entry in known if _chosen(entry.seq, entry.subject, which)]
        if not entries:
            raise Misuse(
                f"no decision of a policy is in the ledger{f' about {which}' if which else ''}", hint="workbench ledger"
            )
        with _progress(len(entries)) as told:
            found = []
            for number, entry in enumerate(entries, 1):
                found.append(again(engine, entry))
                told(number)
    if as_json:
        rows = [
            {
                "seq": one.seq,
                "kind": one.kind,
                "subject": one.subject,
                "same": one.same,
                "decision": one.recorded.decision,
                "policy_digest": one.recorded.policy_digest,
                "input_digest": one.recorded.input_digest,
                "differences": one.differences,
            }
            for one in found
        ]
        print_json({"engine": engine.told, "reproduced": sum(one.same for one in found), "decisions": rows})
    else:
        print_table(
            ["entry", "subject", "decision", "made again", "what differs"],
            [
                (
                    one.seq,
                    one.subject,
                    one.recorded.decision,
                    "the same" if one.same else "DIFFERS",
                    "; ".join(one.differences),
                )
                for one in found
            ],
            title=f"{sum(one.same for one in found)} of {len(found)} decisions reproduce bit for bit",
        )
    if not all(one.same for one in found):
        raise SystemExit(1)


@contextmanager
def _opened(workspace: Path | None) -> Iterator[tuple[Bench | None, RegoEngine | OpaEngine]]:
    """The bench, where there is one, and what evaluates policies there."""
    from workbench.bench import bench_if_any
    from workbench.bench.policies import policy_engine

    bench = bench_if_any(workspace)
    engine = bench.policy_engine if bench else policy_engine()
    try:
        yield bench, engine
    finally:
        engine.close()
        if bench:
            bench.close()


def _folders(bench: Bench | None) -> list[Path]:
    from workbench.bench import shipped

    own = [bench.root / bench.settings.policies] if bench else []
    return [*own, shipped("templates") / "policies"]


def _named(given: Path, bench: Bench | None) -> Path:
    """The policy's file, given by its path or its name."""
    folders = _folders(bench)
    if given.is_file():
        return given
    if given.parent == Path():
        for folder in folders:
            if (folder / f"{given.stem}.rego").is_file():
                return folder / f"{given.stem}.rego"
    known = sorted(
        {path.stem for folder in folders for path in folder.glob("*.rego") if not path.stem.endswith("_test")}
    )
    raise Misuse(f"there is no policy {str(given)!r}", hint=f"give a path, or one of: {', '.join(known)}")


def _with_cases(bench: Bench | None) -> list[Path]:
    """The policies of the first folder that has any, as far as cases stand beside them."""
    from workbench.policy.cases import cases_of

    for folder in _folders(bench):
        found = [path for path in sorted(folder.glob("*.rego")) if cases_of(path).is_file()]
        if found:
            return found
    raise Misuse(
        "no policy has cases beside it", hint="write NAME_cases.json beside NAME.rego; `workbench init` brings some"
    )


def _asked_about(bench: Bench | None, model: str, version: int) -> dict[str, Any]:
    if bench is None:
        raise Misuse("there is no registry here", hint="--workspace DIR names a workspace")
    bench.version(model, version)
    asked = _questions(bench, model, "explained")
    return dict(next(one.document for one in asked if (one.model, one.version) == (model, version)))


def _questions(bench: Bench, model: str | None, why: str) -> list[Question]:
    from workbench.policy.differing import questions
    from workbench.promotion.declarations import declared_stakes

    stakes = declared_stakes(bench.ledger)
    return questions(bench.ledger, now=bench.now(), model=model, actor=bench.actor, why=why, stakes=stakes)


def _chosen(seq: int, subject: str, which: str | None) -> bool:
    if which is None:
        return True
    return seq == int(which) if which.isdecimal() else subject == which or subject.rpartition("/")[0] == which


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """How far it is, on stderr, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging", total=total)
        yield lambda done: bar.update(task, completed=done)


def _document(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"the input {file} cannot be read: {error}", hint="give a JSON file, or - for stdin") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Misuse(
            f"the input {file} is no JSON: {error}", hint='it looks like {"metrics": {"fairness": 0.9}}'
        ) from error
    if not isinstance(document, dict):
        raise Misuse(
            f"the input {file} is a JSON {type(document).__name__}; it must be an object",
            hint='it looks like {"metrics": {"fairness": 0.9}}',
        )
    return document
