"""The commands by which a ledger is proved: verify, checkpoint, witness, prove, export, key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, rehearsal_option, workspace_option
from workbench.errors import EngineError

if TYPE_CHECKING:
    from workbench.ledger import Verification

file_path = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=file_path, required=False)
@click.option("--witness", type=file_path, help="File of checkpoints kept elsewhere, e.g. in git.")
@workspace_option
@json_option
def verify(file: Path | None, witness: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Prove that nothing in the ledger was changed, removed, forked or put in another order.

    FILE is a copy of a ledger's database or an export; default: the workspace's own ledger. A file is
    only read.

    \b
    Examples:
      workbench ledger verify
      workbench ledger verify --witness governance/witness.txt
      workbench ledger verify backup/ledger.db
      workbench ledger verify ledger.jsonl --json
    """
    from workbench import open_bench
    from workbench.ledger.copies import verify_file
    from workbench.ledger.witness import read_witness

    seen = read_witness(witness) if witness is not None else None
    if file is not None:
        result = verify_file(file, witness=seen)
    else:
        with open_bench(workspace) as bench:
            result = bench.ledger.verify(witness=seen)
    if as_json:
        print_json(result.as_dict())
    elif result.valid:
        click.echo(_told(result))
    if not result.valid:
        raise EngineError(
            "the ledger does not hold:\n" + "\n".join(f"  - {problem}" for problem in result.problems),
            hint="compare with an earlier export or a backup; do not promote until it is explained",
        )


def _told(result: Verification) -> str:
    lines = [f"the chain holds: {_entries(result.entries)}, tip {result.tip[:16]}"]
    if result.signed:
        lines.append(f"signed: {_entries(result.signed)}, now by the key {result.keys[-1].key_id}")
    else:
        lines.append("signed: nothing yet; workbench ledger checkpoint signs it")
    if result.sealed_from is not None:
        lines.append(f"sealed: every move of a model from entry {result.sealed_from} on")
    elif result.keys:
        lines.append("sealed: no move of a model; workbench ledger key rotate begins it")
    if result.witnessed is not None:
        lines.append(f"witnessed: {_entries(result.witnessed)}")
    return "\n".join(lines)


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


