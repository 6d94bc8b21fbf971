"""`workbench policy check`: ask a policy what it says to an input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import Commands, json_option, print_json, workspace_option
from workbench.errors import Misuse


@click.group(cls=Commands)
def policy() -> None:
    """Ask the rules that decide which version may go live."""


@policy.command()
@click.argument("policy_file", metavar="POLICY", type=click.Path(path_type=Path))
@click.option("--input", "input_file", required=True, metavar="FILE", help="JSON file with the input; - reads stdin.")
@click.option("--fail", is_flag=True, help="Exit with 3 when the policy denies (for CI).")
@workspace_option
@json_option
def check(policy_file: Path, input_file: str, fail: bool, workspace: Path | None, as_json: bool) -> None:
    """Judge one input by one POLICY (a .rego file, or the name of one in the workspace or shipped).

    \b
    Examples:
      workbench policy check seed --input metrics.json
      echo '{"metrics": {"fairness": 0.9}}' | workbench policy check seed --input - --json
    """
    from workbench.bench import bench_if_any, shipped
    from workbench.engines.rego import RegoEngine
    from workbench.policy import Policy, decide

    path, bench = policy_file, bench_if_any(workspace)
    folders = [bench.root / bench.settings.policies] if bench else []
    folders.append(shipped("templates") / "policies")
    if not path.is_file() and path.parent == Path():
        path = next((p for p in (folder / f"{path.stem}.rego" for folder in folders) if p.is_file()), path)
    if not path.is_file():
        known = ", ".join(sorted({p.stem for folder in folders for p in folder.glob("*.rego")}))
        raise Misuse(f"there is no policy {str(policy_file)!r}", hint=f"give a path, or one of: {known}")
    decision = decide(RegoEngine(), Policy.load(path), _document(input_file))
    if as_json:
        print_json(
            {
                "decision": decision.decision,
                "reasons": decision.as_body()["reasons"],
                "policy_digest": decision.policy_digest,
                "input_digest": decision.input_digest,
            }
        )
    else:
        click.echo(f"{decision.decision} (policy {decision.policy}, digest {decision.policy_digest[:12]})")
        for reason in decision.reasons:
            click.echo(f"  - {reason.message}" + (f"\n    would pass: {reason.flip}" if reason.flip else ""))
    if fail and not decision.allowed:
        raise SystemExit(3)


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
