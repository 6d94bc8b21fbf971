"""`workbench audit fairness`: who is selected how often, who is wrongly refused, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table

if TYPE_CHECKING:
    from workbench.audits import Estimate, FairnessAudit, Lattice, ScoreAudit, ThresholdTable

SHOWN = ("selection_rate", "fnr", "fpr", "precision", "accuracy")
MOST = 10  # comparisons of the lattice that are printed


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--label", required=True, metavar="COL", help="Column that holds what was true, 0 or 1.")
@click.option("--prediction", required=True, metavar="COL", help="Column that holds what was answered, 0 or 1.")
@click.option("--score", metavar="COL", help="Column that holds the probability of yes, in [0, 1].")
@click.option("--group", "groups", required=True, multiple=True, metavar="COL", help="Protected column; may repeat.")
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="Disparate impact that is to be shown.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Difference between groups that its probability speaks of.",
)
@click.option(
    "--least-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.02,
    show_default=True,
    help="Share of all cases from which a group is compared.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the posterior draws.")
@json_option
def fairness(
    data: Path,
    label: str,
    prediction: str,
    score: str | None,
    groups: tuple[str, ...],
    target: float,
    tolerance: float,
    least_share: float,
    seed: int,
    as_json: bool,
) -> None:
    """Audit the answers in DATA, a CSV or Parquet file with one row a case, by protected columns.

    With several columns every crossing of them is audited too. With a score, also how well it ranks and
    agrees with the label in each group, and what equal rates would cost.

    \b
    Examples:
      workbench audit fairness loans.csv --label approved --prediction answer --group race --group sex
      workbench audit fairness loans.parquet --label y --prediction p --score s --group race --json
    """
    import numpy as np

    from workbench.audits import audit_fairness, audit_scores, explore, fairness_json, lattice
    from workbench.data import CountCube, ScoreCube

    cube = CountCube.read(data, groups, label=label, prediction=prediction)
    audit = audit_fairness(
        cube, rng=np.random.default_rng(seed), target=target, tolerance=tolerance, least_share=least_share
    )
    ordered = lattice(cube)
    scores = {} if score is None else {name: ScoreCube.read(data, [name], score=score, label=label) for name in groups}
    by_score = {name: audit_scores(found) for name, found in scores.items()}
    thresholds = {name: explore(found, least_share=least_share) for name, found in scores.items()}
    if as_json:
        print_json(fairness_json(audit, lattice=ordered, scores=by_score, thresholds=thresholds))
        return
    click.echo(f"{audit.verdict}: {audit.sentence}\n")
    _print_groups(audit)
    _print_aggregates(audit)
    _print_lattice(ordered)
    _print_scores(by_score, thresholds)


def _print_groups(audit: FairnessAudit) -> None:
    rows = [
        (
            each.name,
            group.name,
            f"{group.n:,}" if group.compared else f"{group.n:,}, not compared",
            *(_told(group.rates[metric]) for metric in SHOWN),
        )
        for each in audit.by
        if len(each.attributes) == 1
        for group in each.groups
    ]
    print_table(("by", "group", "cases", *(name.replace("_", " ") for name in SHOWN)), rows, title="Groups")


def _print_aggregates(audit: FairnessAudit) -> None:
    rows = [
        (
            each.name,
            name.replace("_", " "),
            _told(found),
            "" if found.target is None else f"{'≥' if name == 'disparate_impact' else '≤'} {found.target:g}",
            "undefined" if found.probability is None else f"{found.probability:.3f}",
            f"{each.more_cases:,}" if name == "disparate_impact" and each.more_cases else "",
        )
        for each in audit.by
        for name, found in each.aggregates.items()
    ]
    columns = ("by", "distance", "value", "target", "probability", "more cases to decide")
    print_table(columns, rows, title="How far apart, and how sure")


def _print_lattice(found: Lattice) -> None:
    click.echo(found.sentence)
    rows = [
        (
            "*".join(row.attributes),
            row.name,
            row.metric.replace("_", " "),
            f"{row.value:.3f}",
            f"{row.others_value:.3f} of {row.others}",
            f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]",
            f"{row.adjusted:.2g}",
        )
        for row in found.comparisons[: min(MOST, found.found)]
    ]
    if rows:
        print_table(("by", "group", "metric", "rate", "beside", "difference", "p, adjusted"), rows)


def _print_scores(by_score: dict[str, ScoreAudit], thresholds: dict[str, ThresholdTable]) -> None:
    rows = [
        (
            name,
            ", ".join(group.group),
            _told(group.auc),
            "" if group.calibration.predicted is None else f"{group.calibration.predicted:.3f}",
            "" if group.calibration.observed is None else f"{group.calibration.observed:.3f}",
        )
        for name, audit in by_score.items()
        for group in audit.groups
    ]
    if rows:
        print_table(("by", "group", "AUC", "mean score", "share of yes"), rows, title="Scores")
    for name, table in thresholds.items():
        click.echo(f"By {name}: {table.sentence}")


def _told(found: Estimate) -> str:
    if found.value is None:
        return "undefined"
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