@click.command()
@click.argument("file", type=file_path, required=False)
@workspace_option
@json_option
def checkpoint(file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Sign the ledger as it is now, and print the checkpoint or write it to FILE.

    \b
    Examples:
      workbench ledger checkpoint
      workbench ledger checkpoint checkpoint.txt
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        made = bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
    if file is not None:
        _write(file, made.note)
        click.echo(f"{_entries(made.size)} signed in {file}", err=True)
    if as_json:
        print_json(made.as_dict())
    elif file is None:
        click.echo(made.note, nl=False)


@click.command()
@click.argument("file", type=file_path)
@workspace_option
@json_option
def witness(file: Path, workspace: Path | None, as_json: bool) -> None:
    """Add a checkpoint of the ledger to FILE, which you commit to git.

    Whoever can rewrite the ledger cannot rewrite what others have pulled: verify --witness FILE then finds a
    ledger that was cut, forked, or made anew.

    \b
    Examples:
      workbench ledger witness governance/witness.txt
      git commit -m "witness" governance/witness.txt
    """
    from workbench import open_bench
    from workbench.ledger.witness import attest, read_witness

    with open_bench(workspace) as bench:
        if file.exists():
            seen = bench.ledger.verify(witness=read_witness(file))
            if not seen.valid:
                raise EngineError(
                    "the ledger does not hold, so nothing was added:\n"
                    + "\n".join(f"  - {problem}" for problem in seen.problems),
                    hint="workbench ledger verify --witness FILE; do not promote until it is explained",
                )
        made = bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
    added = attest(file, made)
    if as_json:
        print_json({**made.as_dict(), "file": str(file), "added": added})
    else:
        click.echo(f"{file} {'now ends' if added else 'ends already'} with the checkpoint of {_entries(made.size)}")


@click.command()
@click.argument("seq", type=click.IntRange(min=1))
@click.option("--size", type=click.IntRange(min=1), help="Prove it among so many entries; default: all signed ones.")
@workspace_option
@json_option
def prove(seq: int, size: int | None, workspace: Path | None, as_json: bool) -> None:
    """Prove that the ledger holds entry number SEQ, by a few hashes and a signature.

    \b
    Examples:
      workbench ledger prove 7
      workbench ledger prove 7 --json > proof.json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if size is None:
            bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
        proof = bench.ledger.prove(seq, size)
    if as_json:
        print_json(proof.as_dict())
        return
    click.echo(f"entry {proof.seq} is among the first {_entries(proof.size)}")
    print_table(["step", "hash"], [("leaf", proof.leaf), *enumerate(proof.path, start=1), ("root", proof.root)])
    if proof.checkpoint is not None:
        click.echo(f"\n{proof.checkpoint}", nl=False)


@click.command()
@click.argument("file", type=file_path, required=False)
@click.option("--verifier", type=file_path, help="Write the auditor's verify_ledger.py to this file, too.")
@workspace_option
@json_option
def export(file: Path | None, verifier: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Write entries, keys and signed checkpoints as JSON lines to FILE (default: stdout), for an auditor.

    The export is checked by `workbench ledger verify FILE`, and without the workbench by verify_ledger.py,
    which needs only Python and the package cryptography.

    \b
    Examples:
      workbench ledger export ledger.jsonl --verifier verify_ledger.py
      workbench ledger export | gzip > ledger.jsonl.gz
    """
    from workbench import open_bench
    from workbench.bench import shipped

    if verifier is not None:
        _write(verifier, (shipped("templates") / "verify_ledger.py").read_text("utf-8"))
    with open_bench(workspace) as bench:
        if bench.ledger.keys():
            bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
        if file is None:
            for line in bench.ledger.export():
                click.echo(line)
            return
        lines = list(bench.ledger.export())
    _write(file, "".join(f"{line}\n" for line in lines))
    entries = sum(line.startswith('{"actor"') for line in lines)
    if as_json:
        print_json({"file": str(file), "entries": entries, "lines": len(lines)})
    else:
        click.echo(f"{_entries(entries)} in {file}", err=True)


@click.group(cls=Commands)
def key() -> None:
    """The key that signs the ledger: show it, or let a new one follow it."""


@key.command("show")
@workspace_option
@json_option
def key_show(workspace: Path | None, as_json: bool) -> None:
    """Show the public keys that have signed this ledger, the present one last.

    \b
    Example:
      workbench ledger key show --json
    """
    from workbench import open_bench
    from workbench.ledger.checkpoints import verifier_key

    with open_bench(workspace) as bench:
        keys = bench.ledger.keys()
    if as_json:
        print_json([{**known.as_dict(), "verifier": verifier_key(known.origin, known.public)} for known in keys])
    elif not keys:
        click.echo("the ledger has no key yet; workbench ledger checkpoint makes one", err=True)
    else:
        print_table(["since entry", "key", "public (Ed25519, base64)"], [(k.since, k.key_id, k.public) for k in keys])


@key.command("rotate")
@click.option("--why", required=True, help="The reason, for the ledger.")
@rehearsal_option
@workspace_option
@json_option
def key_rotate(why: str, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Let a new key follow the present one; both sign the entry, and the old private key is deleted.

    From then on each move of a model is sealed by the key, and without its file none is made. Machines that share
    the ledger and promote need the new file.

    \b
    Example:
      workbench ledger key rotate --why "a year has passed"
    """
    from workbench import open_bench

    with open_bench(workspace, rehearsal=dry_run) as bench:
        bench.desk.check(bench.actor, "administer")
        made = bench.ledger.rotate_key(actor=bench.actor, why=why, now=bench.now())
    if as_json:
        print_json(made.as_dict())
    else:
        click.echo(f"the key {made.key_id} signs from entry {made.since} on")


def _write(file: Path, text: str) -> None:
    """Write a file so that it is there whole or as it was before."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EngineError(f"{file} cannot be written: {error.strerror or error}", hint="choose another file") from error
