"""`workbench audit performance`: how good predictions are, and whether another version's are better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

    from workbench.audits.predictions import PredictionAudit
    from workbench.audits.versions import VersionComparison

SEED = 20260101  # of the bootstrap: the same data get the same answer


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--label", required=True, metavar="COL", help="Column of what happened: classes or numbers.")
@click.option("--prediction", required=True, metavar="COL", help="Column of what was answered, in the label's terms.")
@click.option("--score", metavar="COL", help="Column of the probability of 1; for AUC, log loss, calibration.")
@click.option("--against", metavar="COL", help="Column of a challenger's answers to the same cases.")
@click.option("--against-score", metavar="COL", help="Column of the challenger's probability of 1.")
@json_option
def performance(
    data: Path,
    label: str,
    prediction: str,
    score: str | None,
    against: str | None,
    against_score: str | None,
    as_json: bool,
) -> None:
    """How good predictions are, label by label, and whether a challenger is better on the same cases.

    DATA is a CSV or Parquet file, one row a case. The verdict on predictions is against always giving
    the most frequent label (of numbers: the mean).

    \b
    Examples:
      workbench audit performance answers.csv --label approved --prediction answer --score chance
      workbench audit performance answers.csv --label approved --prediction v1 --against v2
    """
    import numpy as np

    from workbench.audits.answers import numeric
    from workbench.audits.predictions import audit_predictions
    from workbench.audits.versions import compare_versions
    from workbench.data.tables import columns_of, read_table

    if against_score and not (score and against):
        raise Misuse("--against-score has nothing to be compared with", hint="give --score and --against too")
    names = [name for name in (label, prediction, score, against, against_score) if name]
    frame = columns_of(read_table(data), names, where=str(data))
    truth, answer = frame[label].to_numpy(), frame[prediction].to_numpy()
    chance = numeric(frame[score], score) if score else None
    audit = audit_predictions(truth, answer, chance, rng=np.random.default_rng(SEED))
    comparison = None
    if against:
        both = (chance, numeric(frame[against_score], against_score)) if chance is not None and against_score else None
        comparison = compare_versions(
            truth,
            answer,
            frame[against].to_numpy(),
            rng=np.random.default_rng(SEED),
            scores=both,
            names=(prediction, against),
        )
    if as_json:
        from workbench.audits.performance_json import comparison_json, prediction_json

        beside = {"against": comparison_json(comparison)} if comparison else {}
        print_json(prediction_json(audit) | beside)
        return
    _print(audit, comparison)


def _print(audit: PredictionAudit, comparison: VersionComparison | None) -> None:
    from workbench.audits.performance_tables import calibration_table, label_table, metric_table
    from workbench.audits.versions import versions_table

    click.echo(f"{audit.verdict}: {audit.sentence}")
    _print_frame(metric_table(audit))
    if audit.by_label:
        _print_frame(label_table(audit))
    if audit.calibration:
        click.echo(f"{audit.calibration.verdict}: {audit.calibration.sentence}")
        _print_frame(calibration_table({"score": audit.calibration}))
    if comparison:
        click.echo(f"{comparison.verdict}: {comparison.sentence}")
        _print_frame(versions_table(comparison))


def _print_frame(table: pd.DataFrame) -> None:
    print_table([str(table.index.name), *map(str, table.columns)], table.reset_index().to_numpy().tolist())
