"""`workbench labels` and `workbench log`: what turned out to be true, and where old predictions go."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import Commands, json_option, print_json, workspace_option
from workbench.errors import EngineError, Misuse

SOME = 1000  # labels of one commit
TRUTHS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@click.command()
@click.argument("model")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", help="Who says so; default: the file's name.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be joined.")
@workspace_option
@json_option
def labels(model: str, file: Path, source: str | None, dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Join the truth to MODEL's earlier predictions, by the ids that they were answered with.

    FILE is CSV with the columns id and label, or JSON lines with these fields. A label is a number, or
    true or false. Ids that are no predictions of the model are counted and left out; a later label of the
    same prediction replaces an earlier one.

    \b
    Examples:
      workbench labels lending repaid.csv --source collections
      workbench labels lending repaid.jsonl --dry-run
    """
    from workbench import open_bench
    from workbench.serving import Label

    given = _read(file)
    with open_bench(workspace) as bench:
        if not bench.ledger.versions(model):
            raise Misuse(f"there is no model {model!r}", hint="workbench models")
        known = bench.log.known([id_ for id_, _ in given], model)
        kept = [Label(id_, value, bench.now(), source or file.name) for id_, value in given if id_ in known]
        for start in range(0, 0 if dry_run else len(kept), SOME):
            bench.log.label(kept[start : start + SOME])
    told = {"model": model, "joined": len(kept), "unknown": len(given) - len(kept), "dry_run": dry_run}
    if as_json:
        print_json(told)
    else:
        would = "would be joined" if dry_run else "joined"
        click.echo(f"{len(kept):,} labels {would} to predictions of {model}; {told['unknown']:,} ids are none of its")


@click.group(cls=Commands)
def log() -> None:
    """The prediction log's files.

    \b
    Examples:
      workbench log rotate --dry-run
      workbench log rotate
    """


@log.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@workspace_option
@json_option
def rotate(dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    """Move older predictions to Parquet files, and delete those past their time.

    How many rows stay in the database, and how many days all are kept, are the settings log_rows and
    log_days. The gateway does this every minute by itself. While a legal hold keeps the answers of any model
    (workbench retention hold), none are deleted.

    \b
    Examples:
      workbench log rotate --dry-run
      workbench log rotate --json
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        most, days = bench.settings.log_rows, bench.retention.log_days
        done = bench.log.rotate(now=bench.now(), most=most, days=days, dry_run=dry_run)
    if as_json:
        print_json({**done._asdict(), "dry_run": dry_run})
    else:
        would = "would be " if dry_run else ""
        click.echo(
            f"{done.moved:,} rows {would}moved, {done.deleted} files {would}deleted; "
            f"{done.rows:,} rows in the database, {done.files} files"
        )


def _read(file: Path) -> list[tuple[str, float]]:
    """Ids and labels of a file."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"{file} cannot be read: {error}", hint="give a CSV file or JSON lines") from error
    lines: list[Any]
    if text.lstrip()[:1] == "{":
        try:
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise Misuse(f"{file} is no JSON lines: {error}", hint='one {"id": "p…", "label": 1} a line') from error
    else:
        lines = list(csv.DictReader(text.splitlines()))
    found = []
    for number, line in enumerate(lines, start=1):
        if type(line) is not dict or not line.get("id") or line.get("label") in {None, ""}:
            raise Misuse(f"{file} has no id or no label in row {number}", hint="the columns are id and label")
        found.append((str(line["id"]), _value(file, number, line["label"])))
    return found


def _value(file: Path, number: int, label: Any) -> float:
    from math import isfinite

    try:
        value = TRUTHS[str(label).lower()] if str(label).lower() in TRUTHS else float(label)
    except (ValueError, TypeError):
        value = float("nan")
    if not isfinite(value):
        raise Misuse(f"{file} has the label {label!r} in row {number}", hint="labels are numbers, or true or false")
    return value
