"""`workbench policy`: ask the rules, try them on their cases, explain an answer, weigh a change, decide again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import Commands, json_option, print_json, workspace_option
from workbench.cli.policy_changes import diff, redecide
from workbench.cli.policy_found import named, opened, questions, with_cases
from workbench.cli.policy_told import plain, tell, tell_cases, tell_rules
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.bench import Bench


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

    with opened(workspace) as (bench, engine):
        decision = decide(engine, Policy.load(named(policy_file, bench)), _document(input_file))
    if as_json:
        print_json(plain(decision))
    else:
        tell(decision)
    if fail and not decision.allowed:
        raise SystemExit(3)


@policy.command()
@click.argument("names", metavar="[POLICY]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--coverage", is_flag=True, help="Tell which rules no case exercises; exit code 1 where there are any.")
@workspace_option
@json_option
def test(names: tuple[Path, ...], coverage: bool, workspace: Path | None, as_json: bool) -> None:
    """Try policies on the cases that stand beside them (NAME_cases.json); all policies when none is named.

    Exit code 1 when a case fails. `opa test FOLDER` runs the same cases by NAME_test.rego.

    \b
    Examples:
      workbench policy test
      workbench policy test promotion --json
      workbench policy test policies/promotion.rego --coverage
    """
    from workbench.policy import Policy, lint
    from workbench.policy.cases import cases_of, read_cases, run_cases
    from workbench.policy.coverage import exercised

    told: list[dict[str, Any]] = []
    with opened(workspace) as (bench, engine):
        paths = [named(name, bench) for name in names] or with_cases(bench)
        for path in paths:
            rules, cases = Policy.load(path), read_cases(cases_of(path))
            ran = list(run_cases(engine, rules, cases))
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
            if coverage:
                found = exercised(engine, rules, cases)
                told[-1]["exercised"] = sum(one.cases > 0 for one in found)
                told[-1]["rules"] = [asdict(one) for one in found]
    if as_json:
        print_json({"engine": engine.told, "policies": told})
    else:
        for one in told:
            tell_cases(one)
    if any(one["failed"] or one.get("exercised") != (len(one["rules"]) if coverage else None) for one in told):
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
    with opened(workspace) as (bench, engine):
        if input_file is not None:
            document = _document(input_file)
        else:
            document = _asked_about(bench, str(model), int(version or 0))
        found = explained(engine, Policy.load(named(policy_file, bench)), document)
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


policy.add_command(diff)
policy.add_command(redecide)


def _asked_about(bench: Bench | None, model: str, version: int) -> dict[str, Any]:
    if bench is None:
        raise Misuse("there is no registry here", hint="--workspace DIR names a workspace")
    bench.version(model, version)
    asked = questions(bench, model, "explained")
    return dict(next(one.document for one in asked if (one.model, one.version) == (model, version)))


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
