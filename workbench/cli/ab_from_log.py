"""What `ab --from-log` reads: a canary's trial, from the prediction log, as the table of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd


class FromLog(NamedTuple):
    """A trial's rows, and what the design says of them."""

    rows: pd.DataFrame
    stated: dict[str, Any]  # options of the design
    shares: str
    name: str


def from_log(model: str, workspace: Path | None, metrics: Sequence[str], unit: str | None) -> FromLog:
    """The rows of the trial that runs, or of the last one.

    Args:
        model: Whose canary.
        workspace: Where.
        metrics: As given; rows in which one of their columns is not known yet are left out, and that is said.
        unit: Column of the unit; None: the units by which the canary was chosen.
    """
    from workbench import open_bench
    from workbench.bench.trials import parted
    from workbench.experiments.design import parse_metrics

    with open_bench(workspace) as bench:
        trial = bench.trial(model)
        rows = bench.trial_table(trial)
    wanted = [name for one in parse_metrics(metrics, lower="") for name in (one.column, one.denominator) if name]
    known = parted(rows, wanted)
    if known.empty:
        raise Misuse(
            f"no answer of {model} since {trial.since:%Y-%m-%d %H:%M} UTC has {' and '.join(wanted)}",
            hint=f"known are {', '.join(rows.columns)}; labels come by workbench labels, or POST /v1/labels",
        )
    left = (
        f"; {len(rows) - len(known)} are left out: {' or '.join(wanted)} is not known" if len(known) < len(rows) else ""
    )
    click.echo(
        f"{model} {trial.canary} with {trial.weight:.4g} of the units beside {model} {trial.champion}, "
        f"{trial.since:%Y-%m-%d %H:%M} to {trial.until:%Y-%m-%d %H:%M} UTC: {len(known)} answers{left}",
        err=True,
    )
    shares = ",".join(f"{arm}={share!r}" for arm, share in trial.shares.items())
    return FromLog(known, {"variant": "variant", "control": "champion", "unit": unit or "unit"}, shares, trial.name)
