"""`workbench audit quality`: is a table what it should be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.audit.drift import html_option
from workbench.cli.options import json_option, print_json, print_table, workspace_option

if TYPE_CHECKING:
    from workbench.audits import QualityAudit

SHARE = click.FloatRange(0, 1)
ABOVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--reference", help="Learn what is expected: a table, a profile's .json, or MODEL/VERSION.")
@click.option(
    "--expect",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read what is expected from a JSON file; see --expectations.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="COLUMN", help="A column whose values are unique; may be repeated."
)
@click.option("--time", metavar="COLUMN", help="The column that says when a row happened.")
@click.option("--fresh", type=ABOVE, metavar="HOURS", help="The newest row is at most so old; needs --time.")
@click.option("--retention", type=ABOVE, metavar="DAYS", help="No row is older than this; needs --time.")
@click.option("--missing", type=SHARE, help="Largest share of missing values in a column without a rule; default 0.05.")
@click.option("--duplicates", type=SHARE, help="Largest share of rows that repeat an earlier one; default 0.01.")
@click.option("--expectations", is_flag=True, help="Print what is expected as JSON, for --expect, and check nothing.")
@html_option
@workspace_option
@json_option
def quality(
    data: Path,
    reference: str | None,
    expect: Path | None,
    keys: tuple[str, ...],
    time: str | None,
    fresh: float | None,
    retention: float | None,
    missing: float | None,
    duplicates: float | None,
    expectations: bool,
    html: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Check DATA (.parquet or .csv): types, missing values, ranges, categories, keys, repeated rows, age.

    What is expected is stated (--expect, and the options), learned from a reference, or the default.

    \b
    Examples:
      workbench audit quality loans.parquet
      workbench audit quality loans.csv --key id --time applied --fresh 24 --retention 365 --json
      workbench audit quality february.parquet --reference january.parquet --html quality.html
    """
    from datetime import UTC, datetime

    from workbench.audits import audit_quality
    from workbench.audits.expectations import Expectations, expected
    from workbench.cli.audit.references import read_text, reference_profile, write_page
    from workbench.data import Profile, Repeats
    from workbench.data.digests import digest_data, steady

    stated = None if expect is None else read_text(expect)
    if time is None and stated is not None:
        time = Expectations.from_json(stated).time
    moments = () if time is None else (time,)
    before = None if reference is None else reference_profile(reference, workspace, moments=moments)
    rules = expected(
        stated,
        before,
        keys=keys,
        time=time,
        fresh_hours=fresh,
        retention_days=retention,
        missing=missing,
        duplicates=duplicates,
    )
    if expectations:
        click.echo(rules.as_json())
        return
    with steady(data):
        profile = Profile.scan(data, like=before, source=digest_data(data), strict=False, every=True, moments=moments)
        repeats = Repeats.scan(data, keys=rules.keys)
    audit = audit_quality(profile, rules, repeats=repeats, now=datetime.now(UTC))
    if html is not None:
        from workbench.views.audit_report import audit_report

        write_page(html, audit_report(f"Quality of {data.name}", quality=audit))
    if as_json:
        print_json(as_plain(audit))
        return
    click.echo(audit.sentence)
    rows = [
        (each.column, each.name, each.verdict, each.sentence, f"{each.more_cases:,}" if each.more_cases else "")
        for each in audit.checks
        if each.verdict != "pass"
    ]
    if rows:
        print_table(["column", "check", "verdict", "what was found", "more rows"], rows)


def as_plain(audit: QualityAudit) -> dict[str, Any]:
    """The audit as JSON."""
    return {
        "checks": [asdict(check) for check in audit.checks],
        "failed": len(audit.failed),
        "rows": audit.profile.rows,
        "columns": {
            name: {"kind": audit.profile.schema.get(name), "missing": column.nulls, "values": column.n}
            for name, column in audit.profile.columns.items()
        },
        "verdict": audit.verdict,
        "sentence": audit.sentence,
    }
