"""`certificate`, `verify`, `card`, `docpack`: what leaves the workspace about a version, and its check without one."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import json_option, print_json, say, workspace_option
from workbench.errors import EngineError, Misuse

MOST_BYTES = 64_000_000  # of a certificate that is read


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: stdout.")
@workspace_option
@json_option
def certificate(model: str, version: int, out: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Write one file that says why VERSION of MODEL was promoted, signed, to be checked anywhere.

    It holds the digests, the policy and what it was told, the evidence, the approvals, the decision, and the
    proof that all of it stands in the ledger. `workbench verify` checks it, and so does a script without us.

    \b
    Examples:
      workbench certificate lending 3 --out lending-3.json
      workbench verify lending-3.json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        made = bench.papers.certificate(model, version)
        key = bench.signing_key
    text = json.dumps(made, indent=None if out else 1) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    _write(out, text)
    if as_json:
        print_json({"file": str(out), "bytes": len(text), "key_id": key.key_id, "public": key.public})
    else:
        click.echo(f"{model} {version} is certified in {out}, signed by {key.key_id}")
        click.echo(f"public key, to hand over by another way: {key.public}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--key", "keys", multiple=True, metavar="PUBLIC", help="Public key that is trusted, in base64; or a file."
)
@click.option("--model-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder with the model's files.")
@click.option("--again/--no-again", default=True, help="Ask the policy again, where its engine is here; on by default.")
@json_option
def verify(file: Path, keys: tuple[str, ...], model_dir: Path | None, again: bool, as_json: bool) -> None:
    """Check a certificate with no workspace and no network, and say in words each thing that was checked.

    Exit code 0: all holds. 3: something does not.

    \b
    Examples:
      workbench verify lending-3.json
      workbench verify lending-3.json --key 4fK…= --model-dir models/lending
    """
    from workbench.evidence.checking import check
    from workbench.ledger.dsse import read_json

    try:
        text = sys.stdin.read(MOST_BYTES) if str(file) == "-" else _read(file)
        envelope = read_json(text)
    except ValueError as error:
        raise Misuse(f"{file} is no JSON: {error}", hint="give a file that workbench certificate wrote") from error
    files = None
    if model_dir is not None:
        from workbench.data.digests import file_digests

        files = file_digests(model_dir)
    found = check(envelope, keys=[_key(key) for key in keys], files=files, redecide=_again if again else None)
    if as_json:
        print_json({"valid": all(one.held is not False for one in found), "checks": [one.as_json() for one in found]})
    else:
        for one in found:
            mark = "?" if one.held is None else "ok" if one.held else "NO"
            say(f"{mark:>2}  {one.what}: {' '.join(one.words.split())}")  # no line of its own by what a file says
    broken = [one.what for one in found if one.held is False]
    if broken:
        click.echo(f"{file} does not hold: {', '.join(dict.fromkeys(broken))}", err=True)
        raise SystemExit(3)
    if not as_json:
        click.echo("everything that could be checked holds")


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="File for the card as a page of its own.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="File for the card as Markdown.")
@workspace_option
@json_option
def card(
    model: str, version: int, html: Path | None, markdown: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Write the model card of VERSION of MODEL from the ledger; what is missing is named with the way to fill it.

    \b
    Examples:
      workbench card lending 3
      workbench card lending 3 --html card.html --markdown card.md
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        made = bench.papers.card(model, version)
    if html is not None:
        _write(html, made.as_html())
    if markdown is not None:
        _write(markdown, made.as_markdown())
    missing = [{"missing": hole.missing, "command": hole.command} for hole in made.holes]
    if as_json:
        print_json({"title": made.title, "holes": missing, "markdown": made.as_markdown()})
    elif html is None and markdown is None:
        click.echo(made.as_markdown(), nl=False)
    else:
        written = " and ".join(str(path) for path in (html, markdown) if path)
        click.echo(f"{made.title} is in {written}; {len(missing)} missing")


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write into.")
@workspace_option
@json_option
def docpack(model: str, version: int, out: Path, workspace: Path | None, as_json: bool) -> None:
    """Write the technical documentation of VERSION of MODEL, section by section as Annex IV asks, with its proofs.

    \b
    Example:
      workbench docpack lending 3 --out lending-3-documentation
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        files = bench.papers.write_pack(model, version, out)
        missing = bench.papers.documentation(model, version).holes
    if as_json:
        holes = [{"missing": hole.missing, "command": hole.command} for hole in missing]
        print_json({"folder": str(out), "files": [path.name for path in files], "holes": holes})
        return
    click.echo(f"{len(files)} files in {out}; begin with documentation.html")
    for hole in missing:
        click.echo(f"missing: {hole.missing}" + (f" ({hole.command})" if hole.command else ""), err=True)


def _again(name: str, source: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    from workbench.engines.rego import RegoEngine
    from workbench.policy import Policy, decide

    return decide(RegoEngine(), Policy.parse(name, source), dict(document)).as_body()


def _key(given: str) -> str:
    """A public key as it was given, or as it stands in a file."""
    path = Path(given)
    try:
        return path.read_text("ascii").strip() if len(given) < 256 and path.is_file() else given.strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"the key {given} cannot be read: {error}", hint="give it in base64, or a file with it") from error


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise Misuse(f"{file} has {file.stat().st_size:,} bytes", hint=f"a certificate has at most {MOST_BYTES:,}")
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{file} cannot be read: {error}", hint="give a file that workbench certificate wrote") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror or error}", hint="choose another file") from error
