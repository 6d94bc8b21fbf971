"""`workbench audit drift`: does a table still look like another, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option

if TYPE_CHECKING:
    from workbench.audits import DriftAudit

html_option = click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page that stands alone."
)


@click.command()
@click.argument("reference")
@click.argument("current", type=click.Path(path_type=Path))
@click.option(
    "--large",
    type=click.FloatRange(min=0, min_open=True),
    default=0.1,
    show_default=True,
    help="Population stability index that matters, its noise taken out.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of false finds allowed among the columns that are called drifted.",
)
@html_option
@click.option(
    "--evidently",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write Evidently's report too, made from the two profiles; it takes seconds.",
)
@workspace_option
@json_option
def drift(
    reference: str,
    current: Path,
    large: float,
    alpha: float,
    html: Path | None,
    evidently: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Compare CURRENT with REFERENCE, column by column.

    CURRENT is a .parquet or .csv file, or a folder of Parquet files. REFERENCE is one too, or a profile's
    .json, or MODEL/VERSION for the training data of a registered version. A column has drifted where the
    change is large and beyond chance over all columns; missing values and new categories count. Nothing is
    claimed of what the rows cannot show.

    \b
    Examples:
      workbench audit drift january.parquet february.parquet
      workbench audit drift lending/2 served.csv --json
      workbench audit drift january.parquet february.parquet --html drift.html
    """
    from workbench.audits import audit_drift
    from workbench.cli.audit.references import reference_profile, write_page
    from workbench.data import Profile
    from workbench.data.digests import digest_data, steady

    before = reference_profile(reference, workspace)
    with steady(current):
        now = Profile.scan(current, like=before, source=digest_data(current), strict=False)
    audit = audit_drift(before, now, large=large, alpha=alpha)
    if html is not None:
        from workbench.views.audit_report import audit_report

        title = f"{current.name} against {Path(reference).name}"
        write_page(html, audit_report(title, drift=audit, reference=before, current=now, large=large))
    if evidently is not None:
        from workbench.engines.evidently import drift_report

        write_page(evidently, drift_report(before.expanded(), now.expanded()).html)
    if as_json:
        print_json(as_plain(audit))
        return
    click.echo(audit.sentence)
    told = {"fail": "drifted", "pass": "no drift"}
    print_table(
        ["column", "PSI", "noise", "95 % interval", "p, adjusted", "nulls", "new", "verdict", "more rows"],
        [
            (
                each.column,
                f"{each.psi:.3f}",
                f"{each.noise:.3f}",
                f"[{each.low:.3f}, {each.high:.3f}]",
                f"{each.p:.2g}",
                f"{100 * each.nulls_before:.1f}\u00a0% → {100 * each.nulls_now:.1f}\u00a0%",
                ", ".join(each.new_categories[:3]),
                told.get(each.verdict, each.verdict),
                "" if not each.more_cases or each.verdict == "fail" else f"{each.more_cases:,}",
            )
            for each in audit.columns
        ],
    )


def as_plain(audit: DriftAudit) -> dict[str, Any]:
    """The audit as JSON; "statistic" is the population stability index, "effect" what is left without its noise."""
    return {
        "columns": {
            each.column: {
                "statistic": each.psi,
                "p_value": each.p,
                "effect": each.excess,
                "drifted": each.verdict == "fail",
                "verdict": each.verdict,
                "low": each.low,
                "high": each.high,
                "noise": each.noise,
                "distances": dict(each.distances),
                "nulls": {"reference": each.nulls_before, "current": each.nulls_now},
                "new_categories": list(each.new_categories),
                "more_cases": each.more_cases,
            }
            for each in audit.columns
        },
        "drifted_share": audit.drifted_share,
        "verdict": audit.verdict,
        "sentence": audit.sentence,
        "rows": {"reference": audit.rows_before, "current": audit.rows_now},
        "schema": {
            "missing": list(audit.schema.missing),
            "added": list(audit.schema.added),
            "retyped": {name: list(kinds) for name, kinds in audit.schema.retyped.items()},
        },
    }
