"""`workbench policy diff` and `redecide`: weigh a change of the rules, and make past decisions again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import json_option, print_json, print_table, say, workspace_option
from workbench.cli.policy_found import at_hand, named, opened, questions
from workbench.errors import Misuse

SHOWN = 40  # changes shown in a table; --json has all


@click.command()
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

    with opened(workspace) as (bench, engine):
        if bench is None:
            raise Misuse("there is no registry here", hint="--workspace DIR names a workspace")
        before, after = Policy.load(named(old, bench)), Policy.load(named(new, bench))
        asked = questions(bench, model, "a change of policy is weighed")
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
        say(found.sentence)
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


@click.command()
@click.argument("which", metavar="SEQ|MODEL[/VERSION]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every decision in the ledger.")
@workspace_option
@json_option
def redecide(which: str | None, everything: bool, workspace: Path | None, as_json: bool) -> None:
    """Make past decisions again; exit code 1 when one, or a grant past the gate, does not reproduce bit for bit.

    So it is where a grant weighed evidence that the ledger did not hold, or lacks the seal of the ledger's key. Told
    of, too, are a policy of one grant alone, and evidence that no recorded run found.

    \b
    Examples:
      workbench policy redecide 17
      workbench policy redecide lending/2
      workbench policy redecide --all --json
    """
    from workbench.policy import redecide as again
    from workbench.policy.redeciding import doubts, forged, to_decide, unrun

    if (which is None) == (not everything):
        raise Misuse("nothing to decide again", hint="give the number of an entry, MODEL, MODEL/VERSION, or --all")
    with opened(workspace) as (bench, engine):
        if bench is None:
            raise Misuse("there is no ledger here", hint="--workspace DIR names a workspace")
        told_of = bench.ledger.entries()
        invented = forged(told_of)
        known = to_decide(told_of, invented)
        doubted = doubts(told_of, at_hand(bench))
        for seq, words in unrun(told_of).items():
            doubted[seq] = "; ".join([*([doubted[seq]] if seq in doubted else []), words])
        entries = [entry for entry in known if _chosen(entry.seq, entry.subject, which)]
        if not entries:
            raise Misuse(
                f"no decision of a policy is in the ledger{f' about {which}' if which else ''}", hint="workbench ledger"
            )
        with _progress(len(entries)) as told:
            found = []
            for number, entry in enumerate(entries, 1):
                one = again(engine, entry)
                found.append(replace(one, differences=(*one.differences, *invented.get(entry.seq, ()))))
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
                "doubt": doubted.get(one.seq),
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
        for one in found:
            if one.seq in doubted:
                say(f"entry {one.seq} grants {one.subject}, but {doubted[one.seq]}", err=True)
    if not all(one.same for one in found):
        raise SystemExit(1)


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
