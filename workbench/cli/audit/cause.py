"""`workbench audit cause`: why performance dropped between two sets of cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option

if TYPE_CHECKING:
    from workbench.monitoring.upstream import Change

SEED = 20260101  # of folds and draws: the same data get the same answer


@click.command()
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("current", type=click.Path(path_type=Path))
@click.option("--label", required=True, metavar="COL", help="Column of what happened: classes or numbers.")
@click.option("--prediction", required=True, metavar="COL", help="Column of what was answered.")
@click.option("--leave-out", multiple=True, metavar="COL", help="Column that is no cause, as a score; may be repeated.")
@click.option("--time", metavar="COL", help="Column of when a case was; tells since when a cause acts.")
@click.option("--model", metavar="NAME", help="Look in the workspace's ledger for what changed just before.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the waterfall there, as PNG.")
@workspace_option
@json_option
def cause(
    reference: Path,
    current: Path,
    label: str,
    prediction: str,
    leave_out: tuple[str, ...],
    time: str | None,
    model: str | None,
    picture: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Why performance dropped: data quality, inputs by column, or a changed relation, with intervals.

    REFERENCE and CURRENT are CSV or Parquet files, or folders of Parquet files, of labelled cases. The
    causes add up to the drop.

    \b
    Examples:
      workbench audit cause may.parquet june.parquet --label approved --prediction answer
      workbench audit cause may.csv june.csv --label approved --prediction answer --time at --model lending
    """
    import numpy as np

    from workbench.audits.cause import audit_cause
    from workbench.audits.performance_json import cause_json
    from workbench.audits.performance_tables import cause_table, segment_table
    from workbench.data.tables import columns_of, read_table
    from workbench.monitoring.upstream import changes, suspects

    before, now = read_table(reference), read_table(current)
    columns_of(before, [label, prediction, *leave_out], where=str(reference))
    out = [name for name in leave_out if name in before.columns]
    audit = audit_cause(
        before.drop(columns=out),
        now,
        label=label,
        prediction=prediction,
        time=time,
        rng=np.random.default_rng(SEED),
    )
    upstream: tuple[Change, ...] = ()
    if model:
        from workbench import open_bench

        with open_bench(workspace) as bench:
            upstream = changes(model, bench.ledger.entries())
        if audit.begun is None:
            click.echo("without --time it is not known what changed just before", err=True)
    told = suspects(audit, upstream)
    if picture:
        from workbench.audits.performance_pictures import waterfall

        picture.write_bytes(waterfall(audit).png)
    if as_json:
        print_json(cause_json(audit) | {"suspects": [suspect.words for suspect in told]})
        return
    click.echo(f"{audit.verdict}: {audit.sentence}")
    for rank, suspect in enumerate(told, start=1):
        click.echo(f"{rank}. {suspect.words}")
    if audit.left_out:
        click.echo(f"left out: {'; '.join(f'{name} ({why})' for name, why in audit.left_out.items())}", err=True)
    table = cause_table(audit)
    print_table(["cause", *table.columns], table.reset_index().to_numpy().tolist())
    if audit.segments:
        where = segment_table(audit)
        print_table(
            ["column", "segment", *where.columns],
            where.reset_index().to_numpy().tolist(),
            title="where the relation changed, on equal inputs",
        )
